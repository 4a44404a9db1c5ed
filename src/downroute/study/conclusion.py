"""Pairs and answers of one task and candidate → its result. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from downroute.prompts import digest
from downroute.records import Example, Measurement
from downroute.scoring.judge import Pairwise
from downroute.stats.planning import more_pairs_graded
from downroute.study.answer_costs import mean_costs
from downroute.study.answer_effort import efforts
from downroute.study.guardrails import Guardrail, guardrails
from downroute.study.judge_report import Heard, refusal, report
from downroute.study.length_bias import length_bias
from downroute.study.look import Look, Rules, Scores, discordance
from downroute.study.narrowing import Narrowing
from downroute.study.pairs import Pair
from downroute.study.prepared import PreparedTask
from downroute.study.result import Need, TaskResult
from downroute.study.saving import saving
from downroute.study.settings import StudySettings
from downroute.study.slices import Slice, worst_slice
from downroute.study.traffic import weighed
from downroute.study.verdict import Judgement, Outcome, Stopped


@dataclass(frozen=True, slots=True)
class Finding:
    """A task's result with the pairs it stands on, for grading files and reports."""

    result: TaskResult
    pairs: tuple[Pair, ...]
    measured: tuple[Measurement, ...]
    confirming: tuple[Measurement, ...] = ()
    """The answers asked for to confirm where the candidate holds, beside those of the sample."""
    above: tuple[Finding, ...] = ()
    """Of a ladder the findings of its further models, the baseline apart."""


def result_of(
    task: PreparedTask,
    candidate: str,
    question: StudySettings,
    rules: Rules,
    judgement: Judgement,
    pairs: Sequence[Pair],
    measured: Sequence[Measurement],
    heard: Heard | None = None,
    narrowing: Narrowing | None = None,
) -> TaskResult:
    """What ``judgement`` says of one task measured with ``candidate``; where it holds inside a
    boundary alone and that was confirmed, what the confirmation says.
    ``heard`` is what asking a judge came to, where one was."""
    sample = measured[: len(task.examples)]
    if narrowing is not None and narrowing.confirmed and narrowing.judgement is not None:
        judgement, pairs = narrowing.judgement, narrowing.fresh
    last = judgement.looks[-1] if judgement.looks else None
    seen = weighed(pairs[: last.examples]) if last else []
    confirming = () if narrowing is None else narrowing.further
    by_id = {e.id: e for e in (*task.examples, *confirming)}
    # A call that never came through cost nothing and says nothing of what an answer costs.
    answered = [m for m in sample if m.error is None]
    costs = [by_id[m.example_id].baseline_cost_usd for m in answered]
    paid = [m.cost_usd for m in answered]
    served = paid
    if narrowing is not None and narrowing.confirmed:
        inside = [narrowing.holds(by_id[m.example_id]) for m in answered]
        served = [p if i else c for p, c, i in zip(paid, costs, inside, strict=True)]
    result = TaskResult(
        task=task.name,
        shape=task.plan.shape,
        baseline=question.baseline,
        candidate=candidate,
        outcome=judgement.outcome or Outcome.INCONCLUSIVE,
        stopped=judgement.stopped or Stopped.MAXIMUM,
        examples=last.examples if last else 0,
        graded=judgement.graded,
        unscored=last.unscored if last else 0,
        scorer=task.choice.name,
        scorer_reason=task.choice.reason,
        replace=question.replace,
        scores={
            question.baseline: _mean(seen, [p.baseline for p in seen]),
            candidate: _mean(seen, [p.candidate for p in seen]),
        },
        interval=last.interval if last else None,
        discordance=discordance(seen),
        looks=judgement.looks,
        worst_slice=None if last and last.ungraded else _worst_slice(seen, by_id, rules, narrowing),
        narrowing=narrowing,
        p_value=judgement.p_value(rules),
        need=_need(judgement, seen, rules, paid),
        saving=saving(
            costs,
            served,
            measuring_usd(measured) + (0.0 if heard is None else heard.cost_usd or 0.0),
            task.found.calls_per_month,
        ),
        weighted_gap=weighted_gap(seen),
        guardrails=_guardrails(task, answered, by_id, narrowing),
        mean_cost_usd=dict(
            zip((question.baseline, candidate), mean_costs(seen, by_id, measured), strict=True)
        ),
        effort=dict(
            zip((question.baseline, candidate), efforts(seen, by_id, measured), strict=True)
        ),
        length_bias=length_bias(seen, by_id, measured),
    )
    if heard is not None:
        result = _with_judge(result, task, heard, rules, seen)
    return guarded(result)


def _with_judge(
    result: TaskResult,
    task: PreparedTask,
    heard: Heard,
    rules: Rules,
    pairs: Sequence[Pair],
) -> TaskResult:
    """``result`` with what is told of its judge, without the figures that it alone would give."""
    last = result.looks[-1] if result.looks else None
    told = report(
        heard,
        last,
        pairs,
        rules.schedule,
        (result.baseline, result.candidate),
        alone=not isinstance(task.choice.asked, Pairwise),
    )
    result = replace(result, judge=told)
    state = None if last is None else last.judged
    if last is None or state is None:
        return result
    uneven = len({p.weight for p in pairs if p.difference is not None}) > 1
    return replace(
        result,
        scores={result.baseline: state.baseline, result.candidate: state.candidate},
        discordance=None,
        worst_slice=None,
        weighted_gap=last.interval.estimate if told.corrected and uneven else None,
        message=refusal(told, rules.margin) if result.stopped is Stopped.LABELS else None,
    )


def _worst_slice(
    seen: Sequence[Pair],
    examples: Mapping[str, Example],
    rules: Rules,
    narrowing: Narrowing | None,
) -> Slice | None:
    """The worst slice of what the verdict speaks of: of a narrowed one, inside its bounds."""
    if narrowing is not None and narrowing.confirmed:
        known = {i: e for i, e in examples.items() if narrowing.holds(e)}
        seen = [p for p in seen if p.example_id in known]
    return worst_slice(seen, examples, rules)


def _guardrails(
    task: PreparedTask,
    answered: Sequence[Measurement],
    examples: Mapping[str, Example],
    narrowing: Narrowing | None,
) -> tuple[Guardrail, ...]:
    """The guardrails over what the verdict speaks of."""
    kept = [(examples[m.example_id], m) for m in answered]
    if narrowing is not None and narrowing.confirmed:
        kept = [(e, m) for e, m in kept if narrowing.holds(e)]
    return guardrails([e for e, _ in kept], [m for _, m in kept], task.guardrails)


def guarded(result: TaskResult) -> TaskResult:
    """``result``, unless something besides the test forbids its route."""
    if result.outcome is not Outcome.ROUTE:
        return result
    failed = [g.said(result.candidate) for g in result.guardrails if g.failed]
    if failed:
        return replace(result, outcome=Outcome.KEEP, message="; ".join(failed))
    cost = result.saving
    # What measuring cost is spent either way, so it does not speak against the route.
    if not result.replace and cost is not None and cost.candidate_usd >= cost.baseline_usd:
        more = cost.candidate_usd / cost.baseline_usd - 1
        return replace(
            result,
            outcome=Outcome.KEEP,
            message=f"shown good enough, but it would cost {more:.0%} more",
        )
    return result


def measuring_usd(measured: Sequence[Measurement]) -> float:
    """What the answers cost, repeats included; an unknown cost adds nothing."""
    return sum(a.cost_usd or 0.0 for m in measured for a in (m, *m.more))


def weighted_gap(pairs: Sequence[Pair]) -> float | None:
    """The gap with each request counted as often as it came, which is the one the test is of;
    ``None`` where all stand for equally many calls or a difference is not known."""
    known = [(p.weight, p.difference) for p in pairs if p.difference is not None]
    if len({weight for weight, _ in known}) < 2 or any(p.to_grade for p in pairs):
        return None
    return sum(weight * difference for weight, difference in known) / sum(w for w, _ in known)


def _need(
    judgement: Judgement, pairs: Sequence[Pair], rules: Rules, paid: Sequence[float | None]
) -> Need | None:
    if judgement.outcome is not Outcome.INCONCLUSIVE or not pairs:
        return None
    if judgement.stopped is Stopped.GRADES:
        return Need(grades=sum(p.to_grade for p in pairs), of=len(pairs))
    if judgement.stopped is Stopped.LABELS:
        asked = sum(p.to_grade for p in pairs)
        return Need(labels=asked, of=sum(p.judged is not None for p in pairs))
    if any(p.to_grade for p in pairs):
        return None
    more = _more_pairs(judgement.looks[-1], pairs, rules)
    if more is None:
        return None
    known = [c for c in paid if c is not None]
    cost = more * sum(known) / len(known) if known and len(known) == len(paid) else None
    return Need(pairs=more, cost_usd=cost)


def _more_pairs(last: Look, pairs: Sequence[Pair], rules: Rules) -> int | None:
    """How many more would show it; where a judge scored them, by what is known of its errors."""
    if last.judged is None:
        return Scores.of(pairs).pairs_needed(rules)
    if last.judged.gap_sd is None or rules.relative:
        return None
    gap, spread = last.interval.estimate, last.judged.gap_sd
    return more_pairs_graded(gap, spread, last.pairs, rules.margin, alpha=rules.alpha)


def _mean(pairs: Sequence[Pair], scores: Sequence[float | None]) -> float | None:
    """The mean score over the pairs that could be scored; ``None`` where a tie or a grade that
    is missing hides what an answer was worth."""
    scorable = [(p, s) for p, s in zip(pairs, scores, strict=True) if p.unscored is None]
    known = [(p.weight, s) for p, s in scorable if s is not None]
    if not known or len(known) < len(scorable):
        return None
    return math.fsum(w * s for w, s in known) / math.fsum(w for w, _ in known)


def snapshots(finding: Finding) -> dict[str, str]:
    """The model version each candidate's upstream reported; all of them where it changed."""
    found = {}
    for one in (finding, *finding.above):
        seen = {m.snapshot for m in one.measured if m.snapshot}
        if seen:
            found[one.result.candidate] = ", ".join(sorted(seen))
    return found


def data_digest(finding: Finding, task: PreparedTask) -> str:
    """Identity of what the result stands on: each pair's request, answers and scores."""
    requests = {e.id: e.request_digest for e in task.examples}
    stood_on = [[requests[p.example_id], p.key, p.baseline, p.candidate] for p in finding.pairs]
    found = finding.result.narrowing
    beyond = () if found is None else (*found.grown, *found.fresh)
    above = [data_digest(further, task) for further in finding.above]
    return digest([stood_on, [[p.key, p.baseline, p.candidate] for p in beyond], *above])
