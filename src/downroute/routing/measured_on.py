"""What a route's evidence was measured on: the instructions in its requests, the versions of its
models. Where either is another one today, the evidence says nothing of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache

from downroute.prompts import system_text
from downroute.records import Json, Route
from downroute.remembered import Remembered
from downroute.routing.fingerprint import template

MOST_PROMPTS = 10
"""A task whose requests bring more different instructions than this is not held to them."""


def prompt_mark(request: Mapping[str, Json]) -> str:
    """12 hex digits; equal for requests whose instructions have one template."""
    return _marked(system_text(request))


def measured_prompts(route: Route) -> frozenset[str] | None:
    """The marks of the instructions that were measured; ``None`` = the route is not held to any."""
    marks = (route.evidence or {}).get("prompts")
    return frozenset(map(str, marks)) if isinstance(marks, (list, tuple)) and marks else None


def measured_versions(route: Route) -> Mapping[str, frozenset[str]]:
    """The versions that answered when the route was measured, by model; nothing of models whose
    upstream reported none."""
    return _versions_of(route)


def _read_versions(route: Route) -> Mapping[str, frozenset[str]]:
    told = (route.evidence or {}).get("snapshots")
    return {
        str(model): frozenset(v.strip() for v in str(versions).split(","))
        for model, versions in (told.items() if isinstance(told, Mapping) else ())
        if versions
    }


_versions_of = Remembered(_read_versions)


def prompts_of(marks: Mapping[str, int]) -> list[str]:
    """The marks a route is held to, given how many of its task's examples bear each; none where
    instructions vary too much to say which belong to it."""
    return sorted(marks) if 0 < len(marks) <= MOST_PROMPTS else []


@lru_cache(maxsize=4096)
def _marked(system: str) -> str:
    text = template(system)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]
