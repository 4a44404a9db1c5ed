"""PURE: an upstream's error body → what it says, in whichever of the usual shapes it says it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from downroute.prompts import DELIVERY_KEYS
from downroute.records import Json

_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Complaint:
    """An upstream's error. ``param`` is the request parameter it names. ``spoken`` is false where
    the body is no API's error but, say, a web server's page."""

    message: str
    param: str | None = None
    code: str | None = None
    spoken: bool = False


def read_complaint(raw: bytes, request: Mapping[str, Json]) -> Complaint:
    """The error in an upstream's body: the shapes of OpenAI and its lookalikes (``error`` as an
    object or a text, perhaps in a list; ``message``; FastAPI's ``detail``), else its text. The
    parameter is the one it names, else the one of ``request`` that its message quotes."""
    body = json_body(raw)
    if isinstance(body, list) and body:
        body = body[0]
    complaint = _complaint(body) if isinstance(body, Mapping) else None
    if complaint is None:
        return Complaint(_page_text(raw))
    if complaint.param is None:
        return replace(complaint, param=_quoted_parameter(complaint.message, request))
    return complaint


def json_body(raw: bytes) -> Json:
    """The JSON value in ``raw``; ``None`` where there is none."""
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return None


def is_html(raw: bytes) -> bool:
    return raw.lstrip()[:1] == b"<"


def _complaint(body: Mapping[str, Json]) -> Complaint | None:
    error = body.get("error")
    if isinstance(error, str) and error:
        return Complaint(error, spoken=True)
    holder = error if isinstance(error, Mapping) else body
    code = holder.get("code")
    complaint = _message(holder.get("message")) or _message(holder.get("detail"))
    if complaint is None:
        return None
    param = holder.get("param")
    return replace(
        complaint,
        param=param if isinstance(param, str) and param else complaint.param,
        code=None if code is None else str(code),
        # A web framework's own 404 is {"detail": "Not Found"}: nobody who knows chat said it.
        spoken=complaint.spoken or holder is error or "message" in holder,
    )


def _message(value: Json) -> Complaint | None:
    """A text, or a list of faults ``[{"loc": ["body", PARAMETER], "msg"}]`` of which the first is
    taken, or an object around either."""
    if isinstance(value, Mapping):
        value = value.get("detail") or value.get("message")
    if isinstance(value, str) and value:
        return Complaint(value)
    if isinstance(value, list) and value and isinstance(value[0], Mapping):
        place = value[0].get("loc")
        names = [str(p) for p in place] if isinstance(place, list) else []
        inside = names[1:] if names[:1] == ["body"] else names
        text = f"{'.'.join(names)}: {value[0].get('msg')}"
        return Complaint(text, param=inside[0] if inside else None, spoken=True)
    return None


def _quoted_parameter(message: str, request: Mapping[str, Json]) -> str | None:
    names = [k for k in request if k not in DELIVERY_KEYS and k != "messages"]
    for name in sorted(names, key=len, reverse=True):
        exact = re.escape(name)
        if re.search(rf"""(['"`]){exact}\1|^{exact}:""", message):
            return name
    return None


def _page_text(raw: bytes) -> str:
    text = raw.decode("utf-8", "replace").strip()
    if is_html(raw):
        title = _TITLE.search(text)
        return f"an HTML page, “{title[1].strip()}”" if title else "an HTML page"
    return text or "nothing"
