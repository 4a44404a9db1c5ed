"""Who may judge: only a model whose host the user has named."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from downroute.config import Settings
from downroute.errors import UsageError
from downroute.money.rates import Rates
from downroute.study.prepared import PreparedTask


def judge_models(worth: Sequence[PreparedTask], settings: Settings) -> list[str]:
    """The models that judge these tasks, each once."""
    wanted = [settings.judge_of(t.name).model for t in worth if t.choice.asked is not None]
    return list(dict.fromkeys(model for model in wanted if model is not None))


def allowed_judges(
    worth: Sequence[PreparedTask], settings: Settings, upstream_url: str | None
) -> None:
    """Refuse to send requests and answers to a judge whose host is not named under ``allow``.

    Raises:
        UsageError: one is not; says what to add where.
    """
    for model in judge_models(worth, settings):
        url = upstream_url or settings.upstream_of(model)[1].places[0].base_url
        if not judge_allowed(settings, url):
            host = urlsplit(url).hostname or ""
            raise UsageError(
                f"the judge '{model}' would be sent your requests and answers at {host}: if that "
                f"is meant, write `judge: {{allow: [{host}]}}` in downroute.yaml or pass "
                f"--judge-allow {host}"
            )


def judge_allowed(settings: Settings, url: str) -> bool:
    """Whether a judge at ``url`` may be sent requests and answers."""
    allowed = {entry.strip().lower() for entry in settings.judge.allow}
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    return host in allowed or f"{host}:{parts.port}" in allowed


def refuse_unpriced(
    models: Sequence[str], rates: Callable[[str], Rates | None], budget_usd: float | None
) -> None:
    """Refuse a budget that could not be kept.

    Raises:
        UsageError: a model has no price.
    """
    unpriced = [model for model in models if rates(model) is None]
    if budget_usd is not None and unpriced:
        raise UsageError(
            f"--budget needs the price of '{unpriced[0]}': add `prices: {{{unpriced[0]}: {{input: "
            "USD, output: USD}}` (per million tokens) to downroute.yaml"
        )
