"""What was asked and what was answered, as HTML. All of it is a stranger's and may be hostile:
every text goes through an escape, and nothing points anywhere."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from markupsafe import Markup, escape

from downroute.answers.json_value import read_json
from downroute.dashboard.cards import Card
from downroute.dashboard.json_view import ABSENT, json_view
from downroute.dashboard.markdown import markdown
from downroute.prompts import messages, tool_schemas
from downroute.records import Answer, Json, ToolCall

_PICTURE = re.compile(r"data:image/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/=\s]+")

REFUSED = Markup('<p class="note">No answer: the request was refused.</p>')
EMPTY = Markup('<p class="note">An empty answer.</p>')
CUT_OFF = Markup('<p class="note">Cut off here by the length limit.</p>')


def card_as_json(card: Card) -> dict[str, Json]:
    """The card as the page's script takes it: HTML, and each answer's plain text beside it."""
    first, second = card.answers
    return {
        "id": card.id,
        "task": card.task,
        "rubric": None if card.rubric is None else markdown(card.rubric),
        "request": request_html(card.request),
        "a": {"html": answer_html(first, second), "raw": plain_text(first)},
        "b": {"html": answer_html(second, first), "raw": plain_text(second)},
    }


def request_html(request: Mapping[str, Json]) -> Markup:
    """The last message open, those before it folded, the tools that were offered by name."""
    said = list(messages(request))
    parts = [_message(m, folded=number < len(said) - 1) for number, m in enumerate(said)]
    offered = sorted(tool_schemas(request))
    if offered:
        names = ", ".join(offered)
        parts.append(Markup('<p class="note">Tools on offer: {}</p>').format(names))
    return Markup("\n").join(parts)


def answer_html(answer: Answer | None, other: Answer | None) -> Markup:
    """An answer in the form it has: JSON laid out, tool calls as calls, else Markdown. What
    differs from the ``other`` answer is marked where both are JSON or calls."""
    if answer is None:
        return REFUSED
    parts = []
    text = answer.text or answer.refusal
    if text:
        value = _whole_json(text)
        if value is ABSENT:
            parts.append(Markup('<div class="prose">{}</div>').format(markdown(text)))
        else:
            against = ABSENT if other is None else _whole_json(other.text or "")
            parts.append(json_view(value, against))
    calls: Sequence[ToolCall] = () if other is None else other.tool_calls
    for number, call in enumerate(answer.tool_calls):
        parts.append(_call(call, calls[number] if number < len(calls) else None))
    if answer.finish_reason == "length":
        parts.append(CUT_OFF)
    return Markup("\n").join(parts) if parts else EMPTY


def plain_text(answer: Answer | None) -> str:
    """An answer letter by letter."""
    if answer is None:
        return ""
    calls = [f"{c.name}({c.arguments})" for c in answer.tool_calls]
    return "\n".join(filter(None, [answer.text or answer.refusal, *calls]))


def _call(call: ToolCall, other: ToolCall | None) -> Markup:
    name = Markup('<span class="differs">{}</span>') if _renamed(call, other) else Markup("{}")
    arguments = _loaded(call.arguments)
    body: Markup
    if arguments is ABSENT:
        body = Markup("<pre>{}</pre>").format(call.arguments)
    else:
        body = json_view(arguments, ABSENT if other is None else _loaded(other.arguments))
    return Markup('<div class="call"><p class="note">calls <b>{}</b></p>{}</div>').format(
        name.format(call.name), body
    )


def _renamed(call: ToolCall, other: ToolCall | None) -> bool:
    return other is not None and call.name != other.name


def _message(message: Mapping[str, Json], *, folded: bool) -> Markup:
    role = str(message.get("role") or "")
    body = _content(message.get("content"))
    calls = message.get("tool_calls")
    if calls:
        shown = json.dumps(calls, ensure_ascii=False, indent=1)
        body += Markup('<pre class="json">{}</pre>').format(shown)
    if folded:
        return Markup("<details><summary>{}</summary>{}</details>").format(role, body)
    return Markup('<div class="message"><p class="role">{}</p>{}</div>').format(role, body)


def _content(content: Json) -> Markup:
    """Text as it is: a prompt is read as the model got it, not as Markdown would show it."""
    if isinstance(content, str):
        return Markup('<div class="plain">{}</div>').format(content)
    parts = content if isinstance(content, (list, tuple)) else ()
    return Markup("").join(_part(part) for part in parts if isinstance(part, Mapping))


def _part(part: Mapping[str, Json]) -> Markup:
    if isinstance(part.get("text"), str):
        return Markup('<div class="plain">{}</div>').format(part["text"])
    image = part.get("image_url")
    address = image.get("url") if isinstance(image, Mapping) else image
    if isinstance(address, str):
        if _PICTURE.fullmatch(address):
            return Markup('<img alt="image in the request" src="{}">').format(address)
        where = "of an unusual kind" if address[:5] == "data:" else f"at {_host(address)}"
        return Markup('<p class="note">[image {}, not loaded]</p>').format(where)
    kind = escape(str(part.get("type") or "part"))
    return Markup('<p class="note">[{}, not shown]</p>').format(kind)


def _host(address: str) -> str:
    try:
        return urlsplit(address).hostname or "an address"
    except ValueError:
        return "an address"


def _whole_json(text: str) -> Json:
    """The JSON object or array that all of ``text`` is, fenced or not."""
    found = read_json(text, fenced=True)
    return found.value if found is not None and isinstance(found.value, (dict, list)) else ABSENT


def _loaded(text: str) -> Json:
    found = read_json(text)
    return ABSENT if found is None else found.value
