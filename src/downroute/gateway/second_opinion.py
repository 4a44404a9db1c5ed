"""PURE: what is asked for a second opinion on an answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from downroute.answers.self_check import self_check_request
from downroute.config import ModelSettings
from downroute.gateway import json_text
from downroute.gateway.chat_body import ChatBody
from downroute.providers.parameters import adapt
from downroute.records import Answer, Purpose, SecondOpinion

_NOT_FOR_A_HELPER = frozenset({"stream", "stream_options", "n", "logprobs", "top_logprobs"})
"""How an answer is delivered is the client's own affair."""


def question(
    second: SecondOpinion,
    body: ChatBody,
    answer: Answer,
    name: str,
    settings: ModelSettings,
    logprobs: bool = True,
) -> bytes:
    """The body that asks the model an upstream calls ``name`` about ``answer`` to ``body``.
    ``logprobs``: a self-check asks for the probabilities of its token."""
    members: Mapping[str, Any]
    if second.purpose is Purpose.SELF_CHECK:
        members = self_check_request(body, answer, second.prompt)
        if not logprobs:
            members = {k: v for k, v in members.items() if k not in _NOT_FOR_A_HELPER}
    else:
        members = {k: v for k, v in body.members.items() if k not in _NOT_FOR_A_HELPER}
    return json_text.join(
        adapt(members, name, set_=settings.set, rename=settings.rename, drop=settings.drop)
    )
