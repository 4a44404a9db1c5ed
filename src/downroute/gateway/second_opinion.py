"""PURE: what is asked for a second opinion on an answer."""

from __future__ import annotations

from downroute.config import ModelSettings
from downroute.gateway import json_text
from downroute.gateway.wire import Body, Wire
from downroute.providers.parameters import adapt
from downroute.records import Answer, SecondOpinion

_LOGPROBS = frozenset({"logprobs", "top_logprobs"})


def question(
    wire: Wire,
    second: SecondOpinion,
    body: Body,
    answer: Answer,
    name: str,
    settings: ModelSettings,
    logprobs: bool = True,
) -> bytes:
    """The body that asks the model an upstream calls ``name`` about ``answer`` to ``body``.
    ``logprobs``: a self-check asks for the probabilities of its token."""
    asked = wire.second_opinion(second.purpose, second.prompt, body, answer)
    if not logprobs:
        asked = {k: v for k, v in asked.items() if k not in _LOGPROBS}
    return json_text.join(
        adapt(asked, name, set_=settings.set, rename=settings.rename, drop=settings.drop)
    )
