"""PURE: a second opinion on an answer: what is asked, and what the reply says as a signal."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from downroute.answers.agreement import agreement
from downroute.answers.openai_chat import answer_from_completion
from downroute.answers.self_check import p_yes, self_check_request
from downroute.config import ModelSettings
from downroute.gateway import json_text
from downroute.gateway.chat_body import ChatBody
from downroute.providers.parameters import adapt
from downroute.records import Answer, Attempt, Json, Purpose, SecondOpinion
from downroute.routing.cascade import escalation_score, signals_of
from downroute.routing.signals import PAID, signals

_NOT_FOR_A_HELPER = frozenset({"stream", "stream_options", "n", "logprobs", "top_logprobs"})
"""How an answer is delivered is the client's own affair."""


def question(
    second: SecondOpinion, body: ChatBody, answer: Answer, name: str, settings: ModelSettings
) -> bytes:
    """The body that asks the model an upstream calls ``name`` about ``answer`` to ``body``."""
    members: Mapping[str, Any]
    if second.purpose is Purpose.SELF_CHECK:
        members = self_check_request(body, answer, second.prompt)
    else:
        members = {k: v for k, v in body.members.items() if k not in _NOT_FOR_A_HELPER}
    return json_text.join(
        adapt(members, name, set_=settings.set, rename=settings.rename, drop=settings.drop)
    )


def opinion(
    second: SecondOpinion,
    attempt: Attempt,
    completion: Mapping[str, Json],
    answer: Answer,
    request: Mapping[str, Json],
) -> Attempt:
    """``attempt``, which brought ``completion``, with its signal beside the free ones of the
    answer it is about, and the second opinion's score."""
    told = answer_from_completion(completion)
    self_check = second.purpose is Purpose.SELF_CHECK
    value = p_yes(told) if self_check else agreement(answer, told)
    paid = PAID[second.purpose]
    free = [name for name in signals_of(second.score) if name != paid]
    found = {**signals(answer, request, free), paid: value}
    attempt = dataclasses.replace(attempt, signals=found)
    return dataclasses.replace(attempt, score=escalation_score(second.score, attempt))
