"""Which scorer fits a task, judging by its answers and references."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from downroute.answers.final_value import FINAL_KEYS, as_text, final_key, final_reference, is_number
from downroute.answers.json_value import find_json
from downroute.answers.number import is_measure
from downroute.answers.shape import Shape
from downroute.prompts import tool_schemas
from downroute.records import Example, Json
from downroute.scoring.code_reference import Tests, read_cases, read_tests
from downroute.scoring.scorer import Scorer
from downroute.scoring.spec import build_scorer
from downroute.scoring.suggest_text import is_translation, suggest_text
from downroute.scoring.tool_call import wanted_calls

MAX_SAMPLES = 400
MAX_SLOW_SAMPLES = 40
SHORT_WORDS = 6
FLOOR = 0.1
"""A scorer that passes fewer of the baseline's own answers judges their form, not what they say."""


def suggest(shape: str, examples: Sequence[Example]) -> tuple[str, str] | None:
    """A scorer as `spec` writes it, and why; ``None`` where no rule can judge such answers.

    `json_schema` is never suggested: that an answer has the form asked for says nothing of what
    it says, and where the upstream enforces the form every candidate would pass.

    Where the examples have references, a scorer is suggested only if it passes at least some of
    the baseline's own answers. Where they have none, the suggested scorer says which answers are
    the same, and the rest is for a person to grade.
    """
    picked = list(examples[:: -(-len(examples) // MAX_SAMPLES) or 1])
    if not picked:
        return None
    references = [e.reference for e in picked if e.reference is not None]
    if len(references) < 0.5 * len(picked):
        return _without_references(shape, picked)
    found = _by_reference(shape, picked, references)
    if found is None:
        return None
    return found if _passes_baseline(build_scorer(found[0]), picked) else None


def _without_references(shape: str, examples: Sequence[Example]) -> tuple[str, str]:
    if shape == Shape.TOOL_CALLS:
        return "tool_call", "the answers are tool calls; without references equal calls tie"
    name = "number" if shape == Shape.NUMBER else "json_fields" if shape == Shape.JSON else "exact"
    spec = name if name == "json_fields" else _with_field(name, examples)
    return spec, "there are no references: answers that are the same tie, the rest is to be graded"


def _by_reference(
    shape: str, examples: Sequence[Example], references: Sequence[Json]
) -> tuple[str, str] | None:
    offers_tools = _nearly_all(bool(tool_schemas(e.request)) for e in examples)
    if offers_tools and all(wanted_calls(r) is not None for r in references):
        return "tool_call", "the references are tool calls"
    if shape == Shape.CODE:
        return _for_programs(references)
    if shape in (Shape.TOOL_CALLS, Shape.UNKNOWN):
        return None
    if shape == Shape.JSON and _nearly_all(_is_record(r) for r in references):
        return "json_fields", "the references are JSON objects"
    finals = [final_reference(r).value for r in references]
    if _nearly_all(is_number(v) or (isinstance(v, str) and is_measure(v)) for v in finals):
        return _with_field("number", examples), "the references are numbers"
    if is_translation(examples):
        return suggest_text(examples)
    if shape == Shape.LONG_TEXT:
        return suggest_text(examples)
    if _nearly_all(_is_short(v, SHORT_WORDS) for v in finals):
        return _with_field("exact", examples), "the references are short answers"
    return suggest_text(examples)


def _for_programs(references: Sequence[Json]) -> tuple[str, str] | None:
    """Only for references that say outright what they are: a text could be another program."""
    if _nearly_all(isinstance(r, Mapping) and _has_tests(r) for r in references):
        return "code_tests", "the answers are programs, the references tests of them"
    if _nearly_all(is_number(final_reference(r).value) for r in references):
        return "code_output", "the answers are programs, the references what they come to"
    return None


def _has_tests(reference: Json) -> bool:
    return isinstance(read_tests(reference), Tests) or read_cases(reference) is not None


def _with_field(name: str, examples: Sequence[Example]) -> str:
    """``name`` with the final field that the baseline's answers have, if they are JSON objects."""
    keys = []
    for example in examples:
        found = find_json(example.baseline_answer.text)
        keys.append(final_key(found.value) if found is not None else None)
    common = max(set(keys), key=keys.count)
    return f"{name}:field={common}" if common and keys.count(common) > 0.5 * len(keys) else name


def _passes_baseline(scorer: Scorer, examples: Sequence[Example]) -> bool:
    known_wanted = [e for e in examples if e.reference is not None]
    if getattr(scorer, "slow", False):
        known_wanted = known_wanted[:: -(-len(known_wanted) // MAX_SLOW_SAMPLES) or 1]
    scores = [scorer.score(e.baseline_answer, e.reference, e.request).value for e in known_wanted]
    known = [s for s in scores if s is not None]
    return bool(known) and sum(known) >= FLOOR * len(known)


def _is_short(value: Json, words: int) -> bool:
    if isinstance(value, list):
        return bool(value) and all(_is_short(v, words) for v in value)
    return not isinstance(value, Mapping) and len(as_text(value).split()) <= words


def _is_record(value: Json) -> bool:
    """An object of several fields, none of which by convention is the one that counts."""
    return isinstance(value, Mapping) and len(value) > 1 and final_key(value) not in FINAL_KEYS


def _nearly_all(flags: Iterable[bool]) -> bool:
    """Nine in ten."""
    known = list(flags)
    return sum(known) >= 0.9 * len(known)
