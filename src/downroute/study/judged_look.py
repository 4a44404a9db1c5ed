"""One look at pairs that a judge scored, corrected by those that people labelled. Pure.

The judge never decides: where people labelled too few of its pairs the look knows no gap. Pairs to
label are drawn at random within strata of what the judge said of both models' answers, so the
corrected gap is right however the judge is biased (`stats.ppi`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from downroute.stats.interval import Interval
from downroute.stats.noninferiority import tango_interval, tango_z
from downroute.stats.normal import ndtri
from downroute.stats.ppi import PpiMean, Stratum, ppi_mean
from downroute.stats.roots import root
from downroute.study.labels import FEW, Cell, cells
from downroute.study.look import JudgedState, Look, Rules, look_at
from downroute.study.pairs import Pair
from downroute.study.traffic import weighed

FEWEST_LABELS = 50
"""Below this many labels nothing a judge said is read at all."""
POWER = 0.8
NEAR_ENOUGH = 1.2
"""Where no number of labels gives `POWER`, enough are asked for to come this near (in standard
errors) to what labels for every pair would give."""
_WIDEST = 20.0

Value = Callable[[float, float], float]
"""(baseline's score, candidate's score) → what is averaged."""


def look_of(pairs: Sequence[Pair], z_bound: float, rules: Rules) -> Look:
    """One look at ``pairs``, corrected where a judge scored them. Where people labelled every
    pair it judged, their labels are all that counts."""
    if all(p.graded for p in pairs if p.judged is not None):
        return look_at(pairs, z_bound, rules)
    pairs = weighed(pairs)
    plain = look_at([as_judged(p) for p in pairs], z_bound, rules)
    found = cells(pairs, rules.schedule)
    labels = sum(len(c.labelled) for c in found)
    usable = labels >= FEWEST_LABELS and all(c.labelled for c in found)
    gap = corrected(found, pairs, _difference(rules)) if usable else None
    wanted, aim_se = rules.labels, None
    if gap is not None:
        aim_se = _aim(gap, -z_bound, plain.margin)
        wanted = max(wanted, gap.labels_for(aim_se) + labels - gap.labels)
    judged = sum(c.size for c in found)
    thin = sum(max(0, min(c.size, FEW) - len(c.labelled)) for c in found)
    missing = max(min(wanted, judged) - labels, thin)
    interval = Interval(plain.interval.estimate, -1.0, 1.0)
    if gap is not None and not math.isinf(z_bound):
        interval = _interval(gap, found, pairs, -z_bound, rules)
    if interval.low > rules.margin:
        missing = 0  # More labels could only confirm that the baseline stays.
    return replace(
        plain,
        ungraded=missing,
        interval=interval,
        z=plain.z if gap is None else _z_at(found, pairs, rules.margin, rules),
        judged=JudgedState(
            labels=labels,
            missing=missing,
            raw=plain.interval,
            raw_z=plain.z,
            baseline=_mean(found, pairs, lambda b, _: b) if usable else None,
            candidate=_mean(found, pairs, lambda _, c: c) if usable else None,
            gap_sd=None if gap is None else gap.se * math.sqrt(plain.pairs),
            aim_se=aim_se,
        ),
    )


def as_judged(pair: Pair) -> Pair:
    """The pair as the judge alone sees it, whatever people said of it."""
    if pair.judged is None:
        return pair
    baseline, candidate = pair.judged
    return replace(
        pair, baseline=baseline, candidate=candidate, difference=baseline - candidate, graded=False
    )


def corrected(found: Sequence[Cell], pairs: Sequence[Pair], value: Value) -> PpiMean:
    """The mean of ``value`` over the traffic of all pairs that count, by the labels with the
    judge's help. Pairs that tie by construction need neither; their value is that of (0, 0)."""
    known = [p for p in pairs if p.difference is not None]
    even = len(known) / sum(p.weight for p in known)

    def truth(pair: Pair) -> float:
        return even * pair.weight * value(pair.baseline or 0.0, pair.candidate or 0.0)

    def said(pair: Pair) -> float:
        assert pair.judged is not None
        return even * pair.weight * value(*pair.judged)

    ties = [truth(p) for p in known if p.judged is None]
    strata = [Stratum.of(ties, ties)]
    for cell in found:
        labelled = cell.labelled
        strata.append(
            Stratum.of(
                [truth(p) for p in labelled],
                [said(p) for p in labelled],
                [said(p) for p in cell.rest],
            )
        )
    return ppi_mean(strata)


def _mean(found: Sequence[Cell], pairs: Sequence[Pair], value: Value) -> float | None:
    """A model's corrected mean score; ``None`` where ties hide what answers are worth."""
    if any(p.judged is None and p.difference is not None and p.baseline is None for p in pairs):
        return None
    return min(1.0, max(0.0, corrected(found, pairs, value).value))


def _difference(rules: Rules, margin: float | None = None) -> Value:
    """What is averaged: the gap, or what a relative margin leaves of it."""
    if not rules.relative:
        return lambda b, c: b - c
    kept = 1.0 - (rules.margin if margin is None else margin)
    return lambda b, c: kept * b - c


def _z_at(found: Sequence[Cell], pairs: Sequence[Pair], margin: float, rules: Rules) -> float:
    mean = corrected(found, pairs, _difference(rules, margin))
    return mean.z(0.0) if rules.relative else tango_z(*mean.counts(), margin)


def _interval(
    gap: PpiMean, found: Sequence[Cell], pairs: Sequence[Pair], z_crit: float, rules: Rules
) -> Interval:
    if not rules.relative:
        return Interval(gap.value, *tango_interval(*gap.counts(), z_crit))

    def crossing(level: float) -> float | None:
        def excess(margin: float) -> float:
            return _z_at(found, pairs, margin, rules) - level

        ends = excess(-_WIDEST), excess(1.0)
        if not ends[0] > 0.0 > ends[1]:
            return None
        return root(excess, -_WIDEST, 1.0, xtol=1e-9)

    middle, low, high = crossing(0.0), crossing(z_crit), crossing(-z_crit)
    least = -math.inf if low is None else low
    most = 1.0 if high is None else high
    return Interval(min(max(middle or 0.0, least), most), least, most)


def _aim(gap: PpiMean, z_crit: float, margin: float) -> float:
    """The standard error at which a route is read: the one that shows an equal candidate with 80 %
    power at this look. The spread of the labels so far says how many it takes, the gap they show
    has no say: asking on until the gap looks right would not hold the error."""
    least = NEAR_ENOUGH * math.sqrt(gap.sampling)
    return least if math.isinf(z_crit) else max(margin / (z_crit + float(ndtri(POWER))), least)
