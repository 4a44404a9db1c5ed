"""PURE: do two answers say the same, whatever the right answer is?"""

from __future__ import annotations

from downroute.answers.final_value import final_value, is_number
from downroute.answers.json_value import FoundJson, find_json
from downroute.answers.label import plain, same_text
from downroute.answers.number import final_number
from downroute.answers.shape import Shape
from downroute.answers.tool_calls import calls_key
from downroute.prompts import canonical_json
from downroute.records import Answer


def same_answer(first: Answer, second: Answer, shape: Shape) -> bool:
    """Whether two answers of a task of this ``shape`` come to the same thing."""
    if shape is Shape.TOOL_CALLS:
        return calls_key(first) == calls_key(second)
    if calls_key(first) != calls_key(second):
        return False
    if shape is Shape.JSON:
        return same_json(first, second)
    if shape is Shape.NUMBER:
        return same_number(first, second)
    return same_final_text(first, second)


def same_json(first: Answer, second: Answer) -> bool:
    """Equal JSON values in whatever spacing and order of keys; equal text where there is none."""
    one, other = find_json(first.text), find_json(second.text)
    if one is None or other is None:
        return one is other and _stripped(first) == _stripped(second)
    return same_delivery(one, other) and canonical_json(one.value) == canonical_json(other.value)


def same_delivery(one: FoundJson, other: FoundJson) -> bool:
    """Whether a program that can read the one can read the other: both bare or fenced or inside
    prose, both in need of repair or not."""
    return (one.alone, one.fenced, one.repaired) == (other.alone, other.fenced, other.repaired)


def same_number(first: Answer, second: Answer, field: str | None = None) -> bool:
    """Equal numbers; where neither states one, equal text."""
    one, other = final_number(first, field), final_number(second, field)
    if one is None and other is None:
        return same_final_text(first, second, field)
    return one == other


def same_final_text(
    first: Answer, second: Answer, field: str | None = None, *, case: bool = False
) -> bool:
    """Equal final values as short texts; where neither has one, equal text."""
    finals = final_value(first, field), final_value(second, field)
    one, other = (final.text for final in finals)
    if one is None or other is None:
        return one is other and _stripped(first) == _stripped(second)
    if is_number(finals[0].value) != is_number(finals[1].value):
        return False
    return plain(one) == plain(other) if case else same_text(one, other)


def _stripped(answer: Answer) -> str:
    return (answer.text or "").strip()
