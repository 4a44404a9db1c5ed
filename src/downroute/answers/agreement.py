"""PURE: how far two answers come to the same, from 0 to 1, whatever the right answer is.

What is compared follows from the two answers: tool calls by name and argument, records field by
field, final values and short texts as labels or numbers, programs and long texts by their words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from rapidfuzz import fuzz
from rapidfuzz.distance import LCSseq

from downroute.answers.code import program
from downroute.answers.final_value import FINAL_KEYS, final_key, final_value
from downroute.answers.json_value import find_json
from downroute.answers.label import same_text
from downroute.answers.number import final_number, is_measure
from downroute.answers.tool_calls import ParsedCall, parsed_calls, plain_value
from downroute.prompts import canonical_json
from downroute.records import Answer, Json

SHORT_WORDS = 12
"""Texts of so many words are compared as labels."""
LONGEST_MEASURE = 200
"""Characters a number with its unit has at most."""
LONGEST_COMPARED = 20_000
"""Characters of a long text that are looked at."""
MOST_LEAVES = 2_000


def agreement(first: Answer, second: Answer) -> float | None:
    """1 where the answers come to the same, 0 where nothing of them does; ``None`` where one of
    them says nothing."""
    if _silent(first) or _silent(second):
        return None
    if first.tool_calls or second.tool_calls:
        return _calls(parsed_calls(first), parsed_calls(second))
    one, other = _record(first), _record(second)
    if one is not None and other is not None:
        return _fields(one, other)
    if (one is None) != (other is None) and (_bare(first) or _bare(second)):
        return 0.0
    return _texts(first, second)


def _silent(answer: Answer) -> bool:
    return not answer.tool_calls and not (answer.text or "").strip()


def _record(answer: Answer) -> Json:
    """The object or list an answer consists of, where no final value stands for it."""
    found = find_json(answer.text)
    if found is None or not isinstance(found.value, (dict, list)) or not found.value:
        return None
    if not (found.alone or isinstance(found.value, dict)):
        return None
    key = final_key(found.value)
    if key is None or key.casefold() not in FINAL_KEYS or not isinstance(found.value, dict):
        return found.value
    inner = found.value[key]
    return inner if isinstance(inner, (dict, list)) else None


def _bare(answer: Answer) -> bool:
    """Whether the answer is nothing but a record."""
    found = find_json(answer.text)
    return found is not None and found.alone and _record(answer) is not None


def _texts(first: Answer, second: Answer) -> float:
    one, other = final_value(first).text or "", final_value(second).text or ""
    short = max(len(one), len(other)) <= LONGEST_MEASURE
    if short and is_measure(one) and is_measure(other):
        return 1.0 if final_number(first) == final_number(second) else 0.0
    programs = program(first.text or ""), program(second.text or "")
    if programs[0] is not None and programs[1] is not None:
        return _similar(*(_squeezed(p) for p in programs if p is not None))
    if max(len(one.split()), len(other.split())) <= SHORT_WORDS:
        if same_text(one, other):
            return 1.0
        return min(fuzz.token_sort_ratio(one.casefold(), other.casefold()) / 100, 0.99)
    return _similar(one, other)


def _similar(one: str, other: str) -> float:
    """Twice the longest common subsequence of words over the words of both (ROUGE-L's F1)."""
    first = one.casefold()[:LONGEST_COMPARED].split()
    second = other.casefold()[:LONGEST_COMPARED].split()
    if first == second:
        return 1.0
    common = int(LCSseq.similarity(first, second))
    return 2.0 * common / (len(first) + len(second))


def _squeezed(code: str) -> str:
    """A program without comments and blank lines, in words."""
    lines = (line.split("#")[0].split("//")[0] for line in code.splitlines())
    return " ".join(" ".join(line.split()) for line in lines)


def _calls(first: tuple[ParsedCall, ...], second: tuple[ParsedCall, ...]) -> float:
    """The mean agreement of the calls, each paired with the most alike that is left."""
    left, total = list(second), 0.0
    for call in first:
        best = max(left, key=lambda other: _call(call, other), default=None)
        if best is not None and _call(call, best) > 0:
            total += _call(call, best)
            left.remove(best)
    return total / max(len(first), len(second))


def _call(one: ParsedCall, other: ParsedCall) -> float:
    """0 for different functions; else the share of arguments they agree in."""
    if one.name != other.name:
        return 0.0
    if one.arguments is None or other.arguments is None:
        return 1.0 if one.arguments == other.arguments else 0.0
    names = set(one.arguments) | set(other.arguments)
    shared = [name for name in one.arguments if name in other.arguments]
    same = sum(
        bool(plain_value(one.arguments[n]) == plain_value(other.arguments[n])) for n in shared
    )
    return (1 + same) / (1 + len(names))


def _fields(one: Json, other: Json) -> float:
    """F1 over the leaves, each with its path; the order of lists does not count."""
    first, second = Counter(_leaves(one)), Counter(_leaves(other))
    total = first.total() + second.total()
    return 2 * (first & second).total() / total if total else 1.0


def _leaves(value: Json) -> Iterator[str]:
    stack: list[tuple[str, Json]] = [("", value)]
    for _ in range(MOST_LEAVES):
        if not stack:
            return
        path, inner = stack.pop()
        if isinstance(inner, Mapping) and inner:
            stack.extend((f"{path}.{name}", child) for name, child in inner.items())
        elif isinstance(inner, list) and inner:
            stack.extend((f"{path}[]", child) for child in inner)
        else:
            yield f"{path}={canonical_json(plain_value(inner))}"
