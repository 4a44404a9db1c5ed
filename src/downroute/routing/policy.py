"""``policy.yaml`` ↔ `Policy`: reading, checking, merging. Text in, text or values out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from downroute import yamlfile
from downroute.errors import PolicyError
from downroute.records import EscalationLimit, Json, Policy, Route
from downroute.routing.policy_form import PolicyFile, RouteFile, check_specs

if TYPE_CHECKING:
    from ruamel.yaml.comments import CommentedSeq


def read_policy(text: str, name: str = "policy.yaml") -> Policy:
    """The policy in ``text``. ``name`` stands in error messages.

    Raises:
        PolicyError: one line per fault with ``name:line:column``: no YAML, unknown keys, checks
            or signals, a route without evidence, two routes that claim the same requests.
    """
    file = yamlfile.read(text, name, PolicyFile, PolicyError)
    _refuse_overlaps(file.routes, text, name)
    routes = tuple(_route(entry) for entry in file.routes)
    return Policy(routes=routes, digest=text_digest(text), baseline=file.baseline)


def text_digest(text: str) -> str:
    """A policy's identity: the first 16 hex digits of the SHA-256 of its text."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def merge_routes(text: str, name: str, routes: Sequence[Mapping[str, Json]]) -> str:
    """``text`` with ``routes`` in place of the same tasks' or added at the end. A task may have
    several, in the order in which they are tried.

    Other routes and all comments outside the replaced routes stay as they are.

    Raises:
        PolicyError: ``text`` is no policy, or the result would not be one.
    """
    from ruamel.yaml.comments import CommentedSeq

    tree = yamlfile.parse(text, name, PolicyError)
    if tree:
        yamlfile.validate(tree, PolicyFile, name, PolicyError)
    else:
        tree["version"] = 1
    kept = tree.setdefault("routes", CommentedSeq())
    by_task: dict[str, list[Mapping[str, Json]]] = {}
    for route in routes:
        by_task.setdefault(route["task"], []).append(route)
    for first, *further in by_task.values():
        _put(kept, first, further)
    merged = yamlfile.dump(tree)
    read_policy(merged, name)
    return merged


def policy_schema() -> dict[str, Any]:
    """The JSON Schema of ``policy.yaml``, for editors."""
    schema = PolicyFile.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _put(
    routes: CommentedSeq, route: Mapping[str, Json], further: Sequence[Mapping[str, Json]]
) -> None:
    same = [i for i, entry in enumerate(routes) if entry.get("task") == route["task"]]
    if not same:
        routes.extend(as_block(r) for r in (route, *further))
        return
    # The first keeps its place and the comment that follows it; a task's further routes (say,
    # one per length) were shown by the older study and go with it.
    for index in reversed(same[1:]):
        del routes[index]
    from ruamel.yaml.comments import CommentedMap

    old = routes[same[0]]
    comments = getattr(old, "ca", None)
    fresh = as_block(route)
    if comments is not None and isinstance(fresh, CommentedMap):
        fresh.ca.comment = comments.comment
        fresh.ca.items.update({k: v for k, v in comments.items.items() if k in fresh})
    routes[same[0]] = fresh
    for place, more in enumerate(further, start=same[0] + 1):
        routes.insert(place, as_block(more))


def as_block(value: Json, lines: int = 1) -> Json:
    """Plain values as YAML: a route's keys and those of its evidence on lines of their own, what
    is deeper in braces."""
    from ruamel.yaml.comments import CommentedMap, CommentedSeq

    if isinstance(value, Mapping):
        block = CommentedMap()
        for key, inner in value.items():
            block[key] = as_block(inner, 1 if lines > 0 and key == "evidence" else lines - 1)
        if lines <= 0:
            block.fa.set_flow_style()
        return block
    if isinstance(value, (list, tuple)):
        row = CommentedSeq(as_block(v, 0) for v in value)
        row.fa.set_flow_style()
        return row
    return value


def _route(entry: RouteFile) -> Route:
    escalate, limit = entry.escalate, entry.limit
    return Route(
        task=entry.task,
        models=tuple(entry.models),
        baseline=entry.baseline or entry.models[-1],
        match_task=entry.match.task,
        fingerprints=frozenset(entry.match.fingerprints),
        when={name: b.bounds() for name, b in entry.when.items()},
        checks=check_specs(entry.checks),
        request_checks=entry.request_checks,
        escalate=None if escalate is None else escalate.linear(),
        second=None if escalate is None else escalate.second(),
        limit=None if limit is None else EscalationLimit(**limit.model_dump()),
        stream=entry.stream,
        shadow=entry.shadow,
        evidence=None if entry.evidence is None else entry.evidence.model_dump(),
        unproven=entry.unproven,
        fallback=entry.falls_back_to,
    )


def _refuse_overlaps(routes: Sequence[RouteFile], text: str, name: str) -> None:
    """Two routes may share requests only where they are of one task and the first has a `when`."""
    owner: dict[str, str] = {}
    open_ended: set[str] = set()

    def where(index: int) -> str:
        line, column = yamlfile.position(yamlfile.parse(text, name), ["routes", index])
        return f"{name}:{line}:{column}"

    for index, route in enumerate(routes):
        if route.task in open_ended:
            raise PolicyError(
                f"{where(index)}: task '{route.task}' already has a route without `when:` above, "
                "so this one would never be taken; remove one or give the earlier one a `when:`"
            )
        if not route.when:
            open_ended.add(route.task)
        claims = [f"fingerprint {mark}" for mark in route.match.fingerprints]
        claims.append(f"task '{route.match.task or route.task}'")
        for claim in claims:
            other = owner.setdefault(claim, route.task)
            if other != route.task:
                raise PolicyError(
                    f"{where(index)}: {claim} is claimed by the routes '{other}' and "
                    f"'{route.task}'; a request must belong to one task"
                )
