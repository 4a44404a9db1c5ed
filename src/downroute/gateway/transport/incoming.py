"""PURE: what a client's bytes were read as."""

from __future__ import annotations

from downroute.gateway.error_reply import Refusal
from downroute.gateway.message import Request


class Incoming:
    """A request, or why there is none; after a refusal nothing more is read. ``persists``: the
    client may send another one. ``chunks``: it understands a chunked reply (HTTP/1.1).
    ``head_only``: the reply's body is not sent (HEAD)."""

    __slots__ = ("chunks", "head_only", "persists", "refusal", "request")

    def __init__(
        self,
        request: Request | None,
        refusal: Refusal | None = None,
        persists: bool = False,
        chunks: bool = True,
        head_only: bool = False,
    ) -> None:
        self.request = request
        self.refusal = refusal
        self.persists = persists
        self.chunks = chunks
        self.head_only = head_only
