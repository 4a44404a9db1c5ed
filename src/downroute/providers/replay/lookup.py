"""What is asked → the recorded answer to it.

The one place where a request becomes an answer. A request that is to be answered from something
other than a recorded completion (say, a row's ``self_check``) is recognised here by its
``body``, before it is a 404.
"""

from __future__ import annotations

from downroute.providers.replay.recordings import RecordedAnswer, Recordings
from downroute.providers.replay.requests import Asked, Refusal


def find_answer(recordings: Recordings, asked: Asked) -> RecordedAnswer | Refusal:
    """The first recorded answer of the asked model to the same messages and tools, or a 404 that
    says whether the model or the request is unknown."""
    if asked.model not in recordings.models:
        return unknown_model(recordings, asked.model)
    answers = recordings.answers(asked.digest)
    if not answers:
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
