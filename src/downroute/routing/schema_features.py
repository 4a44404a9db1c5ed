"""How complex the schemas are that a request brings: of its answer, else of its tools' arguments.

Of several tools the most complex counts, feature by feature.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from downroute.prompts import response_schema, tool_schemas
from downroute.records import Json

DEEPEST = 32
"""Levels below which a schema is not looked at: it comes with the request."""

_CONDITIONS = ("if", "anyOf", "oneOf", "not", "dependentRequired", "dependentSchemas")
_MAPS_OF_SCHEMAS = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
_DEEPER = ("properties", "patternProperties", "items", "prefixItems", "additionalProperties")


def schema_depth(schema: Json) -> float:
    """Levels of objects and lists: a flat object has 1, a number 0."""
    return float(max((level for level, _ in _parts(schema)), default=0))


def schema_properties(schema: Json) -> float:
    """How many properties it names, on all levels."""
    return float(sum(len(_mapping(part.get("properties"))) for _, part in _parts(schema)))


def schema_optional(schema: Json) -> float:
    """How many of its properties may be left out."""
    return float(sum(_optional(part) for _, part in _parts(schema)))


def schema_enums(schema: Json) -> float:
    """In how many places the value is one of a fixed list."""
    return float(sum("enum" in part or "const" in part for _, part in _parts(schema)))


def schema_lists(schema: Json) -> float:
    """How many lists it holds."""
    return float(sum(_is_list(part) for _, part in _parts(schema)))


def schema_conditional(schema: Json) -> float:
    """In how many places what is allowed depends on the value: ``if``, ``anyOf``, ``oneOf``,
    ``not``, ``dependent…``."""
    return float(sum(sum(word in part for word in _CONDITIONS) for _, part in _parts(schema)))


def _of_request(measure: Callable[[Json], float]) -> Callable[[Mapping[str, Json]], float]:
    def value(request: Mapping[str, Json]) -> float:
        own = response_schema(request)
        schemas = [own] if own is not None else list(tool_schemas(request).values())
        return max((measure(schema) for schema in schemas), default=0.0)

    return value


FEATURES: Mapping[str, Callable[[Mapping[str, Json]], float]] = {
    measure.__name__: _of_request(measure)
    for measure in (
        schema_depth,
        schema_properties,
        schema_optional,
        schema_enums,
        schema_lists,
        schema_conditional,
    )
}


def _parts(schema: Json, level: int = 0, left: int = DEEPEST) -> Iterator[tuple[int, Json]]:
    """The schema and every schema in it, each with its level; a list of schemas part by part."""
    if isinstance(schema, (list, tuple)):
        for each in schema if left else ():
            yield from _parts(each, level, left - 1)
        return
    if not isinstance(schema, Mapping) or not left:
        return
    nests = _is_list(schema) or "properties" in schema
    level += nests
    yield level, schema
    for word, inner in schema.items():
        if word in _MAPS_OF_SCHEMAS and isinstance(inner, Mapping):
            for each in inner.values():
                yield from _parts(each, level, left - 1)
        elif word in (*_CONDITIONS, *_DEEPER, "allOf", "then", "else", "contains"):
            yield from _parts(inner, level, left - 1)


def _is_list(schema: Mapping[str, Json]) -> bool:
    kind = schema.get("type")
    kinds = kind if isinstance(kind, (list, tuple)) else (kind,)
    return "array" in kinds or "items" in schema or "prefixItems" in schema


def _optional(schema: Mapping[str, Json]) -> int:
    named = schema.get("required")
    required = {n for n in named if isinstance(n, str)} if isinstance(named, (list, tuple)) else ()
    return sum(name not in required for name in _mapping(schema.get("properties")))


def _mapping(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, Mapping) else {}
