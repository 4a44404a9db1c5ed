"""PURE: sentences of the report on escalations, for terminal and page alike."""

from __future__ import annotations

from collections.abc import Iterator

from downroute.reports.display import count, share, usd
from downroute.reports.escalation_causes import UPSTREAM
from downroute.reports.escalation_values import (
    Effect,
    Ending,
    Group,
    Heard,
    Money,
    TaskEscalations,
    Times,
    Usefulness,
)
from downroute.routing.conditions import MEANINGS
from downroute.stats.interval import Interval

NO_GROUP = "No group of calls stands out"


def bounds(interval: Interval) -> str:
    """``41.2 % [38.2 %, 44.3 %]``."""
    return f"{share(interval.estimate)} [{share(interval.low)}, {share(interval.high)}]"


def looked_at(task: TaskEscalations) -> str:
    """Among which calls groups were looked for."""
    calls = f"the latest {count(task.looked_at)} judged calls"
    if not task.sampled:
        return calls
    return (
        f"{calls} whose question was measured ({count(task.measured)} of {count(task.judged)}: of "
        "many calls a second the gateway measures a sample)"
    )


def seconds(value: float | None) -> str:
    if value is None:
        return "—"
    return f"{value:.2f} s" if abs(value) >= 0.1 else f"{value * 1000:.3g} ms"


def facts(task: TaskEscalations) -> Iterator[tuple[str, str]]:
    """What is known of the task's escalations as (name, words)."""
    ends = task.endings
    judged = sum(n for end, n in ends.items() if end != Ending.FALLBACK)
    escalated = ends.get(Ending.ESCALATED, 0)
    if task.share is not None:
        told = f"{count(escalated)} of {count(judged)} judged answers, {bounds(task.share)}"
        yield "escalated", told
    if ends.get(Ending.UNVERIFIED):
        n = count(ends[Ending.UNVERIFIED])
        yield "unverified", f"{n} should have been, and were sent: a limit was used up"
    if ends.get(Ending.FALLBACK):
        n = count(ends[Ending.FALLBACK])
        yield "fallback", f"{n} calls: {UPSTREAM}, so nothing was judged"
    course = task.course
    if course.trend is not None and course.p is not None:
        changed = ", and the policy changed meanwhile" if len(course.policies) > 1 else ""
        yield "trend", f"{course.trend} (p = {course.p:.2g}){changed}"
    yield "useful", _useful(task.useful, escalated)
    if task.feedback:
        yield (
            "feedback",
            "; ".join(
                f"{ending} {heard_words(heard)}" for ending, heard in sorted(task.feedback.items())
            ),
        )
    yield "money", _money(task.money)
    yield "latency", _times(task.accepted_times, task.escalated_times)


def _useful(useful: Usefulness, escalated: int) -> str:
    known = useful.useful + useful.wasted
    if not known:
        how = "keep bodies and grade pairs, or send feedback, to know"
        return f"not known of any of {count(escalated)}: {how}"
    equal = f", {count(useful.equal)} of them for an equal answer" if useful.equal else ""
    heard = useful.by_feedback
    alone = f"; {count(heard)} of both by feedback on the answer sent alone" if heard else ""
    return (
        f"{count(useful.useful)} useful, {count(useful.wasted)} wasted{equal}{alone}; "
        f"not known of {count(useful.unknown)}"
    )


def heard_words(heard: Heard) -> str:
    """``12 good, 3 bad``."""
    neither = f", {count(heard.neither)} neither" if heard.neither else ""
    return f"{count(heard.good)} good, {count(heard.bad)} bad{neither}"


def _money(money: Money) -> str:
    unknown = f"; not known of {count(money.unknown)} calls" if money.unknown else ""
    if not money.calls:
        return f"not known{unknown}"
    return (
        f"{count(money.calls)} escalated calls cost {usd(money.spent_usd)}, "
        f"{usd(money.rejected_usd)} of it for answers that were not sent; straight to the "
        f"baseline {usd(money.baseline_usd)}{unknown}"
    )


def _times(accepted: Times, escalated: Times) -> str:
    one, other = (
        f"p50 {seconds(t.p50_s)}, p95 {seconds(t.p95_s)}" if t.calls else "not known"
        for t in (accepted, escalated)
    )
    return f"accepted {one}; escalated {other}"


def about(group: Group) -> Iterator[str]:
    """What is known of a group, a sentence a line."""
    times = "" if group.lift is None else f" (lift {group.lift:.3g})"
    others = "" if group.others is None else f"; the others {share(group.others)}{times}"
    yield (
        f"{count(group.escalated)} of {count(group.calls)} did not pass, {bounds(group.share)}"
        f"{others}"
    )
    kind = "exploratory: confirm it on later calls; " if group.exploratory else ""
    yield (
        f"{kind}p = {group.p:.2g}, corrected for {count(group.tests)} conditions, "
        f"over {count(group.units)} different requests"
    )
    if group.causes:
        yield "why: " + ", ".join(f"{cause} {count(n)}" for cause, n in group.causes.items())
    meaning = [f"{name}: {MEANINGS[name]}" for c in group.conditions for name in (c.when or ())]
    if meaning:
        yield "that is: " + "; ".join(dict.fromkeys(meaning))
    if group.alike:
        yield "much the same calls: " + "; ".join(group.alike)
    if group.distinctive:
        yield "words of theirs: " + ", ".join(group.distinctive)
    yield from effect(group.effect)


def effect(found: Effect) -> Iterator[str]:
    """What these calls would have cost straight on the baseline."""
    if found.measured_usd is not None:
        yield (
            f"straight to the baseline, measured on {count(found.measured)} escalated calls: "
            f"{_change(found.measured_usd)}, {count(found.escalations)} fewer escalations"
            + (
                ""
                if found.faster_s is None
                else f", {seconds(found.faster_s.estimate)} faster a call "
                f"[{seconds(found.faster_s.low)}, {seconds(found.faster_s.high)}]"
            )
        )
    total = found.total_usd
    if total is None:
        yield "what it would have cost on all of them is not known: too few costs are"
        return
    guessed = found.estimated > 0
    basis = (
        f", 95 % [{usd(total.low)}, {usd(total.high)}], {count(found.estimated)} of them estimated "
        f"from {count(found.basis)} calls with both costs"
        if guessed
        else ", all measured"
    )
    yield f"on all these calls: {_change(total.estimate, about=guessed)}{basis}"


def _change(amount: float, *, about: bool = False) -> str:
    word = "more" if amount >= 0 else "less"
    return f"{usd(abs(amount), about=about)} {word}"
