"""PURE: what a request says: its words, its schema, its identity.

A request is an OpenAI chat-completions body (a mapping with ``messages`` and perhaps ``tools``).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from downroute.records import Json
from downroute.remembered import Remembered

DELIVERY_KEYS = frozenset({"model", "stream", "stream_options", "metadata", "user", "store", "n"})
"""Body keys that say who is asked and how the answer is delivered, not what is asked."""


def canonical_json(value: Json) -> str:
    """One text per JSON value: sorted keys, no spaces, real characters."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(value: Json) -> str:
    """SHA-256 of a JSON value's canonical text, in hex."""
    return hashlib.sha256(canonical_json(value).encode("utf-8", "surrogatepass")).hexdigest()


def content_text(content: Json) -> str:
    """The text of a message's ``content``: a string, or the text parts of a list, joined."""
    if isinstance(content, str):
        return content
    if isinstance(content, Sequence):
        parts = (p for p in content if isinstance(p, (dict, Mapping)))
        return "\n".join(p["text"] for p in parts if isinstance(p.get("text"), str))
    return ""


def messages(request: Mapping[str, Json]) -> Iterator[Mapping[str, Json]]:
    """The well-formed messages of a request, in order."""
    yield from _mappings(request.get("messages"))


def system_text(request: Mapping[str, Json]) -> str:
    """All system and developer messages, joined by a newline; empty where there are none."""
    return "\n".join(
        content_text(m.get("content"))
        for m in messages(request)
        if m.get("role") in ("system", "developer")
    )


def tool_schemas(request: Mapping[str, Json]) -> Mapping[str, Json]:
    """Each offered function's name → its parameters schema (``{}`` where it names none)."""
    tools = request.get("tools")
    return _schemas_of(tools) if tools else {}


def _tool_schemas(tools: Json) -> Mapping[str, Json]:
    found: dict[str, Json] = {}
    for tool in _mappings(tools):
        function = tool.get("function")
        if isinstance(function, (dict, Mapping)) and isinstance(function.get("name"), str):
            found[function["name"]] = function.get("parameters") or {}
    return found


_schemas_of = Remembered(_tool_schemas)


def response_schema(request: Mapping[str, Json]) -> Mapping[str, Json] | None:
    """The JSON Schema the request asks its answer to follow, if it brings one."""
    wanted = request.get("response_format")
    if not isinstance(wanted, (dict, Mapping)) or wanted.get("type") != "json_schema":
        return None
    inner = wanted.get("json_schema")
    schema = inner.get("schema") if isinstance(inner, (dict, Mapping)) else None
    return schema if isinstance(schema, (dict, Mapping)) else None


def wants_json(request: Mapping[str, Json]) -> bool:
    """True where the request asks for a JSON answer, with or without a schema."""
    wanted = request.get("response_format")
    return isinstance(wanted, (dict, Mapping)) and wanted.get("type") in (
        "json_schema",
        "json_object",
    )


def request_digest(request: Mapping[str, Json]) -> str:
    """Identity of *what is asked*: messages and tools, however they were delivered.

    Null fields are left out and a list of text parts equals the joined string, so that the same
    request sent by two client libraries has one digest.
    """
    body: dict[str, Any] = {"messages": [_plain(m) for m in messages(request)]}
    if request.get("tools"):
        body["tools"] = _plain(request["tools"])
    return digest(body)


def canonical_request(request: Mapping[str, Json]) -> dict[str, Json]:
    """A request without its delivery keys: everything that may change the answer."""
    return {k: v for k, v in request.items() if k not in DELIVERY_KEYS and v is not None}


def _mappings(value: Json) -> Iterator[Mapping[str, Json]]:
    """The objects in a list; nothing where a client sent something else."""
    for entry in value if isinstance(value, (list, tuple)) else ():
        if isinstance(entry, (dict, Mapping)):
            yield entry


def _plain(value: Json) -> Json:
    if isinstance(value, (dict, Mapping)):
        return {
            k: _text_or_parts(v) if k == "content" else _plain(v)
            for k, v in value.items()
            if v is not None
        }
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return value


def _text_or_parts(content: Json) -> Json:
    parts = isinstance(content, (list, tuple))
    if parts and all(isinstance(p, (dict, Mapping)) and p.get("type") == "text" for p in content):
        return content_text(content)
    return _plain(content)
