"""The whole decision, repeated on random subsets of a task whose truth is known. Pure.

Each repetition draws examples as a study would, decides by each rule, and judges what would then be
served on the whole task. What measuring costs is left out: nobody says over how many requests.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from downroute.stats.sequential import bounds, default_looks
from downroute.study.beside import oracle, random_saving, random_share
from downroute.study.calibration import calibrate, in_sample, route_risk
from downroute.study.detectors import paying_checks, rejecting
from downroute.study.look import Rules
from downroute.study.trial import Bools, Trial
from downroute.study.verdict import Judgement, Outcome, judge
from downroute.study.worth import LEAST_SAVING, why_not, worth_calibrating

RULES = (
    *("point", "sequential", "study", "random_mix"),
    *("always_baseline", "always_candidate", "oracle"),
)


@dataclass(frozen=True, slots=True)
class Experiment:
    """``differs`` marks the pairs whose answers are not the same, which is what a person would
    have to grade if there were no references."""

    trial: Trial
    differs: Bools
    examples: int
    repetitions: int
    margin: float = 0.05
    alpha: float = 0.05
    relative: bool = False
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Decided:
    """What one rule decided from one sample, judged on the whole task. ``escalation`` is the share
    of requests the baseline answers; ``rest_gap`` is the gap on what was not in the sample."""

    outcome: Outcome
    gap: float
    saving: float | None
    escalation: float
    pairs: int
    graded: int
    rest_gap: float | None = None


@dataclass(frozen=True, slots=True)
class Draw:
    """One repetition's sample: its places in the trial, in order, and the rest's."""

    places: np.ndarray
    rest: np.ndarray


def repetitions(experiment: Experiment) -> Iterator[dict[str, Decided]]:
    """What every rule decides, one repetition after the other."""
    trial = experiment.trial
    rng = np.random.default_rng(experiment.seed)
    best = oracle(trial, rules_of(experiment, trial.n))
    known = {
        "always_baseline": _judged(experiment, None, Outcome.KEEP, np.ones(trial.n, bool)),
        "always_candidate": _judged(experiment, None, Outcome.ROUTE, np.zeros(trial.n, bool)),
        "oracle": _judged(experiment, None, _kind(best), best),
    }
    size = min(experiment.examples, trial.n)
    for _ in range(experiment.repetitions):
        order = rng.permutation(trial.n)
        draw = Draw(order[:size], order[size:])
        yield {**_decide(experiment, draw, rng), **known}


def _decide(experiment: Experiment, draw: Draw, rng: np.random.Generator) -> dict[str, Decided]:
    trial = experiment.trial
    sample = trial.take(draw.places)
    rules = rules_of(experiment, sample.n)
    everything, nothing = np.ones(trial.n, bool), np.zeros(trial.n, bool)
    judgement = judge(sample.pairs, len(rules.schedule), rules)
    alone = judgement.outcome or Outcome.INCONCLUSIVE
    used = judgement.looks[-1].examples
    routed = alone is Outcome.ROUTE
    estimate = sample.gap(np.zeros(sample.n, bool), rules)
    point = Outcome.ROUTE if estimate <= experiment.margin else Outcome.KEEP
    sequential = _judged(experiment, draw, alone, nothing if routed else everything, pairs=used)
    return {
        "point": _judged(
            experiment, draw, point, nothing if point is Outcome.ROUTE else everything
        ),
        "sequential": sequential,
        "study": sequential if routed else _cascaded(experiment, draw, sample, rules, judgement),
        "random_mix": _mixed(experiment, draw, sample, rules, rng),
    }


def rules_of(experiment: Experiment, n: int) -> Rules:
    """The study's rules for a sample of ``n``."""
    return Rules(experiment.margin, experiment.alpha, default_looks(n), experiment.relative)


def _cascaded(
    experiment: Experiment, draw: Draw, sample: Trial, rules: Rules, judgement: Judgement
) -> Decided:
    """What the study does once the candidate alone is not shown."""
    trial = experiment.trial
    alone = judgement.outcome or Outcome.INCONCLUSIVE
    used = judgement.looks[-1].examples
    if worth_calibrating(sample):
        used = sample.n
        checks = paying_checks(sample)
        held = rejecting(sample, checks)
        found = calibrate(held, rules, last_bound(rules), seed=experiment.seed)
        why = why_not(held, found, rules, last_bound(rules))
        if found is not None and why is None:
            route = found.route("", "candidate", "baseline", checks)
            escalated, asked = route_risk(route, rejecting(trial, checks))
            purpose = found.ordering.option.purpose
            saving = trial.saving(escalated, asked, purpose)
            return _judged(experiment, draw, Outcome.CASCADE, escalated, saving=saving)
    return _judged(experiment, draw, alone, np.ones(trial.n, bool), pairs=used)


def last_bound(rules: Rules) -> float:
    """The z bound of the last planned look."""
    return bounds(rules.schedule, rules.schedule[-1], rules.alpha)[-1]


def _mixed(
    experiment: Experiment, draw: Draw, sample: Trial, rules: Rules, rng: np.random.Generator
) -> Decided:
    """A share of requests, chosen by lot, goes to the baseline straight away; how large a share is
    calibrated as a cascade is, with the lot as its score."""
    trial = experiment.trial
    lot = rng.permutation(sample.n) / sample.n
    share = random_share(sample, lot, rules, last_bound(rules))
    saving = random_saving(trial, share)
    outcome = Outcome.CASCADE if saving is not None and saving >= LEAST_SAVING else Outcome.KEEP
    if outcome is Outcome.KEEP:
        return _judged(experiment, draw, outcome, np.ones(trial.n, bool))
    return Decided(
        outcome,
        (1.0 - share) * trial.gap(np.zeros(trial.n, bool), rules),
        saving,
        share,
        sample.n,
        int(experiment.differs[draw.places].sum()),
    )


def _kind(escalated: Bools) -> Outcome:
    return Outcome.CASCADE if escalated.any() else Outcome.ROUTE


def _judged(
    experiment: Experiment,
    draw: Draw | None,
    outcome: Outcome,
    escalated: Bools,
    *,
    pairs: int | None = None,
    saving: float | None = None,
) -> Decided:
    trial = experiment.trial
    rules = rules_of(experiment, trial.n)
    if saving is None:
        saving = _plain_saving(trial, outcome, escalated)
    if draw is None:
        return Decided(outcome, trial.gap(escalated, rules), saving, float(escalated.mean()), 0, 0)
    used = len(draw.places) if pairs is None else pairs
    rest = None
    if len(draw.rest):
        rest = trial.take(draw.rest).gap(escalated[draw.rest], rules)
    return Decided(
        outcome,
        trial.gap(escalated, rules),
        saving,
        float(escalated.mean()),
        used,
        int(experiment.differs[draw.places[:used]].sum()),
        rest,
    )


def _plain_saving(trial: Trial, outcome: Outcome, escalated: Bools) -> float | None:
    """Without a second opinion. Where the baseline stays the candidate is not even asked."""
    saving = trial.saving(escalated, np.zeros(trial.n, bool))
    if outcome in (Outcome.ROUTE, Outcome.CASCADE) or saving is None:
        return saving
    return 0.0


def summary(experiment: Experiment, decided: Sequence[Mapping[str, Decided]]) -> dict[str, object]:
    """Per rule the shares of outcomes and the means over repetitions, as ``--json`` prints it."""
    return {rule: _rule(experiment, [d[rule] for d in decided]) for rule in RULES}


def _rule(experiment: Experiment, decided: Sequence[Decided]) -> dict[str, object]:
    n = len(decided)
    outcomes = Counter(d.outcome for d in decided)
    served = [d for d in decided if d.outcome in (Outcome.ROUTE, Outcome.CASCADE)]
    beyond = experiment.margin + 1e-12
    rest = [d.rest_gap for d in served if d.rest_gap is not None]
    return {
        **{o.value: outcomes[o] / n for o in Outcome},
        "violations": sum(d.gap > beyond for d in served) / n,
        "violations_on_rest": sum(g > beyond for g in rest) / n if rest else None,
        "net_saving": _mean([d.saving for d in decided]),
        "escalation": _mean([d.escalation for d in served]),
        "mean_pairs": _mean([float(d.pairs) for d in decided]),
        "mean_graded": _mean([float(d.graded) for d in decided]),
    }


def _mean(values: Sequence[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None


def reachable(experiment: Experiment) -> dict[str, float | None] | None:
    """The cheapest cascade whose true gap is within the margin, by the score fitted on the whole
    task and looking at its truth: what these signals allow at most, not what can be shown."""
    best: tuple[float, float] | None = None
    trial = experiment.trial
    rules = rules_of(experiment, trial.n)
    for risk, asked, purpose in in_sample(trial):
        for above in np.unique(np.quantile(risk[np.isfinite(risk)], np.linspace(0, 1, 201))):
            escalated = np.asarray(risk > above)
            saving = trial.saving(escalated, asked, purpose)
            within = trial.gap(escalated, rules) <= experiment.margin
            if saving is not None and within and (best is None or saving > best[0]):
                best = (saving, float(escalated.mean()))
    return None if best is None else {"net_saving": best[0], "escalation": best[1]}
