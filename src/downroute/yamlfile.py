"""YAML files a person edits: text ↔ validated settings, with every fault's line and column.

YAML 1.2 through ruamel.yaml's round-trip loader, so comments survive a rewrite; it is loaded only
for what is not plain, is wrong or is to be written. Text in, values out: reading and writing the
file itself is the caller's business.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError

from downroute.errors import ConfigError
from downroute.plain_yaml import read_plain

if TYPE_CHECKING:
    from ruamel.yaml import YAML
    from ruamel.yaml.comments import CommentedMap


class Strict(BaseModel):
    """The base of every settings class: unknown keys are refused, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    @classmethod
    def usual(cls) -> Self:
        """What holds where nothing is said. Defaults are right as they stand; to check them, each
        class would have to be prepared by itself, besides those that it is part of."""
        return cls.model_construct()


Settings = TypeVar("Settings", bound=Strict)


def read(
    text: str, name: str, shape: type[Settings], error: type[ConfigError] = ConfigError
) -> Settings:
    """``text`` as ``shape``: `parse` and `validate` in one, many times as fast where the text is
    plain and right.

    Raises:
        error: as those two do.
    """
    plainly = read_plain(text)
    if plainly is not None:
        with suppress(ValidationError):
            return shape.model_validate(plainly)
    return validate(parse(text, name, error), shape, name, error)


def parse(text: str, name: str, error: type[ConfigError] = ConfigError) -> CommentedMap:
    """``text`` as a commented mapping (empty for an empty file). ``name`` stands in messages.

    Raises:
        error: no YAML, or YAML whose top is no mapping.
    """
    from ruamel.yaml.comments import CommentedMap
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        tree = _yaml().load(text)
    except MarkedYAMLError as fault:
        mark = fault.problem_mark or fault.context_mark
        where = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
        raise error(f"{where}: not valid YAML: {fault.problem or fault.context}") from None
    except YAMLError as fault:
        raise error(f"{name}: not valid YAML: {fault}") from None
    if tree is None:
        return CommentedMap()
    if not isinstance(tree, CommentedMap):
        kind = "list" if isinstance(tree, list) else "single value"
        raise error(f"{name}:1:1: expected `key: value` lines, found a {kind}")
    return tree


def validate(
    tree: CommentedMap, shape: type[Settings], name: str, error: type[ConfigError] = ConfigError
) -> Settings:
    """The tree as ``shape``.

    Raises:
        error: one line per fault, each with ``name:line:column``.
    """
    try:
        return shape.model_validate(plain(tree))
    except ValidationError as faults:
        lines = [_fault_line(tree, shape, name, dict(f)) for f in faults.errors()]
        raise error("\n".join(dict.fromkeys(lines))) from None


def dump(tree: Mapping[str, Any]) -> str:
    """The tree as YAML text, comments kept."""
    import io

    out = io.StringIO()
    _yaml().dump(tree, out)
    return out.getvalue()


def plain(value: Any) -> Any:
    """A commented tree as plain dicts, lists and scalars."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, bool) or value is None:
        return value
    for scalar in (int, float, str):
        if isinstance(value, scalar):
            return scalar(value)
    return value


def position(tree: Any, path: Sequence[str | int]) -> tuple[int, int]:
    """1-based line and column of the deepest part of ``path`` that stands in the tree."""
    line, column = 1, 1
    for key in path:
        mark = getattr(tree, "lc", None)
        try:
            if isinstance(tree, Mapping):
                found = mark.key(key) if mark else None
            else:
                found = mark.item(key) if mark else None
            tree = tree[key]
        except (KeyError, IndexError, TypeError, AttributeError):
            break
        if found:
            line, column = found[0] + 1, found[1] + 1
    return line, column


def _fault_line(tree: CommentedMap, shape: type[BaseModel], name: str, fault: Any) -> str:
    path = tuple(p for p in fault["loc"] if p != "[key]")
    line, column = position(tree, path)
    where = f"{name}:{line}:{column}"
    key = ".".join(str(p) for p in path)
    if fault["type"] == "extra_forbidden":
        import difflib

        known = _known_keys(shape, path[:-1])
        near = difflib.get_close_matches(str(path[-1]), known, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"known here: {', '.join(known)}"
        return f"{where}: '{key}' is not a setting; {hint}"
    if fault["type"] == "missing":
        return f"{where}: '{key}' is missing"
    message = str(fault["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ")
    # Our own validators say what they found; one that guards a secret does not.
    given = None if fault["type"] == "value_error" else fault.get("input")
    shown = f" (found {given!r})" if isinstance(given, (str, int, float, bool)) else ""
    return f"{where}: '{key}': {message[:1].lower()}{message[1:]}{shown}"


def _known_keys(shape: Any, path: Sequence[str | int]) -> list[str]:
    """The setting names of the settings class that ``path`` leads to, as far as types tell."""
    for key in path:
        shape = _inside(shape, key)
    return sorted(getattr(_settings_class(shape), "model_fields", {}))


def _inside(annotation: Any, key: str | int) -> Any:
    """The type of what stands under ``key`` in a value of type ``annotation``."""
    settings = _settings_class(annotation)
    if settings is not None:
        field = settings.model_fields.get(str(key))
        return field.annotation if field else None
    for choice in (annotation, *get_args(annotation)):
        if get_origin(choice) in (dict, list):
            return get_args(choice)[-1]
    return None


def _settings_class(annotation: Any) -> type[BaseModel] | None:
    """``annotation`` itself, or the settings class in ``X | None``; not one inside a container."""
    choices = (annotation,) if isinstance(annotation, type) else get_args(annotation)
    if get_origin(annotation) in (dict, list):
        return None
    return next((c for c in choices if isinstance(c, type) and issubclass(c, BaseModel)), None)


def _yaml() -> YAML:
    from ruamel.yaml import YAML

    yaml = YAML(typ="rt")
    yaml.width = 100
    yaml.preserve_quotes = True
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml
