"""What is asked → the recorded answer to it.

The one place where a request becomes an answer: a recorded completion, or a row's recorded
``self_check`` where the request asks a model about its own answer.
"""

from __future__ import annotations

from downroute.providers.replay.recordings import RecordedAnswer, Recordings
from downroute.providers.replay.requests import Asked, Refusal
from downroute.providers.replay.self_check import find_self_check


def find_answer(recordings: Recordings, asked: Asked) -> RecordedAnswer | Refusal:
    """The first recorded answer of the asked model to the same messages and tools, or a 404 that
    says whether the model or the request is unknown."""
    if asked.model not in recordings.models:
        return unknown_model(recordings, asked.model)
    answers = recordings.answers(asked.digest)
    if not answers:
        checked = find_self_check(recordings, asked)
        if checked is not None:
            return checked
        return Refusal(
            404,
            f"no recording of this request (digest {asked.digest[:12]} of its messages and tools)",
            param="messages",
            code="recording_not_found",
        )
    if asked.model not in answers:
        return Refusal(
            404,
            f"no recording of this request by '{asked.model}'; "
            f"recorded are: {', '.join(answers)} (row {next(iter(answers.values())).row})",
            param="model",
            code="recording_not_found",
        )
    return answers[asked.model]


def unknown_model(recordings: Recordings, model: str) -> Refusal:
    known = ", ".join(recordings.models)
    return Refusal(
        404,
        f"the model '{model}' is not in these recordings; known are: {known}",
        param="model",
        code="model_not_found",
    )
