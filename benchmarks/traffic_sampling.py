"""How often a candidate is routed whose gap over the *traffic* is known, where frequent requests
differ from rare ones.

    python benchmarks/traffic_sampling.py [RUNS]

Each run draws a population of distinct requests with weights and 0/1 differences whose weighted
mean is exactly the gap stated, samples it as `study` does and judges it by the whole rule.
"""

from __future__ import annotations

import sys

import numpy as np

from downroute.stats.noninferiority import tango_interval
from downroute.stats.sequential import bounds, default_looks
from downroute.study.look import Rules
from downroute.study.pairs import Pair
from downroute.study.sampling import _certain
from downroute.study.verdict import Outcome, judge

MARGIN, SIZE, CONFIDENCE = 0.05, 500, 0.95
GOLDEN = 0.6180339887498949


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    chance = np.random.default_rng(1)
    print("| requests | how often they come | who fails more | gap | routed | distinct | pairs |")
    print("|---|---|---|---|---|---|---|")
    for gap in (0.05, 0.0, 0.02):
        for kind in ("once each", "1 to 5 times", "Zipf", "one is 30 %"):
            for fails in ("all alike", "frequent", "rare") if gap == MARGIN else ("all alike",):
                if kind == "once each" and fails != "all alike":
                    continue
                for requests in (450, 4000) if gap == MARGIN else (4000,):
                    routed, distinct, pairs = measure(kind, fails, requests, gap, runs, chance)
                    print(
                        f"| {requests} | {kind} | {fails} | {gap * 100:g} | {routed:.1%} | "
                        f"{distinct:.1%} | {pairs:.0f} |",
                        flush=True,
                    )


def measure(kind, fails, requests, gap, runs, chance):
    routed = distinct = pairs = 0
    for _ in range(runs):
        weights = population(kind, requests, chance)
        differences = outcomes(weights, fails, gap, chance)
        drawn = draw(weights, differences, chance)
        schedule = tuple(default_looks(len(drawn)))
        rules = Rules(MARGIN, 1 - CONFIDENCE, schedule)
        for done in range(1, len(schedule) + 1):
            judged = judge(drawn[: schedule[done - 1]], done, rules)
            if judged.outcome is not None:
                break
        routed += judged.outcome is Outcome.ROUTE
        pairs += judged.looks[-1].examples
        distinct += once_each(differences[chance.permutation(requests)[:SIZE]])
    return routed / runs, distinct / runs, pairs / runs


def population(kind, requests, chance):
    """How often each request came."""
    weights = np.ones(requests, int)
    if kind == "1 to 5 times":
        weights = chance.integers(1, 6, requests)
    elif kind == "Zipf":
        weights = np.maximum(1, requests // np.arange(1, requests + 1))
    elif kind == "one is 30 %":
        weights[0] = int(0.43 * requests)
    return weights


def outcomes(weights, fails, gap, chance):
    """Differences of -1, 0, 1 whose weighted mean is ``gap``: 4 points more lost, 4 won."""
    often = weights > np.median(weights)
    lean = {"all alike": (1.0, 1.0), "frequent": (3.0, 0.3), "rare": (0.3, 3.0)}[fails]
    rate = np.where(often, *lean)
    rate = rate / np.average(rate, weights=weights)
    draw = chance.random(len(weights))
    lose = np.minimum(1.0, rate * (gap + 0.04))
    won = (draw >= lose) & (draw < lose + rate * 0.04)
    found = np.where(draw < lose, 1, np.where(won, -1, 0))
    missing = gap * weights.sum() - (weights * found).sum()
    for i in chance.permutation(len(weights)):
        if abs(missing) < 1:
            break
        step = 1 if missing > 0 else -1
        if found[i] * step <= 0 and weights[i] <= max(1.0, 2 * abs(missing)):
            found[i] += step
            missing -= step * weights[i]
    return found


def draw(weights, differences, chance):
    certain = _certain(weights.tolist(), SIZE)
    numbers = (np.arange(len(weights)) * GOLDEN + chance.random()) % 1.0
    ranks = np.maximum(chance.permutation(numbers), 1e-12) / weights
    order = sorted(range(len(weights)), key=lambda i: (i not in certain, ranks[i]))
    return [
        Pair(
            str(i), "", float(x := differences[i]), float(x == 1), float(x == -1),
            weight=float(weights[i]), rank=0.0 if i in certain else float(ranks[i]),
            certain=i in certain,
        )
        for i in order[:SIZE]
    ]  # fmt: skip


def once_each(differences):
    """The same sequential rule on a uniform sample of distinct requests."""
    schedule = default_looks(len(differences))
    for until, z in zip(schedule, bounds(schedule, schedule[-1], 1 - CONFIDENCE), strict=True):
        part = differences[:until]
        low, high = tango_interval(int((part == 1).sum()), int((part == -1).sum()), until, -z)
        if high < MARGIN:
            return True
        if low > MARGIN:
            return False
    return False


if __name__ == "__main__":
    main()
