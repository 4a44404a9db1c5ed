"""A study without asking: the answers it measured, read back from the journal, and the verdict
they come to with the grades there are by now."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from downroute.config import Settings
from downroute.money.rates import Rates
from downroute.prompts import canonical_request, digest
from downroute.records import Example, Json, Measurement, Purpose
from downroute.store import JournalKey, Store
from downroute.study.conclusion import Finding, result_of
from downroute.study.measurement import measurement
from downroute.study.pairs import Pair, PairScore, pair_up, with_grade
from downroute.study.prepared import PreparedTask
from downroute.study.settings import StudySettings
from downroute.study.slow_scores import score_all
from downroute.study.study import best_of, failed_call_of, price_order, rules_of
from downroute.study.verdict import Judgement, Outcome, Stopped, judge

CUT_SHORT = "not all of its answers are there; run the same study again to go on"

Adapt = Callable[[str], Callable[[Mapping[str, Json]], Mapping[str, Json]]]
"""How requests are put to a model."""


@dataclass(frozen=True, slots=True)
class Recalled:
    """One task and candidate as measured, up to the first example that was never answered.
    ``pairs`` are in sampled order, with no grade applied yet."""

    task: PreparedTask
    candidate: str
    measured: tuple[Measurement, ...]
    pairs: tuple[Pair, ...]


def recall(
    store: Store,
    prepared: Sequence[PreparedTask],
    question: StudySettings,
    upstreams: Mapping[str, str],
    adapt: Adapt,
    config: Settings,
    rates: Callable[[str], Rates | None],
) -> list[list[Recalled]]:
    """Of each task that people grade its candidates, cheapest first, as far as they were
    measured."""
    ordered = sorted(question.candidates, key=lambda model: price_order(rates(model)))
    tasks = []
    for task in prepared:
        # A judge's labels go by file for now; what references score needs nobody.
        scored = task.choice.asked is not None or all(
            map(task.choice.judge.by_reference, task.examples)
        )
        if task.unfit is None and not scored:
            failed = failed_call_of(task.name, config)
            found = []
            for candidate in ordered:
                answers = _answers(store, task, candidate, question, upstreams, adapt, failed)
                found.append(_recalled(task, candidate, answers, question))
            tasks.append(found)
    return [measured for task in tasks if (measured := [r for r in task if r.measured])]


def rejudge(
    recalled: Recalled,
    question: StudySettings,
    config: Settings,
    grades: Mapping[str, PairScore],
) -> Finding:
    """What the answers of one task and candidate come to with these grades."""
    task = recalled.task
    rules = rules_of(task, question, config)
    pairs = [with_grade(pair, grades) for pair in recalled.pairs]
    judgement = Judgement(None, None, (), 0)
    for done, until in enumerate(rules.schedule, start=1):
        if until > len(pairs):
            break
        judgement = judge(pairs[:until], done, rules)
        if judgement.outcome is not None:
            break
    message = None
    if judgement.outcome is None:
        waiting = any(look.open for look in judgement.looks)
        stopped = Stopped.GRADES if waiting else Stopped.MAXIMUM
        judgement = replace(judgement, outcome=Outcome.INCONCLUSIVE, stopped=stopped)
        message = None if waiting else CUT_SHORT
    seen = judgement.looks[-1].examples if judgement.looks else 0
    measured = recalled.measured[:seen]
    result = result_of(task, recalled.candidate, question, rules, judgement, pairs[:seen], measured)
    return Finding(
        replace(result, message=result.message or message), tuple(pairs[:seen]), measured
    )


def rejudge_task(
    candidates: Sequence[Recalled],
    question: StudySettings,
    config: Settings,
    grades: Mapping[str, PairScore],
) -> Finding:
    """The finding that counts among one task's candidates; none after one that is shown."""
    findings: list[Finding] = []
    for recalled in candidates:
        findings.append(rejudge(recalled, question, config, grades))
        if findings[-1].result.outcome is Outcome.ROUTE:
            break
    return best_of(findings)


def _answers(
    store: Store,
    task: PreparedTask,
    candidate: str,
    question: StudySettings,
    upstreams: Mapping[str, str],
    adapt: Adapt,
    failed_call: str,
) -> list[tuple[Example, Measurement]]:
    """What the journal holds, up to the first example without: asked where the study asked, else
    wherever the model was asked."""
    model = question.model_of(candidate)
    asked_at = [upstreams[candidate]] if candidate in upstreams else []
    asked_at += [u for u in store.journal.upstreams(model) if u not in asked_at]
    put = adapt(model)
    found = []
    for example in task.examples:
        body = digest(put(canonical_request(example.request)))
        keys = (JournalKey(u, model, body, Purpose.ANSWER) for u in asked_at)
        entry = next((e for k in keys if (e := store.journal.get(k)) is not None), None)
        if entry is None:
            break
        found.append((example, measurement(example, candidate, entry, failed_call)))
    return found


def _recalled(
    task: PreparedTask,
    model: str,
    answers: Sequence[tuple[Example, Measurement]],
    question: StudySettings,
) -> Recalled:
    judge = task.choice.judge
    if judge.slow:
        score_all(judge, [(e, m.model, m.answer) for e, m in answers if m.answer is not None])
    pairs = [pair_up(e, question.baseline, m, judge, {}) for e, m in answers]
    return Recalled(task, model, tuple(m for _, m in answers), tuple(pairs))
