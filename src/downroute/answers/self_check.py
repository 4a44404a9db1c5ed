"""PURE: a model asked whether an answer is right: the request, and P("yes") in its reply.

The question follows the original messages and the answer, so that an upstream finds that prefix
in its cache.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from downroute.records import Answer, Json, Usage

PROMPT = (
    "Is the answer above correct and complete, and does it do what was asked? "
    "Reply with exactly one word: Yes or No."
)
"""What is asked where a policy brings no prompt of its own."""
ALTERNATIVES = 20
"""How many tokens' probabilities are asked for, the most OpenAI gives."""

_KEPT = ("messages", "tools", "user", "prompt_cache_key", "service_tier")
_TOKENS_OF_A_MESSAGE = 4
_CHARACTERS_OF_A_TOKEN = 4
_YES = frozenset(
    {"yes", "y", "true", "correct", "right", "ja", "oui", "si", "sí", "sim", "да", "是"}
)
_NO = frozenset({"no", "n", "false", "incorrect", "wrong", "nein", "non", "não", "нет", "否", "不"})
_AROUND = " \t\r\n.,:;!\"'`*_()[]▁Ġ"


def self_check_request(
    request: Mapping[str, Json], answer: Answer, prompt: str | None = None
) -> dict[str, Json]:
    """The body that asks about ``answer`` to ``request``, without a model. One token is wanted,
    with the probabilities of its alternatives."""
    messages = request.get("messages")
    asked: dict[str, Any] = {k: request[k] for k in _KEPT if request.get(k) is not None}
    asked["messages"] = [
        *(messages if isinstance(messages, (list, tuple)) else ()),
        {"role": "assistant", "content": spoken(answer)},
        {"role": "user", "content": prompt or PROMPT},
    ]
    if asked.get("tools"):
        asked["tool_choice"] = "none"
    return {
        **asked,
        "max_tokens": 1,
        "temperature": 0,
        "logprobs": True,
        "top_logprobs": ALTERNATIVES,
    }


def spoken(answer: Answer) -> str:
    """An answer as the text a model is shown: tool calls too, since a question may not follow
    calls that nobody has answered."""
    calls = [
        json.dumps({"name": call.name, "arguments": call.arguments}, ensure_ascii=False)
        for call in answer.tool_calls
    ]
    return "\n".join(part for part in (answer.text or answer.refusal or "", *calls) if part)


def p_yes(answer: Answer) -> float | None:
    """P(yes) ∕ (P(yes) + P(no)) over the first token that says either, whatever its spelling; 1 or
    0 by the text where no probabilities came; ``None`` where it says neither."""
    for token in answer.logprobs or ():
        weights = {token.token: token.logprob, **dict(token.top)}
        yes = _mass(weights, _YES)
        no = _mass(weights, _NO)
        if yes + no <= 0.0:
            continue
        if len(weights) == 1:
            # No alternatives came, so what the one token leaves is the other's at most.
            return yes if yes else 1.0 - no
        return yes / (yes + no)
    words = (answer.text or "").split()
    said = _plain(words[0]) if words else ""
    return 1.0 if said in _YES else 0.0 if said in _NO else None


def self_check_usage(answered: Usage, prompt: str | None = None) -> Usage:
    """About what asking after an answer uses that used ``answered`` itself: its prompt, its
    answer, the question and one token. For places where nobody really asks."""
    if answered.input_tokens is None or answered.output_tokens is None:
        return Usage(estimated=True)
    question = math.ceil(len(prompt or PROMPT) / _CHARACTERS_OF_A_TOKEN)
    tokens = answered.input_tokens + answered.output_tokens + question + 2 * _TOKENS_OF_A_MESSAGE
    return Usage(input_tokens=tokens, output_tokens=1, estimated=True)


def _mass(weights: Mapping[str, float], words: frozenset[str]) -> float:
    return sum(math.exp(min(lp, 0.0)) for token, lp in weights.items() if _plain(token) in words)


def _plain(token: str) -> str:
    return token.strip(_AROUND).casefold()
