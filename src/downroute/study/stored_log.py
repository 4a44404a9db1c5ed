"""The store's log as requests whose answers are known: what the log says, what the gateway's own
attempts said, and what studies asked other models."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from downroute.answers.completion import completion_of
from downroute.answers.openai_chat import usage_from_completion
from downroute.prompts import digest, request_digest
from downroute.records import Answer, Attempt, Call, Example, Json, Purpose, Route
from downroute.routing.simulate import Heard
from downroute.store import Store
from downroute.store.journal import JournalEntry, JournalKey
from downroute.study.bodies import Bodies, answer_bodies, self_check_bodies
from downroute.study.discovery import task_name
from downroute.study.pairs import Judge
from downroute.study.policy_test import Logged

Keys = Callable[[str, Purpose, Bodies], Iterable[JournalKey]]
"""A model, a purpose and the bodies it may have been asked with → where the journal may hold what
the model said, the fullest first."""


def stored_log(store: Store, judges: Mapping[str, Judge], keys: Keys) -> Iterator[Logged]:
    """Every call of the log whose words are kept. ``judges`` say what answers are worth, by task;
    where there is none they are not scored."""
    for call in store.calls.each(with_bodies=True):
        name = task_name(call.task, call.fingerprint)
        if call.request is not None and not call.altered:
            yield _logged(call, name, store, judges.get(name), keys)


def some_examples(store: Store, per_task: int = 200) -> dict[str, list[Example]]:
    """The first calls of each task that have words and an answer: enough to choose a scorer by."""
    found: dict[str, list[Example]] = {}
    for call in store.calls.each(with_bodies=True):
        if call.request is None or call.answer is None:
            continue
        name = task_name(call.task, call.fingerprint)
        examples = found.setdefault(name, [])
        if len(examples) < per_task:
            examples.append(_example(call, name, call.answer))
    return found


def _example(call: Call, name: str, answer: Answer) -> Example:
    assert call.request is not None
    return Example(
        id=call.id,
        task=name,
        request=call.request,
        request_digest=request_digest(call.request),
        baseline_answer=answer,
        reference=call.reference,
    )


def _logged(call: Call, name: str, store: Store, judge: Judge | None, keys: Keys) -> Logged:
    assert call.request is not None
    request = call.request

    def hear(model: str, purpose: Purpose, answer: Answer | None, route: Route) -> Heard | None:
        if purpose is Purpose.ANSWER:
            own = _said_in_the_log(call, model)
            if own is not None:
                return own
        bodies = answer_bodies(request)
        if purpose is Purpose.SELF_CHECK and answer is not None and route.second is not None:
            bodies = self_check_bodies(request, answer, route.second.prompt)
        asked = list(keys(model, purpose, bodies))
        found = store.journal.get_many(asked)
        entries = [found[key] for key in asked if key in found]
        answered = [e for e in entries if e.error is None] or entries[-1:]
        return _heard(model, purpose, answered[0]) if answered else None

    def score(model: str, answer: Answer) -> float | None:
        if judge is None:
            return None
        example = _example(call, name, answer)
        return judge.score(example, model, answer).value if judge.by_reference(example) else None

    asked = call.requested_model or call.model
    return Logged(call.id, call.task, request, asked, hear, score)


def _said_in_the_log(call: Call, model: str) -> Heard | None:
    """What ``model`` answered when the call was made, as the sent answer or as another attempt."""
    answers = [a for a in call.attempts if a.purpose is Purpose.ANSWER and a.model == model]
    if call.answer is not None and call.error is None and model in (call.model, call.snapshot):
        sent = answers[-1] if answers else None
        attempt = Attempt(
            model,
            status=200,
            usage=call.usage,
            cost_usd=sent.cost_usd if sent else call.cost_usd,
            latency_s=sent.latency_s if sent else call.latency_s,
        )
        return Heard(attempt, completion_of(call.answer))
    for attempt in answers:
        if attempt.answer is not None and not attempt.failed:
            bare = Attempt(
                model,
                status=attempt.status,
                usage=attempt.usage,
                cost_usd=attempt.cost_usd,
                latency_s=attempt.latency_s,
            )
            return Heard(bare, completion_of(attempt.answer))
    return None


def _heard(model: str, purpose: Purpose, entry: JournalEntry) -> Heard:
    failed = entry.error is not None or entry.body is None
    attempt = Attempt(
        model,
        purpose,
        status=entry.status,
        error=(entry.error or "no answer") if failed else None,
        usage=entry.usage if failed else usage_from_completion(entry.body),
        cost_usd=entry.cost_usd,
        latency_s=entry.latency_s,
    )
    return Heard(attempt, None if failed else entry.body)


def journal_keys(
    upstreams: Callable[[str], str],
    adapt: Callable[[str, Mapping[str, Json]], Mapping[str, Json]],
) -> Keys:
    """The keys under which a study enters what it asks: by the upstream where a model lives, its
    body as that model is sent it. What a helper would say it may have said as a candidate."""

    def keys(model: str, purpose: Purpose, bodies: Bodies) -> Iterator[JournalKey]:
        purposes = (purpose, Purpose.ANSWER) if purpose is Purpose.HELPER else (purpose,)
        for asked_as in purposes:
            for body in bodies:
                yield JournalKey(upstreams(model), model, digest(adapt(model, body)), asked_as)

    return keys
