"""PURE: which part of an answer is compared: the final value of a JSON object, else its text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from downroute.answers.json_value import find_json
from downroute.prompts import canonical_json
from downroute.records import Answer, Json

FINAL_KEYS = (
    "answer", "final_answer", "label", "category", "class", "classification", "result", "output",
    "prediction", "choice", "intent", "sentiment", "value", "solution",
)  # fmt: skip
"""The keys that by convention hold what an answer comes to, in order of precedence."""


class FinalValue(msgspec.Struct, frozen=True):
    """The value to compare, or why there is none (``missing``)."""

    value: Json = None
    missing: str | None = None
    repaired: bool = False

    @property
    def text(self) -> str | None:
        """The value as text: strings as they are, other JSON in canonical form."""
        return None if self.missing is not None else as_text(self.value)


def final_value(answer: Answer, field: str | None = None) -> FinalValue:
    """What ``answer`` comes to.

    With ``field`` (a path such as ``result.total`` or ``items.0.name``) the answer must carry JSON
    with that field. Without, a JSON object stands for its conventional final key (`FINAL_KEYS`) or
    its only key, and any other answer for its text.
    """
    text = answer.text
    if text is None or not text.strip():
        return FinalValue(missing="the answer has no text")
    found = find_json(text)
    if field is not None:
        if found is None or not isinstance(found.value, (dict, list)):
            return FinalValue(missing="the answer holds no JSON")
        return _at_path(found.value, field, repaired=found.repaired)
    if found is None or not (found.alone or isinstance(found.value, dict)):
        return FinalValue(text)
    key = final_key(found.value)
    if key is not None and (found.alone or key.casefold() in FINAL_KEYS):
        return FinalValue(found.value[key], repaired=found.repaired)
    # A bare number stays the text it is: 13.110 says more than 13.11 does.
    if found.alone and isinstance(found.value, (str, list)):
        return FinalValue(found.value, repaired=found.repaired)
    return FinalValue(text)


def final_reference(reference: Json, field: str | None = None) -> FinalValue:
    """What a reference comes to: of an object, the same field that an answer is compared by."""
    if reference is None:
        return FinalValue(missing="there is no reference")
    if not isinstance(reference, Mapping):
        return FinalValue(reference)
    if field is not None:
        return _at_path(reference, field)
    key = final_key(reference)
    return FinalValue(reference if key is None else reference[key])


def final_key(value: Json) -> str | None:
    """The key whose value an object comes to; ``None`` where that is unclear or it is no object."""
    if not isinstance(value, Mapping):
        return None
    if len(value) == 1:
        return str(next(iter(value)))
    if FINAL_KEYS[0] in value:
        return FINAL_KEYS[0]
    by_name = {str(key).casefold(): key for key in value}
    for name in FINAL_KEYS:
        if name in by_name:
            return str(by_name[name])
    return None


def is_number(value: Json) -> bool:
    """Whether a JSON value is a number, which ``true`` is not."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def as_text(value: Json) -> str:
    """A JSON value as the text that is compared."""
    return value if isinstance(value, str) else canonical_json(value)


def _at_path(value: Json, path: str, *, repaired: bool = False) -> FinalValue:
    for name in path.split("."):
        found = _step(value, name)
        if found is None:
            return FinalValue(missing=f"the answer has no field '{path}'")
        value = found[0]
    return FinalValue(value, repaired=repaired)


def _step(value: Json, name: str) -> tuple[Json] | None:
    if isinstance(value, Mapping):
        if name in value:
            return (value[name],)
        alike = [key for key in value if str(key).casefold() == name.casefold()]
        return (value[alike[0]],) if len(alike) == 1 else None
    if isinstance(value, Sequence) and not isinstance(value, str) and name.isdecimal():
        return (value[int(name)],) if int(name) < len(value) else None
    return None
