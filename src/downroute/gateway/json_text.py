"""JSON bytes ↔ values, whatever clients and upstreams send.

msgspec does the work. What it refuses but programs do send (half a surrogate pair, from a text
cut inside an emoji) goes through the standard library.
"""

from __future__ import annotations

import json
from typing import Any, Final, NoReturn

import msgspec

from downroute.records import Json

Raw = msgspec.Raw

_decode: Final = msgspec.json.decode
_encode: Final = msgspec.json.encode
_fields: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_objects: Final = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])


def decode(text: bytes | Raw) -> Json:
    """The value of a JSON text.

    Raises:
        ValueError: it is none, or nested too deep.
    """
    try:
        return _decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    except RecursionError:
        raise ValueError("nested too deep") from None
    try:
        return _standard.decode(bytes(text).decode())
    except RecursionError:
        raise ValueError("nested too deep") from None


def encode(value: Any) -> bytes:
    """A JSON text without spaces; `Raw` values inside go out as they came in."""
    try:
        return _encode(value)
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"), default=_raw_value).encode()


def fields(text: bytes | Raw) -> dict[str, Raw]:
    """The top-level members of a JSON object, each value as the bytes it stands in.

    Raises:
        ValueError: no JSON object.
    """
    try:
        return _fields.decode(text)
    except msgspec.ValidationError:
        raise ValueError("a JSON object was expected") from None
    except RecursionError:
        raise ValueError("nested too deep") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        try:
            return _fields_slowly(bytes(text).decode())
        except (ValueError, RecursionError):
            raise ValueError(str(fault)) from None


def objects(text: bytes | Raw) -> list[dict[str, Raw]]:
    """The objects of a JSON array, each as `fields` gives it.

    Raises:
        ValueError: no array of objects, or one that only the standard library can read.
    """
    try:
        return _objects.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise ValueError(str(fault)) from None


def join(members: dict[str, Any]) -> bytes:
    """The JSON object of ``members``; `Raw` values byte for byte."""
    try:
        return _encode(members)
    except UnicodeEncodeError:
        return b"{" + b",".join(encode(k) + b":" + _value(v) for k, v in members.items()) + b"}"


def _value(value: Any) -> bytes:
    return bytes(value) if isinstance(value, Raw) else encode(value)


def _fields_slowly(text: str) -> dict[str, Raw]:
    found: dict[str, Raw] = {}
    at = _after_space(text, 0)
    if text[at : at + 1] != "{":
        raise ValueError("a JSON object was expected")
    at = _after_space(text, at + 1)
    while text[at : at + 1] != "}":
        if found:
            if text[at : at + 1] != ",":
                raise ValueError(f"a comma was expected (character {at})")
            at = _after_space(text, at + 1)
        key, at = _standard.raw_decode(text, at)
        at = _after_space(text, at)
        if not isinstance(key, str) or text[at : at + 1] != ":":
            raise ValueError(f"a member was expected (character {at})")
        start = _after_space(text, at + 1)
        _, at = _standard.raw_decode(text, start)
        found[key] = Raw(text[start:at].encode())
        at = _after_space(text, at)
    if _after_space(text, at + 1) != len(text):
        raise ValueError("there is more after the object")
    return found


def _after_space(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n":
        at += 1
    return at


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _raw_value(value: Any) -> Json:
    return _standard.decode(bytes(value).decode())


_standard = json.JSONDecoder(parse_constant=_no_constant)
