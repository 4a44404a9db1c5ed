"""PURE: an upstream's base URL → the address that answers chat completions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from downroute.errors import ConfigError

_PATH = "/chat/completions"
_MESSAGES = re.compile(r"(?<=/v\d)/messages$")
_VERSION = re.compile(r"/v\d\w*(?=/|$)|/openai/deployments/")
"""Azure's deployments name theirs in the query."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where chat requests go: ``url``, its ``host`` (with the port), the ``base`` before
    ``/chat/completions``, and the ``setting`` a person changes to change it."""

    url: str
    host: str
    base: str
    setting: str


def endpoint(base_url: str, setting: str = "base_url") -> Endpoint:
    """Where to POST a chat request.

    ``/v1`` is added where the path has no version yet (``https://api.openai.com``, ``…/v1`` and
    ``…/v1/`` end up the same); a path with a version in it is taken as it is, since some APIs put
    theirs elsewhere (``…/v1beta/openai``); so are one of an Azure deployment
    (``…/openai/deployments/NAME?api-version=…``) and a whole ``…/chat/completions`` or, of
    Anthropic's API, ``…/v1/messages``.

    Raises:
        ConfigError: no http(s) URL with a host, or one with a password in it.
    """
    try:
        parts = urlsplit(base_url.strip())
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = None
    if not usable:
        raise ConfigError(f"{setting}: {base_url!r} is no URL like https://api.example.com/v1")
    if "@" in parts.netloc:
        raise ConfigError(
            f"{setting}: the URL of {parts.hostname} holds a user or password; name a key with "
            "`key: env:VARIABLE` instead"
        )
    given = re.sub("/+", "/", parts.path).rstrip("/")
    path = given.removesuffix(_PATH)
    path = _MESSAGES.sub("", path)
    if path == given and not _VERSION.search(path):
        path += "/v1"
    return Endpoint(
        url=urlunsplit((parts.scheme, parts.netloc, path + _PATH, parts.query, "")),
        host=parts.netloc,
        base=urlunsplit((parts.scheme, parts.netloc, path, "", "")),
        setting=setting,
    )
