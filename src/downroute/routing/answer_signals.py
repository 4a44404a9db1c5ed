"""Signals from what an answer says: its length, its form, what it owes to the question."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping

from downroute.answers.arithmetic import sums
from downroute.answers.final_value import is_number
from downroute.answers.json_value import find_json
from downroute.answers.number import as_number
from downroute.answers.tool_calls import parsed_calls
from downroute.records import Json
from downroute.routing.reading import Reading

_NUMBER = re.compile(r"[0-9][0-9.,]*")
_HEDGE = re.compile(
    r"\b(?:maybe|perhaps|probably|possibly|might|unclear|uncertain|unsure|not sure|likely|appears"
    r"|seems|assum(?:e|ed|es|ing|ption)|approximately|however|wait|actually|vielleicht"
    r"|wahrscheinlich|peut-être|quizás)\b",
    re.IGNORECASE,
)
_PLAIN_NUMBER = re.compile(r"-?\d{1,15}(?:\.\d{1,15})?")
_LONGEST_NUMBER = 80
_LONGEST = 100_000


def words_out(reading: Reading) -> float:
    return float(reading.word_count)


def log_words_out(reading: Reading) -> float:
    return math.log1p(reading.word_count)


def lines_out(reading: Reading) -> float:
    return float(sum(1 for line in reading.text.splitlines() if line.strip()))


def words_in(reading: Reading) -> float:
    return float(reading.prompt_words)


def log_words_in(reading: Reading) -> float:
    return math.log1p(reading.prompt_words)


def numbers_out(reading: Reading) -> float:
    return float(len(_NUMBER.findall(reading.text[:_LONGEST])))


def hedges(reading: Reading) -> float:
    return float(len(_HEDGE.findall(reading.text[:_LONGEST])))


def sums_out(reading: Reading) -> float:
    return float(len(sums(reading.text)))


def wrong_sums(reading: Reading) -> float:
    return float(sum(not right for right in sums(reading.text)))


def final_words(reading: Reading) -> float:
    return float(len(reading.final_text.split()))


def final_is_number(reading: Reading) -> float:
    return float(_final_number(reading) is not None)


def final_magnitude(reading: Reading) -> float | None:
    value = _final_number(reading)
    return None if value is None else math.log10(1 + abs(value))


def final_is_whole(reading: Reading) -> float | None:
    value = _final_number(reading)
    return None if value is None else float(value == int(value))


def final_repeated(reading: Reading) -> float | None:
    """How often the final value stands in the reasons before it; missing where there are none."""
    said = reading.final_text
    if not said or len(said) + 20 >= len(reading.text):
        return None
    found = re.findall(rf"(?<![\w.,]){re.escape(said)}(?!\w|[.,]\w)", reading.text[:_LONGEST])
    return float(max(0, len(found) - 1))


def copied(reading: Reading) -> float | None:
    """The share of the answer's words that stand in the question."""
    said = [w.strip(".,:;!?\"'()[]{}").casefold() for w in reading.words]
    said = [w for w in said if len(w) > 3]
    if not said:
        return None
    asked = {w.strip(".,:;!?\"'()[]{}").casefold() for w in reading.question_words}
    return sum(w in asked for w in said) / len(said)


def calls_out(reading: Reading) -> float:
    return float(len(reading.answer.tool_calls))


def arguments_out(reading: Reading) -> float:
    return float(sum(len(call.arguments or ()) for call in parsed_calls(reading.answer)))


def argument_found(reading: Reading) -> float | None:
    """The share of the calls' text and number arguments that stand in the question."""
    values = [
        v
        for call in parsed_calls(reading.answer)
        for v in (call.arguments or {}).values()
        if (isinstance(v, str) and v) or is_number(v)
    ]
    if not values:
        return None
    asked = reading.question.casefold()
    return sum(str(v).casefold() in asked for v in values) / len(values)


def fields_out(reading: Reading) -> float | None:
    leaves = _leaves(reading)
    return None if leaves is None else float(len(leaves))


def empty_fields(reading: Reading) -> float | None:
    leaves = _leaves(reading)
    return None if leaves is None else float(sum(leaf in (None, "", [], {}) for leaf in leaves))


def _final_number(reading: Reading) -> float | None:
    text = reading.final_text
    if _PLAIN_NUMBER.fullmatch(text):
        return float(text)
    said = reading.final
    if said.missing is not None or len(text) > _LONGEST_NUMBER or len(text.split()) > 5:
        return None
    number = as_number(said.value)
    return None if number is None else number.value


def _leaves(reading: Reading) -> list[Json] | None:
    """The values in the answer's JSON that hold no others; ``None`` where it has no JSON."""
    text = reading.text
    if "{" not in text and "[" not in text:
        return None
    found = find_json(text)
    if found is None or not isinstance(found.value, (dict, list)):
        return None
    leaves, stack = [], [found.value]
    while stack:
        value = stack.pop()
        if isinstance(value, dict) and value:
            stack.extend(value.values())
        elif isinstance(value, list) and value:
            stack.extend(value)
        else:
            leaves.append(value)
    return leaves


TABLE: Mapping[str, tuple[str, Callable[[Reading], float | None]]] = {
    "words_out": ("words in the answer", words_out),
    "log_words_out": ("natural logarithm of that plus 1", log_words_out),
    "lines_out": ("lines of the answer that are not empty", lines_out),
    "words_in": ("words in the request's messages", words_in),
    "log_words_in": ("natural logarithm of that plus 1", log_words_in),
    "numbers_out": ("numbers written in the answer", numbers_out),
    "hedges": ("words of doubt in it", hedges),
    "sums_out": ("sums written out in it", sums_out),
    "wrong_sums": ("those that do not come to what they say", wrong_sums),
    "final_words": ("words of the final value", final_words),
    "final_is_number": ("1 if the final value is a number", final_is_number),
    "final_is_whole": ("1 if that number is whole", final_is_whole),
    "final_magnitude": ("decimal logarithm of its size plus 1", final_magnitude),
    "final_repeated": ("how often the final value stands in the reasons", final_repeated),
    "copied": ("share of the answer's words that stand in the question", copied),
    "fields_out": ("values in the answer's JSON", fields_out),
    "empty_fields": ("those that are null or empty", empty_fields),
    "calls_out": ("tool calls in the answer", calls_out),
    "arguments_out": ("their arguments", arguments_out),
    "argument_found": ("share of their values that stand in the question", argument_found),
}
