"""PURE: does a value follow a JSON Schema? Compiled once per schema, nothing is ever fetched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec

from downroute.records import Json
from downroute.remembered import Remembered

if TYPE_CHECKING:
    import jsonschema_rs

BACKTRACK_LIMIT = 100_000
"""Steps after which a `pattern` counts as not matching: schemas come with requests, and a
regular expression must not stop a gateway."""


@dataclass(frozen=True, slots=True)
class Validity:
    """``valid`` is ``None`` where the schema itself is bad; ``reason`` says why, or which part of
    the value is at fault, without quoting it."""

    valid: bool | None
    reason: str | None = None


_VALID = Validity(True)


def validate(value: Json, schema: Json) -> Validity:
    """``value`` against ``schema`` (draft 2020-12, unless its ``$schema`` says otherwise)."""
    compiled = _compiled(schema)
    if isinstance(compiled, str):
        return Validity(None, compiled)
    try:
        if compiled.is_valid(value):
            return _VALID
        return Validity(False, _first_fault(compiled, value))
    except ValueError:
        return Validity(False, "not comparable with a schema")


def schema_fault(schema: Json) -> str | None:
    """Why ``schema`` cannot be used; ``None`` where it can."""
    compiled = _compiled(schema)
    return compiled if isinstance(compiled, str) else None


def pattern_fault(pattern: str) -> str | None:
    """Why ``pattern`` is no regular expression that can be used; ``None`` where it is one."""
    if schema_fault({"pattern": pattern}) is None:
        return None
    return (
        f"{pattern!r} is not a regular expression in JSON Schema's flavour (ECMA-262: the end is "
        "$, not \\Z, and a named group is repeated with \\k<name>)"
    )


def matches(text: str, pattern: str) -> bool | None:
    """Whether ``pattern`` is found anywhere in ``text``; ``None`` where it is no pattern.

    The flavour is JSON Schema's (ECMA-262), the engine Rust's: linear in the text where the
    pattern has no look-around or back-reference, else stopped after `BACKTRACK_LIMIT` steps and
    then not matching. ``\\w`` and ``\\d`` mean ASCII; ``(?i)`` ignores case.
    """
    return validate(text, {"type": "string", "pattern": pattern}).valid


def _compile(schema: Json) -> jsonschema_rs.Validator | str:
    if not isinstance(schema, (Mapping, bool)):
        return f"a JSON Schema is an object, this one is {type(schema).__name__}"
    try:
        return _compiled_text(msgspec.json.encode(schema))
    except (TypeError, ValueError, RecursionError) as fault:
        return f"the schema is no JSON: {fault}"


_compiled = Remembered(_compile)


@lru_cache(maxsize=512)
def _compiled_text(schema: bytes) -> jsonschema_rs.Validator | str:
    import jsonschema_rs  # a gateway whose requests bring no schema holds 3 MB less

    try:
        return jsonschema_rs.validator_for(
            msgspec.json.decode(schema),
            retriever=_refuse,
            pattern_options=jsonschema_rs.FancyRegexOptions(backtrack_limit=BACKTRACK_LIMIT),
        )
    except (ValueError, jsonschema_rs.ReferencingError) as fault:
        return f"the schema cannot be used: {str(fault).splitlines()[0]}"


def _refuse(uri: str) -> NoReturn:
    raise ValueError(f"schemas elsewhere are not fetched ({uri})")


def _first_fault(validator: Any, value: Json) -> str:
    fault = next(iter(validator.iter_errors(value)))
    where = ".".join(str(part) for part in fault.instance_path) or "the value"
    rule = next((str(p) for p in reversed(fault.schema_path) if isinstance(p, str)), "schema")
    return f"{where} breaks '{rule}'"
