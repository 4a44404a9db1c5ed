"""A route put before those of its task: for requests that are to be treated apart. Text in, text
out; comments and all other routes stay."""

from __future__ import annotations

from collections.abc import Mapping

from ruamel.yaml.comments import CommentedMap

from downroute import yamlfile
from downroute.errors import PolicyError
from downroute.records import Bounds, Json, Route
from downroute.routing.policy import as_block, read_policy

_KEPT = ("request_checks", "checks", "escalate", "limit", "stream", "shadow")


def straight_to_baseline(text: str, name: str, task: str, when: Mapping[str, Bounds]) -> str:
    """``text`` with requests of ``task`` that ``when`` holds for sent to the baseline.

    Raises:
        PolicyError: there is no route for ``task``, or the result would be no policy.
    """
    return _inserted(text, name, task, when, cascade=False)


def route_of_its_own(text: str, name: str, task: str, when: Mapping[str, Bounds]) -> str:
    """``text`` with a route for those requests that does what their route does today, to be
    changed by itself.

    Raises:
        PolicyError: there is no such cascade, or its `when` holds for none of the requests.
    """
    return _inserted(text, name, task, when, cascade=True)


def _inserted(text: str, name: str, task: str, when: Mapping[str, Bounds], *, cascade: bool) -> str:
    routes = read_policy(text, name).routes
    mine = [i for i, r in enumerate(routes) if task in (r.task, r.match_task)]
    chosen = next((i for i in mine if not cascade or len(routes[i].models) > 1), None)
    if chosen is None:
        kind = "cascade" if cascade else "route"
        raise PolicyError(f"{name}: there is no {kind} for the task '{task}'")
    tree = yamlfile.parse(text, name, PolicyError)
    entries = tree["routes"]
    route, old = routes[chosen], entries[chosen]
    fresh = CommentedMap({"task": route.task})
    if "match" in old:
        fresh["match"] = _bare(old["match"])
    bounds = _both(route, when, name) if cascade else dict(when)
    fresh["when"] = CommentedMap({k: as_block(_plain(b), 0) for k, b in bounds.items()})
    fresh["models"] = as_block(list(route.models) if cascade else [route.baseline], 0)
    if route.baseline != fresh["models"][-1]:
        fresh["baseline"] = route.baseline
    fresh.update({k: _bare(old[k]) for k in _KEPT if cascade and k in old})
    fresh["unproven"] = True
    entries.insert(mine[0], fresh)
    changed = yamlfile.dump(tree)
    read_policy(changed, name)
    return changed


def _both(route: Route, when: Mapping[str, Bounds], name: str) -> dict[str, Bounds]:
    found = dict(route.when)
    for feature, bounds in when.items():
        joined = intersection(found.get(feature, Bounds()), bounds)
        if joined is None:
            raise PolicyError(f"{name}: the route '{route.task}' takes none of these requests")
        found[feature] = joined
    return found


def intersection(one: Bounds, other: Bounds) -> Bounds | None:
    """What holds exactly where both do; ``None`` where that is nowhere."""
    low = max((b for b in (one.min, other.min) if b is not None), default=None)
    high = min((b for b in (one.max, other.max) if b is not None), default=None)
    named = [b.among for b in (one, other) if b.among is not None]
    among = frozenset.intersection(*named) if named else None
    empty = (low is not None and high is not None and low > high) or among == frozenset()
    return None if empty else Bounds(low, high, among)


def _plain(bounds: Bounds) -> dict[str, Json]:
    if bounds.among is not None:
        return {"in": sorted(bounds.among)}
    sides = {"min": bounds.min, "max": bounds.max}
    return {k: int(v) if float(v).is_integer() else v for k, v in sides.items() if v is not None}


def _bare(value: Json) -> Json:
    """A copy that shares no anchors with the original."""
    return as_block(yamlfile.plain(value), 0)
