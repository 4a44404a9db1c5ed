"""Lists of objects brought into the order of another list, where order does not count."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from downroute.records import Json
from downroute.scoring.json_leaves import leaves, written

ALIKE = 0.5
"""What being equal in every respect counts beside the values that two items share."""


def aligned(value: Json, model: Json) -> Json:
    """``value`` with its lists of objects or lists, at every depth, in the order in which most of
    their values stand where ``model`` has them. ``None`` stands where ``model`` has an item that
    is matched by none; what is left over comes last. Values themselves are not changed."""
    if isinstance(value, Mapping) and isinstance(model, Mapping):
        return {key: aligned(inner, model.get(key)) for key, inner in value.items()}
    if not isinstance(value, list) or not isinstance(model, list) or not _nested(value):
        return value
    partner = _partners(value, model)
    placed: list[Json] = [None] * len(model)
    for index, place in partner.items():
        placed[place] = aligned(value[index], model[place])
    return [*placed, *(item for index, item in enumerate(value) if index not in partner)]


def _partners(items: Sequence[Json], models: Sequence[Json]) -> dict[int, int]:
    """Which item stands for which model, so that most values are shared in all."""
    import numpy as np
    from scipy.optimize import linear_sum_assignment

    shared = np.zeros((len(items), len(models)))
    places: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    for place, model in enumerate(models):
        for leaf, times in _flat(model).items():
            places[leaf].append((place, times))
    for index, item in enumerate(items):
        for leaf, times in _flat(item).items():
            for place, wanted in places.get(leaf, ()):
                shared[index, place] += min(times, wanted)
    whole = [_whole(model) for model in models]
    for index, item in enumerate(items):
        same = _whole(item)
        shared[index, [w == same for w in whole]] += ALIKE
    chosen = linear_sum_assignment(shared, maximize=True)
    return {int(index): int(place) for index, place in zip(*chosen, strict=True)}


def _flat(value: Json) -> Counter[tuple[str, str]]:
    """The values below ``value`` by their path, with no place in any list."""
    return Counter((path, written(leaf)) for path, leaf in leaves(value, "", places=False))


def _whole(value: Json) -> str:
    """One text for all values that are the same in any order of their lists."""
    if isinstance(value, Mapping):
        inner = ",".join(sorted(f"{json.dumps(k)}:{_whole(v)}" for k, v in value.items()))
        return f"{{{inner}}}"
    if isinstance(value, list):
        inner = ",".join(sorted(map(_whole, value)))
        return f"[{inner}]"
    return "" if value is None else json.dumps(written(value))


def _nested(items: Sequence[Json]) -> bool:
    return any(isinstance(item, (Mapping, list)) for item in items)
