"""What cascades escalate, why, what it cost and brought, and which inputs do so more than others.

Two passes over the log: one without words adds everything up; one over the escalated and the
latest calls reads the words that are kept. What the log does not say is counted as not known.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from downroute.records import Call, Policy
from downroute.reports.accounts import Policies, account, task_of
from downroute.reports.escalation_conditions import Selector, selectors
from downroute.reports.escalation_course import course
from downroute.reports.escalation_effect import straight_to_baseline
from downroute.reports.escalation_groups import (
    ESTABLISHED,
    Found,
    find_groups,
)
from downroute.reports.escalation_suggest import PolicyText, suggestions
from downroute.reports.escalation_tally import Tally, times
from downroute.reports.escalation_values import (
    Ending,
    EscalationReport,
    Example,
    Group,
    JudgedCall,
    TaskEscalations,
)
from downroute.reports.escalation_words import Grade, Words, Worth, words_of
from downroute.stats.proportion import wilson, z_of
from downroute.store import Store

CONFIDENCE = 0.95
EXAMPLES = 5
ALIKE = 4
SAME_CALLS = 0.8
"""Share of calls in common (Jaccard) from which another condition tells the same group."""
DISTINCTIVE = 8
CAUSED_BY = 6
_PAGE = 199
"""Calls read at a time, so that the log answers with one page."""


def escalation_report(
    store: Store,
    policies: Mapping[str, Policy],
    policy: PolicyText | None,
    *,
    task: str | None = None,
    since: float | None = None,
    grade: Grade,
) -> EscalationReport:
    """The report over the gateway's calls in ``store``, of one ``task`` or all, from Unix second
    ``since`` on. ``policies`` are those that were served, by digest; changes are proposed to
    ``policy``."""
    scores = store.feedback.scores(since)
    tallies = _tallied(store, Policies(policies), task, since, scores)
    found = tuple(
        _about(name, tally, store, policy, grade, len(tallies), scores)
        for name, tally in sorted(tallies.items(), key=lambda t: (-t[1].endings.total(), t[0]))
    )
    return EscalationReport(since=since, tasks=found)


def _tallied(
    store: Store,
    policies: Policies,
    task: str | None,
    since: float | None,
    scores: Mapping[str, float],
) -> dict[str, Tally]:
    tallies: dict[str, Tally] = {}
    for call in store.calls.each(since=since):
        name = task_of(call)
        if call.decision is not None and task in (None, name):
            tally = tallies.setdefault(name, Tally())
            tally.add(call, account(call, policies), scores.get(call.id))
    return {name: tally for name, tally in tallies.items() if tally.endings}


def _about(
    name: str,
    tally: Tally,
    store: Store,
    policy: PolicyText | None,
    grade: Grade,
    tasks: int,
    scores: Mapping[str, float],
) -> TaskEscalations:
    calls = list(tally.latest)
    worth = Worth(grade)
    words = _words(store, tally, worth)
    choices = selectors(calls, words)
    groups = tuple(
        _group(name, found, calls, words, choices, policy)
        for found in find_groups(calls, words, choices)
    )
    return TaskEscalations(
        task=name,
        endings=dict(tally.endings),
        share=tally.share,
        causes=dict(tally.causes.most_common()),
        course=course(sorted(tally.judged, key=lambda j: j[0]), tasks),
        money=tally.money,
        useful=worth.result(tally.escalated_ids, scores),
        feedback=tally.feedback,
        accepted_times=times(tally.accepted_s),
        escalated_times=times(tally.escalated_s),
        looked_at=len(calls),
        with_words=len(words),
        tests=len(choices),
        groups=groups,
        judged=tally.answers,
        measured=tally.measured,
    )


def _words(store: Store, tally: Tally, worth: Worth) -> dict[str, Words]:
    """The words of the calls that groups are looked for among; ``worth`` is told of every
    escalated call on the way."""
    latest, escalated = {c.id for c in tally.latest}, set(tally.escalated_ids)
    found: dict[str, Words] = {}
    for call in _read(store, sorted(latest | escalated)):
        if call.request is None:
            continue
        if call.id in escalated:
            worth.add(call)
        if call.id in latest:
            found[call.id] = words_of(call.request, altered=call.altered)
    return found


def _read(store: Store, ids: Sequence[str]) -> Iterator[Call]:
    for start in range(0, len(ids), _PAGE):
        yield from store.calls.each(ids=ids[start : start + _PAGE], with_bodies=True)


def _group(
    task: str,
    found: Found,
    calls: Sequence[JudgedCall],
    words: Mapping[str, Words],
    choices: Sequence[Selector],
    policy: PolicyText | None,
) -> Group:
    inside = [c for c, holds in zip(calls, found.holds, strict=True) if holds]
    outside = [c for c, holds in zip(calls, found.holds, strict=True) if not holds]
    failed = sum(not c.passed for c in inside)
    rest = sum(not c.passed for c in outside) / len(outside) if outside else None
    share = failed / len(inside)
    # As sure as all the conditions that could have been taken ask for, over what is independent.
    sure = wilson(
        round(share * found.units), found.units, z_of((1 - CONFIDENCE) / max(found.tests, 1))
    )
    causes = Counter(c.cause for c in inside if c.cause is not None)
    effect = straight_to_baseline(inside, calls)
    conditions = tuple(s.condition for s in found.parts)
    kept = [words[c.id] for c in inside if c.id in words]
    return Group(
        conditions=conditions,
        calls=len(inside),
        escalated=failed,
        share=type(sure)(share, min(sure.low, share), max(sure.high, share)),
        others=rest,
        lift=share / rest if rest else None,
        p=found.p,
        tests=found.tests,
        units=found.units,
        exploratory=found.p > ESTABLISHED,
        causes=dict(causes.most_common(CAUSED_BY)),
        alike=_alike(found, choices),
        distinctive=_distinctive(found, choices),
        examples=_examples(inside, words),
        effect=effect,
        suggestions=suggestions(task, conditions, causes, effect, policy, kept),
    )


def _alike(found: Found, choices: Sequence[Selector]) -> tuple[str, ...]:
    """Other conditions that hold for much the same calls, each subject once."""
    used = {s.subject for s in found.parts}
    close: dict[str, tuple[float, str]] = {}
    for choice in choices:
        both = int(np.count_nonzero(choice.holds & found.holds))
        share = both / int(np.count_nonzero(choice.holds | found.holds))
        if choice.subject not in used and share >= SAME_CALLS:
            told = (share, choice.condition.words)
            close[choice.subject] = max(close.get(choice.subject, told), told)
    return tuple(w for _, w in sorted(close.values(), reverse=True)[:ALIKE])


def _distinctive(found: Found, choices: Sequence[Selector]) -> tuple[str, ...]:
    """Words that are said in the group and hardly elsewhere, the commonest there first."""
    size, rest = int(found.holds.sum()), int((~found.holds).sum())
    told = []
    for choice in choices:
        if choice.condition.kind == "word":
            inside = int(np.count_nonzero(choice.holds & found.holds)) / size
            outside = int(np.count_nonzero(choice.holds & ~found.holds)) / max(rest, 1)
            if inside >= 0.05 and inside >= 2 * outside:
                told.append((inside - outside, choice.subject.removeprefix("word ")))
    return tuple(word for _, word in sorted(told, reverse=True)[:DISTINCTIVE])


def _examples(inside: Sequence[JudgedCall], words: Mapping[str, Words]) -> tuple[Example, ...]:
    """The latest escalated calls of the group, each request once."""
    found: dict[str, Example] = {}
    for call in reversed(inside):
        if call.ending is Ending.ESCALATED and len(found) < EXAMPLES:
            said = words.get(call.id)
            key = call.id if said is None else said.digest
            found.setdefault(key, Example(call.id, None if said is None else said.opening))
    return tuple(found.values())
