"""Which names may stand in labels: those of the settings and of the policy in force."""

from __future__ import annotations

from collections.abc import Callable

from downroute.config import Settings
from downroute.gateway.plan import Serving
from downroute.gateway.telemetry.metric_names import OTHER


class KnownNames:
    """A client may ask for any model and any task; a series for each would be a way to fill the
    memory of whoever keeps them."""

    def __init__(self, settings: Callable[[], Settings], serving: Callable[[], Serving]) -> None:
        self._settings = settings
        self._serving = serving
        self._of: tuple[Settings, Serving] | None = None
        self._models: dict[str, str] = {}
        self._tasks: frozenset[str] = frozenset()

    def refreshed(self) -> bool:
        """Follow the settings and the policy; whether they are others than the last time."""
        settings, serving = self._settings(), self._serving()
        if self._of is not None and settings is self._of[0] and serving is self._of[1]:
            return False
        self._refresh(settings, serving)
        return True

    def model(self, name: str) -> str:
        return name if name in self._models else OTHER

    def upstream(self, model: str) -> str:
        """Of a model; of one that is not known the upstream it falls to."""
        return self._models.get(model) or next(iter(self._settings().upstreams), "")

    def task(self, name: str | None) -> str:
        """Empty where no task is known."""
        if not name:
            return ""
        return name if name in self._tasks else OTHER

    def _refresh(self, settings: Settings, serving: Serving) -> None:
        names = {*settings.models, *settings.prices, *serving.models}
        routes = () if serving.table is None else serving.table.policy.routes
        baselines = {route.baseline for route in routes}
        self._models = {m: settings.upstream_of(m)[0] for m in names | baselines}
        self._tasks = frozenset({*settings.tasks, *(route.task for route in routes)})
        self._of = settings, serving
