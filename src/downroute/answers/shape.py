"""PURE: what the answers of a task look like, which suggests how to judge them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from statistics import median

from downroute.answers.code import program
from downroute.answers.final_value import FINAL_KEYS, final_key, final_value
from downroute.answers.json_value import find_json
from downroute.answers.label import label
from downroute.answers.number import is_measure
from downroute.prompts import wants_json
from downroute.records import Answer, Json

MAX_SAMPLES = 400
"""How many answers are looked at, spread evenly over those given."""


SHORT_WORDS = 12
_USUAL_LABELS = frozenset(
    {"yes", "no", "true", "false", "positive", "negative", "neutral", "mixed", "none", "unknown"}
)


class Shape(StrEnum):
    """What most answers of a task are."""

    TOOL_CALLS = "tool_calls"
    JSON = "json"
    CLASSIFICATION = "classification"
    """One of a few short labels, bare or in a JSON object's final field."""
    NUMBER = "number"
    """A number, bare or in a JSON object's final field."""
    CODE = "code"
    SHORT_TEXT = "short_text"
    """A dozen words or fewer."""
    LONG_TEXT = "long_text"
    UNKNOWN = "unknown"
    """There is no answer to go by."""


Sample = tuple[Mapping[str, Json], Answer]


def shape_of(samples: Sequence[Sample]) -> Shape:
    """The shape of a task from some of its requests and answers. Deterministic."""
    step = -(-len(samples) // MAX_SAMPLES) or 1
    seen = [s for s in samples[::step] if s[1].tool_calls or _text(s[1])]
    if not seen:
        return Shape.UNKNOWN
    if _share(bool(answer.tool_calls) for _, answer in seen) >= 0.3:
        return Shape.TOOL_CALLS
    if _share(wants_json(request) for request, _ in seen) > 0.5:
        return Shape.JSON
    answers = [answer for _, answer in seen if _text(answer)]
    if _share(program(_text(answer)) is not None for answer in answers) > 0.5:
        return Shape.CODE
    records = [r for r in map(_record, answers) if r is not None]
    if len(records) <= 0.6 * len(answers):
        return _text_shape(answers)
    # An object that leads up to one conventional field is that field's value with its reasons.
    if _share(final_key(record) in FINAL_KEYS for record in records) > 0.9:
        return _shape_of_values(answers) or Shape.JSON
    return Shape.JSON


def _text_shape(answers: Sequence[Answer]) -> Shape:
    short = _shape_of_values(answers)
    if short is not None:
        return short
    middle = median(len(_text(answer).split()) for answer in answers)
    return Shape.SHORT_TEXT if middle <= SHORT_WORDS else Shape.LONG_TEXT


def _shape_of_values(answers: Sequence[Answer]) -> Shape | None:
    """Number or classification, where nearly all final values are short; else ``None``."""
    texts = [final.text for final in map(final_value, answers) if final.text is not None]
    if _share(len(text) <= 100 and len(text.split()) <= SHORT_WORDS for text in texts) < 0.9:
        return None
    if _share(map(is_measure, texts)) >= 0.8:
        return Shape.NUMBER
    return Shape.CLASSIFICATION if _few([label(text) for text in texts]) else None


def _few(labels: Sequence[str]) -> bool:
    """Whether the labels come from a small set: letters and the usual words at any count, others
    if nearly each is seen again and again; stray ones are the model's slips."""
    if (
        _share(text in _USUAL_LABELS or (len(text) == 1 and text.isalpha()) for text in labels)
        > 0.9
    ):
        return True
    counts = Counter(labels)
    repeated = [n for n in counts.values() if n > 1]
    return sum(repeated) >= 0.9 * len(labels) and len(repeated) <= min(100, len(labels) // 4)


def _record(answer: Answer) -> Mapping[str, Json] | list[Json] | None:
    """The object, or list of objects, that an answer consists of or leads up to."""
    found = find_json(answer.text)
    if found is None:
        return None
    if isinstance(found.value, dict):
        return found.value or None
    of_objects = isinstance(found.value, list) and any(isinstance(v, dict) for v in found.value)
    return found.value if of_objects or (found.alone and isinstance(found.value, list)) else None


def _text(answer: Answer) -> str:
    return (answer.text or "").strip()


def _share(flags: Iterable[bool]) -> float:
    known = list(flags)
    return sum(known) / len(known) if known else 0.0
