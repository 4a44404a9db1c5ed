"""PURE: whether a route's models speak one API: nothing is translated on the way."""

from __future__ import annotations

from collections.abc import Iterator

from downroute import yamlfile
from downroute.config import Settings
from downroute.errors import PolicyError
from downroute.records import Policy, Route


def refuse_mixed_shapes(policy: Policy, text: str, name: str, settings: Settings) -> None:
    """Refuse a policy with a route whose models live on upstreams of different ``api``. ``text``
    is what it was read from, ``name`` stands in error messages. Models that ``settings`` does not
    name count for nothing: they live wherever the client's API is spoken.

    Raises:
        PolicyError: one line per route and model, with ``name:line:column``.
    """
    if len({upstream.api for upstream in settings.upstreams.values()}) < 2:
        return
    faults = []
    tree = None
    for index, route in enumerate(policy.routes):
        known = [(m, place) for m, place in _asked(route) if m in settings.models]
        if not known:
            continue
        names = [model for model, _ in known]
        asked_for = route.baseline if route.baseline in names else names[0]
        for model, place in known:
            if _api(settings, model) == _api(settings, asked_for):
                continue
            tree = tree or yamlfile.parse(text, name, PolicyError)
            line, column = yamlfile.position(tree, ["routes", index, *place])
            faults.append(
                f"{name}:{line}:{column}: {_lives(settings, model)}, but "
                f"{_lives(settings, asked_for)}; a route's models are asked in one API"
            )
    if faults:
        raise PolicyError("\n".join(dict.fromkeys(faults)))


def _asked(route: Route) -> Iterator[tuple[str, list[str | int]]]:
    """Every model a route may ask, with its place below the route in the file."""
    for index, model in enumerate(route.models):
        yield model, ["models", index]
    yield route.baseline, ["baseline"]
    if route.fallback is not None:
        yield route.fallback, ["fallback"]
    if route.second is not None:
        yield route.second.model, ["escalate", "ask", route.second.purpose.value]


def _api(settings: Settings, model: str) -> str:
    return settings.upstream_of(model)[1].api


def _lives(settings: Settings, model: str) -> str:
    name, upstream = settings.upstream_of(model)
    return f"{model} is asked at '{name}', which is {upstream.api}-shaped"
