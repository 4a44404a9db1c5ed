"""PURE: a JSON request's members at its top level, as the bytes they came as, and what the gateway
itself reads in them."""

from __future__ import annotations

from downroute.gateway import json_text
from downroute.gateway.error_reply import Refusal
from downroute.gateway.headers import safe
from downroute.gateway.json_text import Raw
from downroute.gateway.message import Headers


def read_members(text: bytes) -> tuple[dict[str, Raw], str] | Refusal:
    """The members of ``text`` and the model it names, or why it is no request for a model."""
    try:
        fields = json_text.fields(text)
    except ValueError as fault:
        return Refusal(400, f"the body is not a JSON object: {fault}", code="malformed_json")
    try:
        model = json_text.decode(fields["model"]) if "model" in fields else None
    except ValueError:
        model = None
    if not isinstance(model, str) or not model:
        message = 'the body names no model; add "model": "NAME"'
        return Refusal(400, message, param="model", code="missing_model")
    return fields, model


def packed(headers: Headers) -> Refusal | None:
    """Why a body that cannot be read is none, where it came packed (RFC 9110, 15.5.16)."""
    coding = next((v.strip() for n, v in headers if n == "content-encoding"), "identity")
    if coding.lower() == "identity":
        return None
    message = f"the body is packed (content-encoding: {safe(coding)}); send it as it is"
    return Refusal(415, message, code="unsupported_content_encoding")


def take_task(fields: dict[str, Raw]) -> str | None:
    """``metadata.task``, which is said to the gateway alone and goes no further: it is taken out of
    ``fields``. An empty one is none, and is taken out as well."""
    raw = fields.get("metadata")
    if raw is None:
        return None
    try:
        metadata = json_text.fields(raw)
        task = json_text.decode(metadata["task"])
    except (KeyError, ValueError):
        return None
    if not isinstance(task, str):
        return None
    del metadata["task"]
    if metadata:
        fields["metadata"] = Raw(json_text.join(dict(metadata)))
    else:
        del fields["metadata"]
    return task
