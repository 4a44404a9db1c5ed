"""What a person writes to name a scorer ↔ the scorer.

From YAML: ``exact``, ``{number: {field: answer, tolerance: 0.01}}`` or ``{name: number, field:
answer}``; from the command line: ``number:field=answer,tolerance=0.01``, lists with ``|`` between
their items: ``one_of:labels=billing|bug|other``. All of them come to the same scorer.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Mapping
from typing import Any, cast, get_type_hints

import msgspec

from downroute.errors import UsageError
from downroute.prompts import canonical_json
from downroute.records import Json
from downroute.scoring.scorer import Scorer
from downroute.scoring.table import RECORDED, Row, row


def build_scorer(spec: str | Mapping[str, Json]) -> Scorer:
    """The scorer that ``spec`` names, with its options.

    Raises:
        UsageError: no scorer or option of that name, or a value it cannot take; says what can be.
    """
    name, options = parse_spec(spec)
    if name == RECORDED:
        raise UsageError(f"the scorer '{RECORDED}' takes no options and stands by itself")
    entry = row(name)
    known = _options(entry)
    for option in options:
        if option not in known:
            raise UsageError(_unknown_option(name, option, list(known)))
    given = {**entry.preset, **options}
    try:
        return cast(Scorer, msgspec.convert(given, entry.scorer, strict=not isinstance(spec, str)))
    except msgspec.ValidationError as fault:
        raise UsageError(f"scorer '{name}': {_plain_fault(fault)}") from None
    except UsageError as fault:
        raise UsageError(f"scorer '{name}': {fault}") from None


def parse_spec(spec: str | Mapping[str, Json]) -> tuple[str, dict[str, Json]]:
    """The name and the options in ``spec``, not yet checked against the table.

    Raises:
        UsageError: ``spec`` is not written in one of the forms above.
    """
    if isinstance(spec, str):
        return _parse_text(spec)
    if "name" in spec:
        return str(spec["name"]), {str(k): v for k, v in spec.items() if k != "name"}
    if len(spec) != 1:
        raise UsageError(f"expected one scorer with its options, found {len(spec)} keys")
    ((name, options),) = spec.items()
    if options is not None and not isinstance(options, Mapping):
        raise UsageError(f"the options of scorer '{name}' are `key: value` pairs, not {options!r}")
    return str(name), {str(k): v for k, v in (options or {}).items()}


def describe(scorer: Scorer) -> str:
    """The scorer as one would write it on the command line, defaults left out."""
    options = []
    for entry in dataclasses.fields(cast(Any, scorer)):
        value = getattr(scorer, entry.name)
        if value != entry.default:
            options.append(f"{entry.name}={_option_text(value)}")
    return f"{scorer.name}:{','.join(options)}" if options else scorer.name


# A comma ends an option only where the next one begins: patterns and labels have commas, too.
_NEXT_OPTION = re.compile(r",(?=\s*\w+\s*=)")


def _parse_text(spec: str) -> tuple[str, dict[str, Json]]:
    name, _, rest = spec.strip().partition(":")
    options: dict[str, Json] = {}
    known = _option_types(row(name)) if rest and name != RECORDED else {}
    for part in _NEXT_OPTION.split(rest) if rest.strip() else ():
        key, equals, text = part.partition("=")
        if not equals:
            raise UsageError(
                f"scorer '{name}': '{part.strip()}' is no option; write {name}:option=value"
            )
        options[key.strip()] = _value(text.strip(), known.get(key.strip()))
    return name, options


def _value(text: str, kind: Any) -> Json:
    if getattr(kind, "__origin__", None) is tuple:
        return [item.strip() for item in text.split("|")]
    if text.startswith("{"):
        try:
            return msgspec.json.decode(text)
        except msgspec.DecodeError:
            return text
    return text


def _option_text(value: Json) -> str:
    if isinstance(value, tuple):
        return "|".join(_option_text(item) for item in value)
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) else canonical_json(value)


def _options(entry: Row) -> dict[str, Any]:
    return {f.name: f for f in dataclasses.fields(entry.scorer)}


def _option_types(entry: Row) -> dict[str, Any]:
    hints = get_type_hints(entry.scorer)
    return {name: hints[name] for name in _options(entry)}


def _unknown_option(name: str, option: str, known: list[str]) -> str:
    near = difflib.get_close_matches(option, known, n=1)
    there = ", ".join(known) if known else "it takes none"
    hint = f"did you mean '{near[0]}'?" if near else f"its options: {there}"
    return f"scorer '{name}' has no option '{option}'; {hint}"


def _plain_fault(fault: msgspec.ValidationError) -> str:
    """``Expected `float`, got `str` - at `$.tolerance` `` in words."""
    message, _, where = str(fault).replace("`", "").partition(" - at $.")
    told = f"{message[:1].lower()}{message[1:]}"
    return f"option '{where}': {told}" if where else told
