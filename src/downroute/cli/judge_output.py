"""What is printed of a judge: what it will cost, how often it errs, how noisy it is."""

from __future__ import annotations

from collections.abc import Sequence

from downroute.reports.display import usd
from downroute.scoring.families import relatives
from downroute.stats.error_rates import Rate
from downroute.study.judge_report import JudgeReport
from downroute.study.prepared import PreparedTask
from downroute.study.settings import StudySettings


def judge_plan_lines(worth: Sequence[PreparedTask], question: StudySettings) -> list[str]:
    """A line a task that a model judges, and one for each relative it would judge."""
    lines = []
    judged = [question.baseline, *map(question.model_of, question.candidates)]
    for task in worth:
        plan = task.plan.judging
        if plan is not None:
            lines.append(
                f"{task.name}: {plan.model} judges, at most {plan.calls:,} calls, about "
                f"{usd(plan.cost_usd)} of the cost; its word counts once people have labelled "
                f"{plan.labels} pairs or more."
            )
            family = [(m, relatives(plan.model, m)) for m in judged]
            lines += [warning(m, f) for m, f in family if f is not None]
    return lines


def warning(model: str, family: str) -> str:
    return f"warning: the judge is a relative of {model} ({family}) and may favour its answers"


def judge_lines(told: JudgeReport) -> list[str]:
    """What a reader of a verdict should know of the judge behind it."""
    heard = told.heard
    basis = (
        f"corrected by {told.labels} labels" if told.corrected else f"{told.labels} labels so far"
    )
    lines = [
        f"judge {heard.model}: {heard.judged:,} answers judged, {usd(heard.cost_usd)}; {basis}"
    ]
    lines += [
        f"judge on {e.model}: passes {_rate(e.false_pass)} of the bad answers, fails "
        f"{_rate(e.false_fail)} of the good ones"
        for e in told.errors
        if told.labels
    ]
    if told.differs:
        lines.append(
            f"the judge is not equally often wrong about both models (p = {told.differ_p:.2g}): "
            "its own gap is biased, the corrected one is not"
        )
    if heard.repeated:
        lines.append(f"judged twice: {heard.agreed} of {heard.repeated} the same")
    if heard.both_orders:
        share = heard.flipped / heard.both_orders
        lines.append(
            f"judged in both orders: {heard.flipped} of {heard.both_orders} flipped ({share:.0%}), "
            "each a tie"
        )
    if heard.unscored:
        reason, count = heard.reasons[0]
        lines.append(f"the judge left {heard.unscored} unscored, {count} of them because {reason}")
    lines += [warning(model, family) for model, family in heard.relatives]
    return lines


def _rate(rate: Rate) -> str:
    if rate.value is None:
        return "an unknown share"
    return f"{rate.value:.0%} [{rate.low:.0%}, {rate.high:.0%}] ({rate.wrong}/{rate.labels})"
