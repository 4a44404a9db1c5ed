"""Second opinions asked for in a study: on a pilot first, on the rest only where they pay there.

They go through the same journal, budget and slots as everything a study asks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from downroute.answers.agreement import agreement
from downroute.answers.openai_chat import answer_from_completion
from downroute.answers.self_check import p_yes, self_check_usage
from downroute.errors import BudgetError, DownrouteError, TaskStoppedError
from downroute.money.rates import cost_usd
from downroute.records import Example, Json, Measurement, Purpose
from downroute.store.journal import JournalEntry
from downroute.study.asking import AskingOnce, Candidate, Paying
from downroute.study.bodies import Bodies, answer_bodies, self_check_bodies
from downroute.study.options import choose_option, has_room, pilot_size
from downroute.study.ordering import Option
from downroute.study.plan import estimate_usd
from downroute.study.trial import PaidSignal, Trial
from downroute.study.trial_of import Opinion

Known = dict[str, Opinion]
"""Example id → the opinion on the candidate's answer to it."""


@dataclass(frozen=True, slots=True)
class Sought:
    """One kind of second opinion: of how many answers it was ``asked``, what that cost (``None`` =
    not known), whether the cascade ``used`` it, and why not where it does not."""

    purpose: Purpose
    model: str
    asked: int
    cost_usd: float | None
    used: bool
    why: str = ""

    def as_json(self) -> dict[str, Json]:
        """As ``study --json`` prints it."""
        return {
            "purpose": self.purpose.value,
            "model": self.model,
            "asked": self.asked,
            "cost_usd": self.cost_usd,
            "used": self.used,
            "why": self.why or None,
        }


@dataclass(frozen=True, slots=True)
class Sifted:
    """A trial with the second opinion that pays, if one does; ``option`` is how its answers are to
    be ordered. ``sought`` says what became of each kind."""

    trial: Trial
    option: Option
    sought: tuple[Sought, ...] = ()


@dataclass(slots=True)
class _Kind:
    """One kind of opinion while it is looked into."""

    purpose: Purpose
    giver: Candidate
    known: Known = field(default_factory=dict)
    why: str = ""

    def sought(self, *, used: bool) -> Sought:
        costs = [opinion.usd for opinion in self.known.values()]
        known = [c for c in costs if c is not None]
        total = sum(known) if len(known) == len(costs) else None
        return Sought(self.purpose, self.giver.model, len(costs), total, used, self.why)


async def sift(
    trial: Trial,
    examples: Mapping[str, Example],
    measured: Mapping[str, Measurement],
    givers: Mapping[Purpose, Candidate],
    margin: float,
    seed: int,
    paying: Paying,
) -> Sifted:
    """``trial`` with the second opinion that pays. ``examples`` and ``measured`` are by example id.

    What pays is told on the pilot alone, before anything is tested; the budget's end or a fault
    leaves the free signals.
    """
    kinds = [_Kind(purpose, giver) for purpose, giver in givers.items()]
    everyone = [(examples[p.example_id], measured[p.example_id]) for p in trial.pairs]
    pilot = everyone[: pilot_size(trial)]
    for kind in kinds:
        usd = _numbers([_estimate(kind, *one) for one in everyone])
        if not np.isfinite(usd[: len(pilot)]).all():
            kind.why = "not asked: what it would cost is not known"
            continue
        if not has_room(trial, kind.purpose, usd, margin, seed):
            kind.why = (
                f"not asked: on the first {len(pilot)} answers one that is never wrong would not "
                "have saved clearly more"
            )
            continue
        await _ask(kind, pilot, paying)
    heard = [kind for kind in kinds if not kind.why]
    option = choose_option(_with(trial, heard), margin, seed)
    chosen = next((kind for kind in heard if kind.purpose is option.purpose), None)
    for kind in heard:
        if kind is not chosen:
            kind.why = f"left out: it did not pay on the first {len(pilot)} answers"
    if chosen is not None:
        await _ask(chosen, everyone[len(pilot) :], paying)
        if chosen.why:
            option, chosen = Option(), None
    kept = [] if chosen is None else [chosen]
    sought = tuple(kind.sought(used=kind is chosen) for kind in kinds)
    return Sifted(_with(trial, kept), option, sought)


async def _ask(
    kind: _Kind, answered: Sequence[tuple[Example, Measurement]], paying: Paying
) -> None:
    """Ask about each of the answers, the first until one is replied to; where it cannot be gone on
    with, ``why`` says so."""
    also = (Purpose.ANSWER,) if kind.purpose is Purpose.HELPER else ()
    self_check = kind.purpose is Purpose.SELF_CHECK
    once = AskingOnce(kind.giver, kind.purpose, paying, logprobs=self_check, also=also)
    stop: DownrouteError | None = None

    async def one(example: Example, found: Measurement) -> None:
        nonlocal stop
        async with kind.giver.slots:
            if stop is not None:
                return
            try:
                entry = await once.entry(
                    _bodies(kind, example, found), _estimate(kind, example, found)
                )
            except (BudgetError, TaskStoppedError) as reason:
                stop = reason
                return
        kind.known[example.id] = _opinion(kind, found, entry)

    left = list(answered)
    while left and not once.faults.proven and stop is None:
        await one(*left.pop(0))
    await asyncio.gather(*(one(*pair) for pair in left))
    if stop is not None:
        kind.why = f"left out, it could not be asked to the end: {stop}"


def _bodies(kind: _Kind, example: Example, found: Measurement) -> Bodies:
    if kind.purpose is Purpose.HELPER:
        return answer_bodies(example.request)
    assert found.answer is not None
    return self_check_bodies(example.request, found.answer)


def _estimate(kind: _Kind, example: Example, found: Measurement) -> float | None:
    if kind.purpose is Purpose.HELPER:
        return estimate_usd(example, kind.giver.rates)
    return cost_usd(self_check_usage(found.usage), kind.giver.rates)


def _opinion(kind: _Kind, found: Measurement, entry: JournalEntry) -> Opinion:
    if entry.error is not None or entry.body is None or found.answer is None:
        return Opinion(None, entry.cost_usd, entry.latency_s)
    told = answer_from_completion(entry.body)
    helper = kind.purpose is Purpose.HELPER
    value = agreement(found.answer, told) if helper else p_yes(told)
    return Opinion(value, entry.cost_usd, entry.latency_s)


def _with(trial: Trial, kinds: Sequence[_Kind]) -> Trial:
    return replace(trial, paid={kind.purpose: _signal(kind, trial) for kind in kinds})


def _signal(kind: _Kind, trial: Trial) -> PaidSignal:
    nothing = Opinion(None, None)
    found = [kind.known.get(pair.example_id, nothing) for pair in trial.pairs]
    return PaidSignal(
        kind.giver.model,
        _numbers([o.value for o in found]),
        _numbers([o.usd for o in found]),
        _numbers([o.latency_s for o in found]),
    )


def _numbers(values: Sequence[float | None]) -> np.ndarray:
    return np.array([np.nan if v is None else v for v in values], dtype=np.float64)
