"""Before a cent is spent: how many pairs, how sure they can make us, what they cost at most."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from downroute.money.rates import Rates, cost_usd
from downroute.records import Example, Usage
from downroute.stats.normal import ndtri
from downroute.stats.sequential import default_looks
from downroute.study.foresight import Prospect, expected_labels, prospects


@dataclass(frozen=True, slots=True)
class JudgingPlan:
    """What a judge adds: at most so many ``calls``, their estimated cost (``None`` without a
    price, and part of the task's), and the fewest ``labels`` people must give."""

    model: str
    calls: int
    cost_usd: float | None
    labels: int


@dataclass(frozen=True, slots=True)
class OpinionPlan:
    """Second opinions of one kind, were all asked for: the ``purpose``, who gives them, at most so
    many ``calls`` and their estimated cost, ``None`` without a price or token counts."""

    purpose: str
    model: str
    calls: int
    cost_usd: float | None


@dataclass(frozen=True, slots=True)
class TaskPlan:
    """``pairs`` is the most that will be measured, ``looks`` where the test may stop earlier.
    ``provable`` is the largest share of pairs that may differ in score and still let a truly
    equal candidate be shown with 80 % power. ``cost_usd`` is the estimate for all pairs of all
    candidates, ``None`` where a price is missing."""

    task: str
    shape: str
    scorer: str
    scorer_reason: str
    pairs: int
    looks: tuple[int, ...]
    provable: float
    cost_usd: float | None
    references: int
    prospects: tuple[Prospect, ...] = ()
    labels: int = 0
    """How many pairs a person is likely to grade."""
    latency_s: float | None = None
    """Mean time of the baseline's logged answers; ``None`` where the log says nothing of it."""
    floor_usd: float | None = 0.0
    """What asking the baseline again on a tenth of the examples costs on top, at most."""

    judging: JudgingPlan | None = None
    opinions: tuple[OpinionPlan, ...] = ()
    """Second opinions that a cascade may ask for; on top of the other figures."""

    @property
    def expected_pairs(self) -> float:
        """Until the test stops, were the candidate as good as the baseline."""
        return self.prospects[0].pairs if self.prospects else float(self.pairs)

    @property
    def expected_usd(self) -> float | None:
        """`cost_usd` for so many."""
        return None if self.cost_usd is None else self.cost_usd * self.expected_pairs / self.pairs

    def seconds(self, concurrency: int, answers: int = 1) -> float | None:
        """How long that takes, were the candidate as quick as the baseline."""
        if self.latency_s is None:
            return None
        return self.expected_pairs * answers * self.latency_s / concurrency


def plan_task(
    *,
    task: str,
    shape: str,
    scorer: str,
    scorer_reason: str,
    examples: Sequence[Example],
    rates: Sequence[Rates | None],
    margin: float,
    alpha: float,
    repeats: int = 1,
    by_people: int = 0,
    floor_rates: Rates | None = None,
) -> TaskPlan:
    """The plan for measuring ``examples`` ``repeats`` times with each candidate, whose rates are
    given in order. ``by_people`` of them need a person where the answers differ;
    ``floor_rates`` are the baseline's, where it is asked again."""
    costs = [estimate_usd(example, rate) for rate in rates for example in examples]
    known = [c * repeats for c in costs if c is not None]
    looks = default_looks(len(examples)) if examples else ()
    ahead = tuple(prospects(looks, margin, alpha)) if looks else ()
    waits = [e.baseline_latency_s for e in examples if e.baseline_latency_s is not None]
    again = [estimate_usd(e, floor_rates) for e in examples[: math.ceil(len(examples) / 10)]]
    share = by_people / len(examples) if examples else 0.0
    return TaskPlan(
        task=task,
        shape=shape,
        scorer=scorer,
        scorer_reason=scorer_reason,
        pairs=len(examples),
        looks=looks,
        provable=provable_discordance(len(examples), margin, alpha=alpha) if examples else 0.0,
        cost_usd=sum(known) if len(known) == len(costs) else None,
        references=sum(e.reference is not None for e in examples),
        prospects=ahead,
        labels=expected_labels(ahead[0].pairs, share) if ahead else 0,
        latency_s=sum(waits) / len(waits) if waits else None,
        floor_usd=None if None in again else sum(c or 0.0 for c in again),
    )


def estimate_usd(example: Example, rates: Rates | None) -> float | None:
    """What asking for one example will cost if the answer is as long as the baseline's; token
    counts the log does not hold are taken as four characters each."""
    usage = example.baseline_usage
    if usage.input_tokens is None or usage.output_tokens is None:
        written = len(example.baseline_answer.text or "")
        written += sum(len(c.arguments) for c in example.baseline_answer.tool_calls)
        read = len(str(example.request.get("messages"))) + len(str(example.request.get("tools")))
        usage = Usage(input_tokens=read // 4 + 1, output_tokens=written // 4 + 1, estimated=True)
    return cost_usd(usage, rates)


def provable_discordance(pairs: int, margin: float, *, alpha: float, power: float = 0.8) -> float:
    """The largest share of differing pairs at which ``pairs`` pairs show a truly equal candidate
    with this ``power``: the planning formula at gap 0, solved for the discordance."""
    z = float(ndtri(1.0 - alpha) + ndtri(power))
    return min(1.0, pairs * (margin / z) ** 2)


def fewest_pairs(margin: float, *, alpha: float) -> int:
    """The fewest pairs that can ever show the margin: what Tango's test needs where not one pair
    differs."""
    z = float(ndtri(1.0 - alpha))
    return math.floor(z * z * (1.0 - margin) / margin) + 1
