"""What is told of a judge: its errors by model, its noise, and what it cost. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from downroute.records import Json
from downroute.stats.error_rates import Rate, differing_p, error_rate
from downroute.stats.interval import Interval
from downroute.study.labels import PASSES_AT, Cell, cells
from downroute.study.look import Look
from downroute.study.pairs import Pair

DIFFERS_BELOW = 0.05
"""The p-value below which a judge is said to treat the two models differently, both rates
together (Bonferroni)."""


@dataclass(frozen=True, slots=True)
class Errors:
    """How often a judge passes one model's bad answers and fails its good ones."""

    model: str
    false_pass: Rate
    false_fail: Rate


@dataclass(frozen=True, slots=True)
class Heard:
    """What asking a judge came to: answers ``judged`` and ``unscored`` (by reason, most frequent
    first), ``repeated`` questions and how many were ``agreed`` on, pairs asked in both orders
    and how many ``flipped``; ``cost_usd`` ``None`` where a price is missing."""

    model: str
    judged: int = 0
    unscored: int = 0
    reasons: tuple[tuple[str, int], ...] = ()
    repeated: int = 0
    agreed: int = 0
    both_orders: int = 0
    flipped: int = 0
    cost_usd: float | None = 0.0
    relatives: tuple[tuple[str, str], ...] = ()
    """(model, family) for each model that is a relative of the judge."""


@dataclass(frozen=True, slots=True)
class JudgeReport:
    """A judge in one task's result. ``raw`` is the gap by the judge alone, which decides nothing;
    ``corrected`` says whether the verdict's interval rests on enough labels; ``errors`` are empty
    for a judge that compares pairs; ``differ_p`` is of "the judge is wrong equally often about
    both models", ``None`` where labels are missing."""

    heard: Heard
    labels: int
    missing: int
    corrected: bool
    raw: Interval | None
    errors: tuple[Errors, ...]
    differ_p: float | None

    @property
    def differs(self) -> bool:
        """Whether the judge's error rates differ significantly between the models."""
        return self.differ_p is not None and self.differ_p < DIFFERS_BELOW

    def as_json(self) -> dict[str, Json]:
        heard = self.heard
        return {
            "model": heard.model,
            "judged": heard.judged,
            "unscored": heard.unscored,
            "reasons": dict(heard.reasons),
            "labels": self.labels,
            "missing": self.missing,
            "corrected": self.corrected,
            "raw_gap": None if self.raw is None else self.raw.estimate,
            "errors": {
                e.model: {
                    "false_pass": _rate_json(e.false_pass),
                    "false_fail": _rate_json(e.false_fail),
                }
                for e in self.errors
            },
            "errors_differ_p": self.differ_p,
            "repeated": heard.repeated,
            "agreed": heard.agreed,
            "both_orders": heard.both_orders,
            "flipped": heard.flipped,
            "cost_usd": heard.cost_usd,
            "relatives": dict(heard.relatives),
        }


def report(
    heard: Heard,
    look: Look | None,
    pairs: Sequence[Pair],
    schedule: Sequence[int],
    models: tuple[str, str],
    *,
    alone: bool,
) -> JudgeReport:
    """What is told of the judge behind ``pairs``, those of the last ``look``; ``alone`` = it
    judged one answer at a time, so that it can be wrong about one model."""
    state = None if look is None else look.judged
    found = cells(pairs, schedule)
    errors = errors_by_model(found, models) if alone else ()
    labelled_all = bool(found) and not any(c.rest for c in found)
    return JudgeReport(
        heard=heard,
        labels=sum(len(c.labelled) for c in found),
        missing=0 if state is None else state.missing,
        corrected=labelled_all if state is None else state.gap_sd is not None and not state.missing,
        raw=None if state is None else state.raw,
        errors=errors,
        differ_p=errors_differ(errors),
    )


def refusal(told: JudgeReport, margin: float) -> str:
    """Why what the judge alone says is no verdict."""
    said = "nothing yet"
    if told.raw is not None and told.raw.high < margin:
        said = "route"
    elif told.raw is not None and told.raw.low > margin:
        said = "keep"
    why = "too few of its verdicts are labelled by people to know its errors"
    if told.differs:
        why = f"its error rates differ between the models (p = {told.differ_p:.2g})"
    return f"the judge alone says {said}, which is no verdict: {why}"


def errors_by_model(found: Sequence[Cell], models: tuple[str, str]) -> tuple[Errors, ...]:
    """The judge's error rates on the baseline's and on the candidate's answers."""
    return tuple(
        Errors(model, _rate(found, side, good=False), _rate(found, side, good=True))
        for side, model in enumerate(models)
    )


def errors_differ(errors: Sequence[Errors]) -> float | None:
    """The p-value of "the judge is wrong equally often about both models", from both kinds of
    error together."""
    if len(errors) != 2:
        return None
    one, other = errors
    tested = (
        differing_p(one.false_pass, other.false_pass),
        differing_p(one.false_fail, other.false_fail),
    )
    known = [p for p in tested if p is not None]
    return min(1.0, len(known) * min(known)) if known else None


def _rate(found: Sequence[Cell], side: int, *, good: bool) -> Rate:
    """Of the answers that people call good (or bad), the share the judge calls the contrary."""
    wrong: list[bool] = []
    weights: list[float] = []
    for cell in found:
        for pair in cell.labelled:
            truth = (pair.baseline, pair.candidate)[side] or 0.0
            if (truth >= PASSES_AT) == good:
                wrong.append(cell.key[side] != good)
                weights.append(cell.size / len(cell.labelled))
    return error_rate(wrong, weights)


def _rate_json(rate: Rate) -> dict[str, Json]:
    known = rate.value is not None
    return {
        "wrong": rate.wrong,
        "labels": rate.labels,
        "rate": rate.value,
        "low": rate.low if known else None,
        "high": rate.high if known else None,
    }
