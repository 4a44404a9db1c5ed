"""The options of a scorer written on one line, taken apart."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator

from downroute.errors import UsageError
from downroute.records import Json

# A comma ends an option only where the next one begins: patterns and labels have commas, too.
_NEXT_OPTION = re.compile(r",(?=\s*\w+\s*=)")
_KEY = re.compile(r"\s*(\w+)\s*=\s*")
_DECODER = json.JSONDecoder()


def split_options(
    name: str, text: str, *, verbatim: Callable[[str], bool]
) -> Iterator[tuple[str, Json]]:
    """Each option's name with its value: text, or the JSON object or array it begins with, which
    may hold whatever commas it likes. Options for which ``verbatim`` is true stay text.

    Raises:
        UsageError: a part is not ``option=value``.
    """
    at = 0
    while at < len(text):
        key = _KEY.match(text, at)
        if key is None:
            part = _NEXT_OPTION.split(text[at:])[0].strip()
            raise UsageError(f"scorer '{name}': '{part}' is no option; write {name}:option=value")
        found = None if verbatim(key[1]) else _json_at(text, key.end())
        if found is not None:
            value, at = found
            yield key[1], value
            continue
        comma = _NEXT_OPTION.search(text, key.end())
        end = len(text) if comma is None else comma.start()
        yield key[1], text[key.end() : end].strip()
        at = end + 1


def _json_at(text: str, at: int) -> tuple[Json, int] | None:
    """The object or array that the value at ``at`` consists of, and where the next option is."""
    if text[at : at + 1] not in ("{", "["):
        return None
    try:
        value, end = _DECODER.raw_decode(text, at)
    except ValueError:
        return None
    rest = text[end:].lstrip()
    if rest and not rest.startswith(","):
        return None
    return value, len(text) - len(rest) + 1
