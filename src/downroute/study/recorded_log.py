"""Recordings as a log whose every answer is known: each row is a request of its task, and the
models that answered it say what they said, by the functions that `replay` serves with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from downroute.answers.openai_chat import answer_from_completion, usage_from_completion
from downroute.answers.self_check import self_check_request
from downroute.importers.recording import read_recordings
from downroute.money.rates import Rates, cost_usd
from downroute.prompts import request_digest
from downroute.providers.replay.completions import completion_body
from downroute.providers.replay.lookup import find_answer
from downroute.providers.replay.recordings import RecordedAnswer, Recordings, load
from downroute.providers.replay.requests import Asked, Refusal
from downroute.records import Answer, Attempt, Call, Json, Purpose, RecordedScore, Route
from downroute.routing.simulate import Heard
from downroute.scoring.scorer import Scorer
from downroute.study.policy_test import Logged

_ALTERNATIVES = 20


def recorded_log(
    files: Sequence[Path], rates: Callable[[str], Rates | None], scorer: Scorer | None
) -> tuple[Recordings, Iterator[Logged]]:
    """The recordings in ``files`` and their rows as a log. Answers are worth what their source
    said, or what ``scorer`` says.

    Raises:
        InputError: a file cannot be read, or holds no recording.
    """
    recordings = load(files)
    return recordings, _rows(files, recordings, rates, scorer)


def _rows(
    files: Sequence[Path],
    recordings: Recordings,
    rates: Callable[[str], Rates | None],
    scorer: Scorer | None,
) -> Iterator[Logged]:
    scores: dict[tuple[str, str], float | None] = {}
    calls: dict[str, Call] = {}
    for item in (i for model in recordings.models for i in read_recordings(files, model)):
        if isinstance(item, RecordedScore):
            scores[item.request_digest, item.model] = scores.get(
                (item.request_digest, item.model), item.score
            )
        elif isinstance(item, Call):
            calls.setdefault(f"{item.task}/{item.row}", item)
    for call in calls.values():
        yield _logged(call, recordings, scores, rates, scorer)


def _logged(
    call: Call,
    recordings: Recordings,
    scores: Mapping[tuple[str, str], float | None],
    rates: Callable[[str], Rates | None],
    scorer: Scorer | None,
) -> Logged:
    assert call.request is not None
    request = call.request
    asked = request_digest(request)

    def hear(model: str, purpose: Purpose, answer: Answer | None, route: Route) -> Heard | None:
        body: Mapping[str, Json] = {**request, "model": model}
        if purpose is Purpose.SELF_CHECK and answer is not None and route.second is not None:
            body = {**self_check_request(request, answer, route.second.prompt), "model": model}
        digest = asked if purpose is not Purpose.SELF_CHECK else request_digest(body)
        question = Asked(model, digest, body, logprobs=True, top_logprobs=_ALTERNATIVES)
        found = find_answer(recordings, question)
        if isinstance(found, Refusal):
            return None
        return _heard(model, purpose, found, question, rates(model))

    def score(model: str, answer: Answer) -> float | None:
        if scorer is not None:
            return scorer.score(answer, call.reference, request).value
        return scores.get((asked, model))

    return Logged(f"{call.task}/{call.row}", call.task, request, None, hear, score)


def _heard(
    model: str, purpose: Purpose, found: RecordedAnswer, question: Asked, rates: Rates | None
) -> Heard:
    body = completion_body(found, question, completion_id="recorded", created=0)
    usage = usage_from_completion(body)
    answer = answer_from_completion(body)
    attempt = Attempt(
        model,
        purpose,
        status=200,
        usage=usage,
        cost_usd=cost_usd(usage, rates),
        latency_s=found.latency_s,
        finish_reason=answer.finish_reason,
    )
    return Heard(attempt, body)
