"""PURE: a request → the same request with one model's parameter settings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from downroute.records import Json


def adapt(
    request: Mapping[str, Json],
    model_name: str,
    *,
    set_: Mapping[str, Json] | None = None,
    rename: Mapping[str, str] | None = None,
    drop: Iterable[str] = (),
) -> dict[str, Json]:
    """A copy of ``request`` as the upstream of one model wants it; the rest stays as it is.

    In this order, each by top-level key:

    1. ``drop`` takes parameters out (so a dropped one is not renamed);
    2. ``rename`` moves them to another name, all at once and in place; where the request already
       has a parameter of the new name, that one stays and the renamed one goes;
    3. ``set_`` adds or replaces them, whole;
    4. ``model`` becomes ``model_name``, what the upstream calls the model.
    """
    rename = rename or {}
    dropped = frozenset(drop)
    kept = {k: v for k, v in request.items() if k not in dropped}
    named_so = {k for k in kept if k not in rename}
    adapted: dict[str, Any] = {}
    for key, value in kept.items():
        name = rename.get(key, key)
        if name == key or name not in named_so:
            adapted[name] = value
    return {**adapted, **(set_ or {}), "model": model_name}
