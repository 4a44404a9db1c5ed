"""Who may come in: each request is asked for its key before anything else is done about it.

What goes on from here carries no credential of the client's any more. Without any keys in the
settings the door stands open and nothing is changed.
"""

from __future__ import annotations

import hmac
import math
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from downroute.config import read_secret
from downroute.errors import ConfigError
from downroute.gateway import json_text
from downroute.gateway.error_reply import Refusal
from downroute.gateway.headers import CREDENTIALS, safe
from downroute.gateway.hosts import Hosts
from downroute.gateway.kept_headers import KeptHeaders
from downroute.gateway.keys import PREFIX, Key, digest_of, keys_by_digest
from downroute.gateway.message import Headers, Reply, Request, made_of
from downroute.gateway.rate import Cells, wait_s
from downroute.gateway.refused import refused
from downroute.gateway_settings import GatewaySettings

OPEN = frozenset({"/health", "/ready", "/openapi.json"})
"""For whoever looks after the process. What /ready tells beyond that it is ready is for the
admin."""
ADMIN = frozenset({"/metrics"})
_OTHER_MODELS = ("models", "fallbacks")
"""Members by which some upstreams, which route by themselves, are told of further models."""
_ASKS = ("www-authenticate", 'Bearer realm="downroute"')
_SHORTEST_ADMIN_KEY = 16


class Door:
    """Goes by the last settings taken; but where keys were asked for once they always are, so that
    no file that is cut short opens the door. ``folder`` is where processes on one port share what
    they know of how often each key was used. ``loopback``: it is reached from this machine
    alone.

    Raises:
        ConfigError: the admin key cannot be read, or is too short to be one.
    """

    def __init__(
        self,
        settings: GatewaySettings,
        environment: Mapping[str, str] = os.environ,
        folder: Path | None = None,
        *,
        loopback: bool = False,
    ) -> None:
        self._loopback = loopback
        self._hosts: Hosts | None = None
        """By which names it may be addressed, where that matters."""
        self._environment = environment
        self._cells = Cells(folder)
        self._keys: Mapping[bytes, Key] = {}
        self._admin: bytes | None = None
        self._keyed = False
        """A key is asked for."""
        self._closed = False
        """Somebody has to show something to be told about the gateway as a whole."""
        self.take(settings)

    def take(self, settings: GatewaySettings) -> None:
        """Go by ``settings`` from now on; from any thread. Raises as the class: then it is still
        the former admin key that counts, but the new keys do."""
        self._keys = keys_by_digest(settings.keys)
        self._keyed = self._keyed or bool(self._keys)
        self._hosts = Hosts(settings.hosts) if self._loopback and not self._keyed else None
        self._closed = self._closed or self._keyed
        self._admin = admin_digest(settings.admin_key, self._environment)
        self._closed = self._closed or self._admin is not None

    def admit(self, request: Request, path: str) -> Request | Reply:
        """``request`` as it may go on, with its key; or the reply that it may not. ``path`` is its
        path without version."""
        if self._hosts is not None and (host := self._hosts.stranger(request.headers)):
            return _misled(request, host)
        if not self._closed or path in OPEN:
            return request
        if path in ADMIN:
            return self._admin_only(request, path)
        if not self._keyed:
            return request
        return self._with_key(request)

    def turned_away(self, head: Request, path: str) -> Reply | None:
        """The reply that a request may not come in, as far as its ``head`` says it; its body is
        still to come. As `admit`, but nothing is counted."""
        if self._hosts is not None and (host := self._hosts.stranger(head.headers)):
            return _misled(head, host)
        if not self._closed or path in OPEN:
            return None
        if path in ADMIN:
            admitted = self._admin_only(head, path)
            return admitted if isinstance(admitted, Reply) else None
        if not self._keyed:
            return None
        _, digests = made_of(head.headers, _without_credentials)
        found = self._known(digests)
        return _unknown(head, found) if isinstance(found, str) else None

    def trusts(self, request: Request) -> bool:
        """Whether ``request`` may be told about the gateway as a whole."""
        return not self._closed or self._is_admin(request)

    def _admin_only(self, request: Request, path: str) -> Request | Reply:
        if self._is_admin(request):
            return request
        if self._admin is None:
            message = f"{path} wants an admin key, and none is set: `gateway.admin_key` in the "
            message += "settings names where it is"
        else:
            message = f"{path} wants the admin key, as `Authorization: Bearer KEY`"
        return _unknown(request, message)

    def _is_admin(self, request: Request) -> bool:
        admin, found = self._admin, False
        for name, value in request.headers:
            token = _token(name, value) if name in CREDENTIALS else None
            if token is not None and admin is not None:
                found |= hmac.compare_digest(digest_of(token), admin)
        return found

    def _with_key(self, request: Request) -> Request | Reply:
        onward, digests = made_of(request.headers, _without_credentials)
        digest = self._known(digests)
        if isinstance(digest, str):
            return _unknown(request, digest)
        key = self._keys[digest]
        if key.requests_per_minute is not None:
            cell = self._cells.cell(digest.hex()[:32])
            left_s = wait_s(cell, key.requests_per_minute, time.monotonic())
            if left_s > 0:
                return _too_many(request, key, left_s)
        body = request.body
        if key.models is not None and body:
            found = _unmistakable(body)
            if isinstance(found, Refusal):
                return refused(request, found)
            body = found
        return Request(request.method, request.path, onward, body, request.target, key)

    def _known(self, digests: Sequence[bytes]) -> bytes | str:
        """The digest of a key in force, the first offered that is known; else why there is none."""
        keys = self._keys
        if not keys:
            return _GONE
        digest = next((d for d in digests if d in keys), None)
        if digest is None:
            return _WRONG if digests else _MISSING
        key = keys[digest]
        if key.revoked:
            return f"the key '{key.name}' has been revoked"
        if key.expires_at is not None and time.time() >= key.expires_at:
            return f"the key '{key.name}' has expired"
        return digest


_MISSING = "this gateway wants a key: `Authorization: Bearer KEY`, or `x-api-key: KEY`"
_GONE = (
    "the last key has gone from this gateway's settings; nobody is let in until there is one, or "
    "until it is started anew without"
)
_WRONG = f"the key is not known here; this gateway's begin with {PREFIX}"


def _without_credentials(headers: Headers) -> tuple[Headers, list[bytes]]:
    """What goes on of ``headers``, and the digests of what they offer as keys."""
    onward = KeptHeaders([pair for pair in headers if pair[0] not in CREDENTIALS])
    tokens = [_token(*pair) for pair in headers if pair[0] in CREDENTIALS]
    return onward, [digest_of(token) for token in tokens if token is not None]


def _token(name: str, value: str) -> str | None:
    """What the client offers as a key in one of its headers."""
    if name != "authorization":
        return value.strip()
    scheme, _, token = value.strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _unmistakable(body: bytes) -> bytes | Refusal:
    """A JSON body that nobody can read as one for another model than we do: of a member that
    stands there twice the one we read, none that differs from it in case, none that names
    others."""
    try:
        members = json_text.fields(body)
    except ValueError:
        # No JSON object: whoever reads it next says so, or finds no model in it.
        return body
    others = next((name for name in _OTHER_MODELS if name in members), None)
    if others is not None:
        message = f"a key limited to some models may not name others in '{others}'"
        return Refusal(403, message, param=others, code="model_not_allowed")
    twins = [name for name in members if name != "model" and name.lower() == "model"]
    if twins:
        message = f"'{twins[0]}' beside 'model' could be read as the model; leave it out"
        return Refusal(400, message, param=twins[0], code="ambiguous_model")
    return json_text.join({**members})


def _misled(request: Request, host: str) -> Reply:
    message = (
        f"without keys this gateway answers to no public name, since any web page could make one "
        f"lead here: put '{safe(host)}' under `gateway.hosts` in downroute.yaml, or ask at "
        "127.0.0.1 or localhost"
    )
    return refused(request, Refusal(403, message, code="host_not_allowed"))


def _unknown(request: Request, message: str) -> Reply:
    return refused(request, Refusal(401, message, code="invalid_api_key"), [_ASKS])


def _too_many(request: Request, key: Key, left_s: float) -> Reply:
    after_s = max(1, math.ceil(left_s))
    message = (
        f"the key '{key.name}' is for {key.requests_per_minute} requests a minute; try again in "
        f"{after_s} s"
    )
    refusal = Refusal(429, message, "requests", code="rate_limit_exceeded")
    return refused(request, refusal, [("retry-after", str(after_s))])


def admin_digest(reference: str | None, environment: Mapping[str, str]) -> bytes | None:
    """Of the admin key that ``reference`` names; raises as `Door`."""
    secret = read_secret(reference, environment)
    if secret is None:
        return None
    if len(secret) < _SHORTEST_ADMIN_KEY:
        raise ConfigError(
            f"gateway.admin_key ({reference}) is shorter than {_SHORTEST_ADMIN_KEY} characters and "
            "could be guessed; `openssl rand -hex 32` makes one"
        )
    return digest_of(secret)
