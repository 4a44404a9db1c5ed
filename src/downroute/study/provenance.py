"""What it takes to repeat a study besides its data: versions, prices with their sources, seeds."""

from __future__ import annotations

import platform
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version

from downroute.money.rates import Rates
from downroute.money.table import TOKENS_PER_PRICE
from downroute.records import Json
from downroute.study.settings import StudySettings

_COMPUTED_WITH = ("downroute", "numpy", "scipy", "scikit-learn", "genai-prices")


def made_with(
    question: StudySettings, rates: Callable[[str], Rates | None], *models: str
) -> dict[str, Json]:
    """The question with its seed, the libraries' versions, and what each of the question's models
    and of ``models`` cost, by whose word."""
    named = dict.fromkeys((question.baseline, *question.candidates, *models))
    return {
        "question": question.as_json(),
        "versions": {
            "python": platform.python_version(),
            **{name: _version(name) for name in _COMPUTED_WITH},
        },
        "prices": {model: _price(rates(model)) for model in named},
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _price(rates: Rates | None) -> Json:
    """USD per million tokens; ``None`` where nobody states a price."""
    if rates is None:
        return None
    cached = rates.cached_input_usd
    return {
        "input": round(rates.input_usd * TOKENS_PER_PRICE, 6),
        "output": round(rates.output_usd * TOKENS_PER_PRICE, 6),
        "cached_input": None if cached is None else round(cached * TOKENS_PER_PRICE, 6),
        "source": rates.source,
        "as_of": rates.as_of,
    }
