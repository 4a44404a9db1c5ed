"""Which scorer of wording fits a task whose references are texts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib.util import find_spec

from downroute.answers.context import context_text, source_text, support
from downroute.answers.final_value import as_text, final_reference
from downroute.prompts import content_text, messages, system_text
from downroute.records import Example, Json

INSTRUCTION_CHARS = 300
"""So much of the beginning and of the end of a message is read for what it asks."""
SUPPORTED = 0.6
NEARLY_ALL = 0.95

_TRANSLATE = re.compile(
    r"\b(?:translat(?:e|ion|ing)|übersetz\w*|tradui\w*|traduc\w*|traduz\w*|vertaal\w*|перевед\w*)"
    r"|翻译|翻訳",
    re.IGNORECASE,
)
_SUMMARISE = re.compile(
    r"\b(?:summar(?:y|ies|i[sz]\w*)|tl;?dr|zusammenfass\w*|résum\w*|resum\w*|riassum\w*)|摘要|要約",
    re.IGNORECASE,
)


def suggest_text(examples: Sequence[Example]) -> tuple[str, str] | None:
    """A scorer for examples whose references are texts of some length, and why."""
    known = [e for e in examples if isinstance(final_reference(e.reference).value, (str, list))]
    if len(known) < 0.9 * sum(e.reference is not None for e in examples) or not known:
        return None
    if _ask_for(_TRANSLATE, known):
        if find_spec("sacrebleu") is None:
            return None
        return "chrf", "the requests ask for translations, the references are texts"
    if _ask_for(_SUMMARISE, known):
        return "rouge_l", "the requests ask for summaries, the references are texts"
    if _in_context(known) >= NEARLY_ALL * len(known):
        spec = "answer_in_context:of=token_f1"
        return spec, "the references are found in the requests' own text"
    return None


def is_translation(examples: Sequence[Example]) -> bool:
    """Whether nearly all requests ask for a translation."""
    return _ask_for(_TRANSLATE, examples)


def _ask_for(what: re.Pattern[str], examples: Sequence[Example]) -> bool:
    asked = [what.search(_instruction(e.request)) is not None for e in examples]
    return bool(asked) and sum(asked) >= 0.9 * len(asked)


def _instruction(request: Mapping[str, Json]) -> str:
    """Where a request says what to do: its system text and the ends of its last message."""
    said = [content_text(m.get("content")) for m in messages(request) if m.get("role") == "user"]
    last = said[-1] if said else ""
    ends = f"{last[:INSTRUCTION_CHARS]}\n{last[-INSTRUCTION_CHARS:]}"
    return f"{system_text(request)[:INSTRUCTION_CHARS]}\n{ends}"


def _in_context(examples: Sequence[Example]) -> int:
    """How many references stand in a request that is longer than they are by far."""
    return sum(_is_in_context(e) for e in examples)


def _is_in_context(example: Example) -> bool:
    value = final_reference(example.reference).value
    context = context_text(example.request)
    for text in map(as_text, value if isinstance(value, list) else [value]):
        share = support(text, context)
        if share is not None and share >= SUPPORTED:
            return len(source_text(example.request)) > 5 * len(text)
    return False
