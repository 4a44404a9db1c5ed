"""How often a boundary is served inside which the candidate is truly worse than the margin.

    python benchmarks/boundary_errors.py [--repetitions 200] [--further 0]

Simulated tasks in which no inside is good enough: the gap is at the margin inside a boundary and
far above it beyond, or above it everywhere. 500 pairs at most, ``--further`` more requests in the
log (with none, pairs are cross-fitted); 199 deals a search instead of 999, to save time.
"""

from __future__ import annotations

import argparse
import asyncio
import random
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

from downroute.records import Answer, Example
from downroute.stats.sequential import default_looks
from downroute.study import breaks
from downroute.study.look import Rules
from downroute.study.narrowing import Narrowing, narrow
from downroute.study.pairs import Pair
from downroute.study.verdict import Outcome, judge

Chances = Callable[[int], tuple[float, float]]
"""How often the candidate loses and wins on a request of so many words."""

PLANNED = 500
TASKS: dict[str, Chances] = {
    "5 up to 60 words, 30 beyond": lambda w: (0.055, 0.005) if w <= 60 else (0.3, 0.0),
    "5 up to 60 words (8 lost, 3 won), 25 beyond": lambda w: (0.08, 0.03) if w <= 60 else (0.25, 0),
    "5 up to 90 words, 30 beyond": lambda w: (0.055, 0.005) if w <= 90 else (0.3, 0.0),
    "5 up to 50 words, 15 beyond": lambda w: (0.055, 0.005) if w <= 50 else (0.15, 0.0),
    "5, 10, 20 by thirds": lambda w: (
        (0.055, 0.005) if w <= 40 else (0.1, 0) if w <= 70 else (0.2, 0)
    ),
    "5 to 25, rising": lambda w: (0.05 + 0.2 * w / 100, 0.0),
    "5 everywhere (8 lost, 3 won)": lambda _: (0.08, 0.03),
}


def study(seed: int, chances: Chances, further: int) -> tuple[Outcome | None, Narrowing | None]:
    """The outcome of the whole and where it holds."""
    random_ = random.Random(seed)
    examples, pair_of = [], {}
    for number in range(PLANNED + further):
        words = random_.randint(1, 100)
        lost, won = chances(words)
        chance = random_.random()
        difference = 1.0 if chance < lost else -1.0 if chance > 1 - won else 0.0
        # As long as ``words`` says; questions and functions have no bearing on the outcome.
        asked = min(random_.randint(0, 5), words)
        text = "word " * (words - asked) + "7? " * asked
        functions = [
            {"type": "function", "function": {"name": f"f{i}"}}
            for i in range(random_.randint(0, 4))
        ]
        request = {"messages": [{"role": "user", "content": text}], "tools": functions}
        one = Example(str(number), "t", request, "", Answer("x"))
        examples.append(one)
        pair_of[one.id] = Pair(
            one.id, one.id, difference, max(difference, 0.0), max(-difference, 0.0)
        )
    task: Any = SimpleNamespace(
        examples=tuple(examples[:PLANNED]), further=lambda: tuple(examples[PLANNED:])
    )
    rules = Rules(0.05, 0.05, default_looks(PLANNED))
    pairs: list[Pair] = []

    async def ask(batch: Sequence[Example]) -> Sequence[Pair]:
        pairs.extend(pair_of[e.id] for e in batch)
        return [pair_of[e.id] for e in batch]

    for done, until in enumerate(rules.schedule, start=1):
        pairs += [pair_of[e.id] for e in task.examples[len(pairs) : until]]
        judgement = judge(pairs, done, rules)
        if judgement.outcome is not None:
            break
    return judgement.outcome, asyncio.run(narrow(task, judgement, pairs, rules, ask))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=200)
    parser.add_argument("--further", type=int, default=0)
    options = parser.parse_args()
    breaks.DEALS = 199
    print("| gap in points | studies | whole routed | break found | inside served |")
    print("|---|---|---|---|---|")
    for name, chances in TASKS.items():
        told = [study(seed, chances, options.further) for seed in range(options.repetitions)]
        found = [n for outcome, n in told if outcome is not Outcome.ROUTE and n is not None]
        routed = sum(outcome is Outcome.ROUTE for outcome, _ in told)
        served = sum(n.confirmed for n in found)
        print(
            f"| {name} | {len(told)} | {routed} | {len(found)} "
            f"| {served} ({served / len(told):.1%}) |",
            flush=True,
        )


if __name__ == "__main__":
    main()
