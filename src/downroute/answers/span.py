"""PURE: where in an answer's text the part stands that is compared, and which tokens spell it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from downroute.answers.final_value import FINAL_KEYS, final_key
from downroute.answers.json_value import find_json
from downroute.answers.stated import stated
from downroute.records import TokenLogprob

_DECODER = json.JSONDecoder()
_FENCE_LINES = re.compile(r"\A\s*(?:```|~~~)[\w-]*\s*\n|\n\s*(?:```|~~~)\s*\Z")


def answer_span(text: str) -> tuple[int, int]:
    """The characters ``[start, end)`` of ``text`` that say what it comes to: the value of a JSON
    object's final field, what is marked as the answer, else all but white space and the fence."""
    if "{" in text:
        found = _final_field(text)
        if found is not None:
            return found
    marked = stated(text)
    if marked is not None:
        start = text.rfind(marked)
        if start >= 0:
            return start, start + len(marked)
    start, end = 0, len(text)
    if "```" in text or "~~~" in text:
        for fence in _FENCE_LINES.finditer(text):
            start, end = (fence.end(), end) if fence.start() == 0 else (start, fence.start())
    inner = text[start:end]
    lead = len(inner) - len(inner.lstrip())
    return start + lead, start + len(inner.rstrip()) if inner.strip() else end


def spelling(
    tokens: Sequence[TokenLogprob], text: str, span: tuple[int, int]
) -> Sequence[TokenLogprob]:
    """The ``tokens`` that have a character in ``span``; all of them where they do not spell
    ``text`` (some recorders keep the answer's tokens only), or none of them lies there."""
    start, end = span
    if start == 0 and end == len(text):
        return tokens
    if sum(len(t.token) for t in tokens) != len(text) or "".join(t.token for t in tokens) != text:
        return tokens
    inside, at = [], 0
    for token in tokens:
        after = at + len(token.token)
        if after > start and at < end:
            inside.append(token)
        at = after
    return inside or tokens


def _final_field(text: str) -> tuple[int, int] | None:
    """Where the value of the final field stands, without the quotes of a string."""
    found = find_json(text)
    key = final_key(found.value) if found is not None else None
    if found is None or key is None or not (found.alone or key.casefold() in FINAL_KEYS):
        return None
    value = found.value[key]
    for match in reversed(list(re.finditer(rf'"{re.escape(key)}"\s*:\s*', text))):
        try:
            written, end = _DECODER.raw_decode(text, match.end())
        except (ValueError, RecursionError):
            continue
        if written == value:
            quoted = isinstance(value, str) and end - match.end() > 2
            return (match.end() + 1, end - 1) if quoted else (match.end(), end)
    return None
