"""JSON columns: values ↔ text that SQLite takes, whatever a log holds.

msgspec does the work. What it refuses but logs do hold (half a surrogate pair, from a text cut
inside an emoji) goes through the standard library, which writes it as an escape.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from downroute.records import Answer, Json

_answers = msgspec.json.Decoder(Answer)


def dump(value: Any) -> str:
    """A JSON value or a record as JSON text; NaN and the infinities become null."""
    try:
        return _encoder.encode(value).decode()
    except UnicodeEncodeError:
        return json.dumps(msgspec.to_builtins(value, enc_hook=_as_dict))


def load(text: str | None) -> Json:
    """The value ``dump`` wrote; ``None`` for no text."""
    if text is None:
        return None
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return json.loads(text)


def load_answer(text: str | None) -> Answer | None:
    """The answer ``dump`` wrote; ``None`` for no text."""
    if text is None:
        return None
    try:
        return _answers.decode(text)
    except msgspec.DecodeError:
        return msgspec.convert(json.loads(text), Answer)


def as_answer(value: Json) -> Answer:
    """The answer in a value that `load` gave."""
    return msgspec.convert(value, Answer)


def storable(values: Sequence[Any]) -> tuple[Any, ...]:
    """``values`` as SQLite holds them: half surrogate pairs replaced by "?", for its text is UTF-8,
    and integers beyond 64 bits not known."""
    return tuple(map(_storable, values))


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    return whole(value) if isinstance(value, int) else value


def whole(number: int | None) -> int | None:
    """``number``, or ``None`` (not known) where no SQLite integer can hold it."""
    return number if number is None or -(2**63) <= number < 2**63 else None


def _as_dict(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise NotImplementedError(f"no JSON for {type(value).__name__}")


_encoder = msgspec.json.Encoder(enc_hook=_as_dict)
