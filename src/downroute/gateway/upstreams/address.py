"""One place where an upstream is asked: its URLs, its key, how patiently it is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from downroute.config import read_secret
from downroute.gateway.headers import CREDENTIALS, to_upstream
from downroute.gateway.kept_headers import KeptHeaders
from downroute.gateway.keys import PREFIX
from downroute.gateway.message import Headers
from downroute.gateway.upstream import Patience
from downroute.providers.endpoint import endpoint
from downroute.upstream_settings import Place, Upstream

OPENAI = "openai"
ANTHROPIC = "anthropic"
_KEY_HEADERS = {OPENAI: "authorization", ANTHROPIC: "x-api-key"}
_CHAT_PATHS = {OPENAI: "/chat/completions", ANTHROPIC: "/messages"}
_VERSION = "2023-06-01"
"""Of Anthropic's API, where the client names none."""
_FOR_EVER = float("inf")
_MOST_MADE = 64
"""Places whose headers are kept with those of a client."""


@dataclass(frozen=True, slots=True)
class Address:
    """``api`` is the upstream's shape, ``chat_url`` where models are asked in that shape; ``base``
    with a path behind it, and ``query``, make any other address of it. ``headers`` are the
    configured ones, key included; ``defaults`` are sent where the client sends none of that
    name."""

    upstream: str
    api: str
    chat_url: str
    base: str
    query: str
    own_key: bool
    plain: Patience
    stream: Patience
    headers: Mapping[str, str] = field(repr=False)
    defaults: Mapping[str, str] = field(default_factory=dict)
    key: str | None = field(default=None, repr=False)

    def patience(self, left_s: float, *, stream: bool) -> Patience:
        """With a reply that must be here in ``left_s``."""
        own = self.stream if stream else self.plain
        total_s = max(min(left_s, own.total_s), 0.001)
        return Patience(total_s, own.idle_s, own.first_byte_s, own.connect_s)

    def url(self, path: str, asked: str = "") -> str:
        """Of a ``path`` of this API, ``asked`` with a query of the client's, in which no key of the
        gateway's own goes along."""
        if PREFIX in asked:
            asked = "&".join([part for part in asked.split("&") if PREFIX not in part])
        return _url(self.base, path, asked, self.query)

    def chat_url_with(self, asked: str) -> str:
        """Where models are asked with a query of the client's."""
        return self.url(_CHAT_PATHS[self.api], asked) if asked else self.chat_url

    def sent(self, onward: Headers) -> Headers:
        """The client's headers with its own."""
        if not isinstance(onward, KeptHeaders):
            return self._sent(onward)
        # By identity, which is a fraction of a hash's cost; what is held cannot lend its to others.
        known: tuple[Address, Headers] | None = onward.made.get(id(self))
        if known is None or known[0] is not self:
            if len(onward.made) >= _MOST_MADE:
                onward.made.clear()  # a connection may outlive any number of configurations
            known = onward.made[id(self)] = self, KeptHeaders(self._sent(onward))
        return known[1]

    def _sent(self, onward: Headers) -> Headers:
        return to_upstream(onward, self.headers, own_key=self.own_key, defaults=self.defaults)


def address(name: str, upstream: Upstream, place: Place, environment: Mapping[str, str]) -> Address:
    """Raises:
    ConfigError: the URL is none, or the key cannot be read.
    """
    where = endpoint(place.base_url, f"upstreams.{name}.base_url")
    key = read_secret(place.key, environment)
    headers = {k.lower(): v for k, v in place.headers.items()}
    if key is not None:
        header = (upstream.key_header or _KEY_HEADERS[upstream.api]).lower()
        headers[header] = f"Bearer {key}" if header == "authorization" else key
    query = urlsplit(where.url).query
    plain, stream = patience(upstream)
    return Address(
        upstream=name,
        api=upstream.api,
        chat_url=_url(where.base, _CHAT_PATHS[upstream.api], query),
        base=where.base,
        query=query,
        own_key=key is not None or bool(CREDENTIALS & set(headers)),
        plain=plain,
        stream=stream,
        headers=headers,
        defaults={"anthropic-version": _VERSION} if upstream.api == ANTHROPIC else {},
        key=key,
    )


def _url(base: str, path: str, *queries: str) -> str:
    query = "&".join([part for part in queries if part])
    return f"{base}{path}{'?' if query else ''}{query}"


def patience(upstream: Upstream) -> tuple[Patience, Patience]:
    """With a plain reply and with a stream: ``timeout_s`` bounds the one as a whole, of the other
    every silence, where ``timeouts`` does not say otherwise."""
    told, usual_s = upstream.timeouts, upstream.timeout_s
    plain = Patience(
        total_s=told.total_s or usual_s,
        idle_s=told.between_chunks_s,
        first_byte_s=told.first_byte_s,
        connect_s=told.connect_s,
    )
    stream = Patience(
        total_s=told.total_s or _FOR_EVER,
        idle_s=told.between_chunks_s or usual_s,
        first_byte_s=told.first_byte_s or usual_s,
        connect_s=told.connect_s,
    )
    return plain, stream
