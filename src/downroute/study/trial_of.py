"""Pairs and answers of one task as a `Trial`: signals, checks and second opinions put on. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from downroute.records import Answer, Json, Purpose, Route
from downroute.routing.checks import CHECKS, check_alone, checks_for, run_checks
from downroute.routing.signals import CHECK, SIGNALS, signals
from downroute.study.pairs import Pair
from downroute.study.trial import PaidSignal, Trial

FREE = (*SIGNALS, *(CHECK + name for name in CHECKS if name in check_alone()))
"""Every signal that costs nothing, by name."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """A second opinion on one answer; ``None`` = missing or not known."""

    value: float | None
    usd: float | None
    latency_s: float | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One measured pair whose difference is known, with what is needed to judge its answer."""

    pair: Pair
    request: Mapping[str, Json]
    answer: Answer
    baseline_usd: float | None
    candidate_usd: float | None
    baseline_s: float | None
    candidate_s: float | None
    opinions: Mapping[Purpose, Opinion]


def trial_of(rows: Sequence[Row], models: Mapping[Purpose, str]) -> Trial:
    """``rows`` in arrays. ``models`` names who gives the second opinions."""
    seen = [signals(row.answer, row.request, FREE) for row in rows]
    uneven = len({row.pair.weight for row in rows}) > 1 or any(r.pair.certain for r in rows)
    return Trial(
        pairs=tuple(row.pair for row in rows),
        baseline=_numbers([_worth(row.pair.baseline) for row in rows]),
        candidate=_numbers([_worth(row.pair.candidate) for row in rows]),
        baseline_usd=_numbers([row.baseline_usd for row in rows]),
        candidate_usd=_numbers([row.candidate_usd for row in rows]),
        baseline_s=_numbers([row.baseline_s for row in rows]),
        candidate_s=_numbers([row.candidate_s for row in rows]),
        signals={name: _numbers([found[name] for found in seen]) for name in FREE},
        failed=np.array([_fails(row) for row in rows], dtype=bool),
        paid={
            purpose: _paid([row.opinions.get(purpose) for row in rows], model)
            for purpose, model in models.items()
        },
        certain=np.array([row.pair.certain for row in rows], dtype=bool) if uneven else None,
        weights=_numbers([row.pair.weight for row in rows]) if uneven else None,
    )


def _worth(known: float | None) -> float:
    """Of a tie whose worth nobody knows both sides count as 0: it moves no gap."""
    return 0.0 if known is None else known


def _fails(row: Row) -> bool:
    """Whether what the request itself asks of an answer (its schema, its tools) is not met."""
    route = Route("", ("candidate", "baseline"), "baseline")
    outcomes = run_checks(checks_for(route, row.request), row.answer, row.request)
    return False in outcomes.values()


def _paid(found: Sequence[Opinion | None], model: str) -> PaidSignal:
    return PaidSignal(
        model,
        _numbers([None if o is None else o.value for o in found]),
        _numbers([None if o is None else o.usd for o in found]),
        _numbers([None if o is None else o.latency_s for o in found]),
    )


def _numbers(values: Sequence[float | None]) -> np.ndarray:
    return np.array([np.nan if v is None else v for v in values], dtype=np.float64)
