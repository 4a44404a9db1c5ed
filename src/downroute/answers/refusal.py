"""PURE: does the answer decline to answer?

By the ``refusal`` field of the wire format, else by how refusals commonly begin (see
`refusal_phrases`). Only the beginning of a short answer counts: a long one that opens with a caveat
did answer, and a refusal quoted in the middle is not the model's own. Where the user's message
itself contains such a sentence (to translate, classify or improve), the answer may be repeating it
and is taken as none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from downroute.answers.refusal_phrases import APOLOGIES, OPENINGS
from downroute.prompts import content_text, messages
from downroute.records import Answer, Json

MAX_CHARS = 1200
"""A longer answer is not taken for a refusal."""


def is_refusal(answer: Answer, request: Mapping[str, Json] | None = None) -> bool:
    """Whether ``answer`` declines what ``request`` asked for. An answer in quotation marks is
    somebody else's words and never one."""
    if answer.refusal:
        return True
    text = answer.text or ""
    if not text or len(text) > MAX_CHARS or answer.tool_calls:
        return False
    text = text.replace("’", "'")
    lead = _LEAD.match(text)
    if _REFUSES.match(text, lead.end() if lead else 0) is None:
        return False
    return request is None or _REFUSES.search(_asked(request)) is None


_LEAD = re.compile(
    r"[\s*_#>-]*(?:(?:hi|hello|hey|thank you|thanks|okay|ok|well)\b[^.!\n]{0,40}[.!,]\s*)?",
    re.IGNORECASE,
)
_SAME_SENTENCE = r"[^.!?。！？\n]{0,80}?"
_REFUSES = re.compile(
    "|".join(
        [rf"(?:{sorry}){_SAME_SENTENCE}(?:{unable})" for sorry, unable in APOLOGIES.values()]
        + [phrase for phrases in OPENINGS.values() for phrase in phrases]
    ),
    re.IGNORECASE,
)


def _asked(request: Mapping[str, Json]) -> str:
    """The end of what the user last said."""
    said = [content_text(m.get("content")) for m in messages(request) if m.get("role") == "user"]
    return said[-1][-20_000:].replace("’", "'") if said else ""
