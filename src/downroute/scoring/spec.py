"""What a person writes to name a scorer ↔ the scorer.

From YAML: ``exact``, ``{number: {field: answer, tolerance: 0.01}}`` or ``{name: number, field:
answer}``; from the command line: ``number:field=answer,tolerance=0.01``, lists with ``|`` between
their items: ``one_of:labels=billing|bug|other``. All of them come to the same scorer.

A scorer's main option may stand alone: ``{regex: '^A'}``, ``regex:^A``, ``{all_of: [exact, …]}``.
Options that are scorers are written like any scorer; where one has options of its own on the
command line, as JSON: ``all_of:of=["exact",{"word_count":{"max":50}}]``.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import re
from collections.abc import Mapping
from typing import Any, cast, get_args, get_type_hints

import msgspec

from downroute.errors import UsageError
from downroute.prompts import canonical_json
from downroute.records import Json
from downroute.scoring.scorer import Scorer
from downroute.scoring.spec_text import split_options
from downroute.scoring.table import RECORDED, Row, row

NEGATED = "not-"
"""promptfoo's prefix for the opposite of an assertion."""


def build_scorer(spec: str | Mapping[str, Json]) -> Scorer:
    """The scorer that ``spec`` names, with its options.

    Raises:
        UsageError: no scorer or option of that name, or a value it cannot take; says what can be.
    """
    name, options = parse_spec(spec)
    if name == RECORDED:
        raise UsageError(f"the scorer '{RECORDED}' takes no options and stands by itself")
    if name.startswith(NEGATED) and name != NEGATED:
        return build_scorer({"not_": {"of": {name.removeprefix(NEGATED): options}}})
    entry = row(name)
    known = _option_types(entry)
    for option in options:
        if option not in known:
            raise UsageError(_unknown_option(name, option, list(known)))
    given = {**entry.preset, **options}
    strict = not isinstance(spec, str)
    try:
        return cast(Scorer, msgspec.convert(given, entry.scorer, strict=strict, dec_hook=_nested))
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
    if options is None:
        return str(name), {}
    alone = _alone(str(name), options)
    if alone is not None:
        return str(name), alone
    if not isinstance(options, Mapping):
        raise UsageError(f"the options of scorer '{name}' are `key: value` pairs, not {options!r}")
    return str(name), {str(k): v for k, v in options.items()}


def describe(scorer: Scorer) -> str:
    """The scorer as one would write it on the command line, defaults left out."""
    options = []
    for name, value in _set_options(scorer).items():
        options.append(f"{name}={_option_text(value)}")
    return f"{scorer.name}:{','.join(options)}" if options else scorer.name


def _parse_text(spec: str) -> tuple[str, dict[str, Json]]:
    name, _, rest = spec.strip().partition(":")
    if not rest.strip() or name == RECORDED:
        return name, {"": rest} if rest.strip() else {}
    entry = _row_of(name)
    known = _option_types(entry)
    if entry.main is not None and not _NAMES_OPTION.match(rest):
        return name, {entry.main: _value(rest.strip(), known[entry.main])}
    found: dict[str, Json] = {}
    for key, text in split_options(name, rest, verbatim=lambda k: _is_text(known.get(k))):
        found[key] = _value(text, known.get(key)) if isinstance(text, str) else text
    return name, found


_NAMES_OPTION = re.compile(r"\s*\w+\s*=")


def _alone(name: str, value: Json) -> dict[str, Json] | None:
    """``value`` as the main option of the scorer ``name``, where that is what it can only be."""
    try:
        entry = _row_of(name)
    except UsageError:
        return None
    if entry.main is None:
        return None
    known = _option_types(entry)
    if isinstance(value, Mapping):
        # {not_: {contains: …}}: no option has that name, and a scorer may be meant.
        is_options = known[entry.main] is not Scorer or not value or set(value) <= set(known)
        return None if is_options else {entry.main: dict(value)}
    many = getattr(known[entry.main], "__origin__", None) is tuple
    return {entry.main: [value] if many and not isinstance(value, list) else value}


def _row_of(name: str) -> Row:
    negated = name.startswith(NEGATED) and name != NEGATED
    return row(name.removeprefix(NEGATED) if negated else name)


def _nested(kind: type, spec: Any) -> Scorer:  # noqa: ARG001
    """An option that is a scorer."""
    if isinstance(spec, Mapping):
        return build_scorer({str(k): v for k, v in spec.items()})
    if not isinstance(spec, str):
        raise ValueError(f"expected a scorer, got {type(spec).__name__}")
    return build_scorer(spec)


def _value(text: str, kind: Any) -> Json:
    if not _is_text(kind) and text[:1] in ("{", "["):
        try:
            return json.loads(text)
        except ValueError:
            pass
    if getattr(kind, "__origin__", None) is tuple:
        return [item.strip() for item in text.split("|")]
    return text


def _is_text(kind: Any) -> bool:
    return kind is str or set(get_args(kind)) == {str, type(None)}


def _option_text(value: Any) -> str:
    if isinstance(value, tuple):
        texts = [_option_text(item) for item in value]
        if any(isinstance(item, Scorer) for item in value) and any(
            mark in text for text in texts for mark in ("|", ",")
        ):
            return canonical_json([_as_yaml(item) for item in value])
        return "|".join(texts)
    if isinstance(value, Scorer):
        text = describe(value)
        return canonical_json(_as_yaml(value)) if "," in text else text
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) else canonical_json(_as_yaml(value))


def _as_yaml(value: Any) -> Json:
    """A scorer, or an option's value with scorers in it, as one would write it in YAML."""
    if isinstance(value, Scorer):
        options = {name: _as_yaml(option) for name, option in _set_options(value).items()}
        return {value.name: options} if options else value.name
    if isinstance(value, Mapping):
        return {str(k): _as_yaml(v) for k, v in value.items()}
    return [_as_yaml(item) for item in value] if isinstance(value, (tuple, list)) else value


def _set_options(scorer: Scorer) -> dict[str, Any]:
    """The options that are not left at their default."""
    found = {f: getattr(scorer, f.name) for f in dataclasses.fields(cast(Any, scorer))}
    return {f.name: value for f, value in found.items() if value != _default(f)}


def _default(entry: dataclasses.Field[Any]) -> Any:
    made = entry.default_factory
    return entry.default if made is dataclasses.MISSING else made()


def _option_types(entry: Row) -> dict[str, Any]:
    hints = get_type_hints(entry.scorer)
    return {f.name: hints[f.name] for f in dataclasses.fields(entry.scorer)}


def _unknown_option(name: str, option: str, known: list[str]) -> str:
    near = difflib.get_close_matches(option, known, n=1)
    there = ", ".join(known) if known else "it takes none"
    hint = f"did you mean '{near[0]}'?" if near else f"its options: {there}"
    return f"scorer '{name}' has no option '{option}'; {hint}"


def _plain_fault(fault: msgspec.ValidationError) -> str:
    """``Expected `float`, got `str` - at `$.tolerance` `` in words."""
    message, _, where = str(fault).replace("`", "").partition(" - at $.")
    missing = message.removeprefix("Object missing required field ")
    if missing != message:
        return f"it needs its option '{missing}'"
    told = f"{message[:1].lower()}{message[1:]}"
    return f"option '{where}': {told}" if where else told
