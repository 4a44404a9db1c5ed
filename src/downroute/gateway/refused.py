"""PURE: a refusal in the shape of the API that a request is of."""

from __future__ import annotations

from downroute.gateway.chat_wire import CHAT
from downroute.gateway.error_reply import Refusal
from downroute.gateway.message import Headers, Reply, Request
from downroute.gateway.messages_wire import MESSAGES


def refused(request: Request, refusal: Refusal, headers: Headers = ()) -> Reply:
    """A request is Anthropic's by its path, or because it names a version of that API."""
    path = request.path.rstrip("/").removeprefix("/v1")
    messages = path == "/messages" or path.startswith("/messages/")
    anthropic = messages or any(name == "anthropic-version" for name, _ in request.headers)
    return (MESSAGES if anthropic else CHAT).refused(refusal, headers)
