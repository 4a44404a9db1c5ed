"""Signals: numbers read off an answer, from which a route's score is summed. ``None`` = missing.

One table of names; adding a signal adds a row.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from downroute.records import Answer, Json, Purpose, TokenLogprob
from downroute.routing.features import input_words

Request = Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Signal:
    """``logprobs``: the signal is there only if the upstream was asked for token logprobs;
    ``alternatives``: only if for those of other tokens as well."""

    doc: str
    read: Callable[[Answer, Request], float | None]
    logprobs: bool = False
    alternatives: bool = False


def signals(
    answer: Answer, request: Request, names: Collection[str] | None = None
) -> dict[str, float | None]:
    """The signals ``names`` (all of them by default) of one answer; unknown names are missing."""
    wanted = SIGNALS if names is None else names
    return {
        name: SIGNALS[name].read(answer, request) if name in SIGNALS else None for name in wanted
    }


def known_signals() -> Mapping[str, str]:
    """Every free signal's name → what it is, in one line."""
    return {name: signal.doc for name, signal in SIGNALS.items()}


def is_signal(name: str) -> bool:
    """Whether ``name`` is a free signal."""
    return name in SIGNALS


def signal_names() -> list[str]:
    """What may be chosen from, as a person is told."""
    return list(SIGNALS)


PAID: Mapping[Purpose, str] = {
    Purpose.SELF_CHECK: "self_check",
    Purpose.HELPER: "agreement",
}
"""What asking a model once more is for → the name of the signal it gives."""


def needs_logprobs(names: Collection[str]) -> bool:
    """Whether any of ``names`` is read from token logprobs, which must then be asked for."""
    return any(SIGNALS[name].logprobs for name in names if name in SIGNALS)


def needs_alternatives(names: Collection[str]) -> bool:
    """Whether any of ``names`` compares tokens with those that might have stood in their place
    (``top_logprobs``)."""
    return any(SIGNALS[name].alternatives for name in names if name in SIGNALS)


def _mean_logprob(answer: Answer, request: Request) -> float | None:  # noqa: ARG001
    values = _logprobs(answer)
    return sum(values) / len(values) if values else None


def _min_logprob(answer: Answer, request: Request) -> float | None:  # noqa: ARG001
    return min(_logprobs(answer), default=None)


def _p10_logprob(answer: Answer, request: Request) -> float | None:  # noqa: ARG001
    values = sorted(_logprobs(answer))
    if not values:
        return None
    place = 0.1 * (len(values) - 1)
    low = math.floor(place)
    high = min(low + 1, len(values) - 1)
    return values[low] + (place - low) * (values[high] - values[low])


def _label_margin(answer: Answer, request: Request) -> float | None:  # noqa: ARG001
    """How far the first token that says something is ahead of the best other one. Spellings of
    the same label (``B``, `` B``, ``b``) are one."""
    token = next((t for t in answer.logprobs or () if any(c.isalnum() for c in t.token)), None)
    if token is None:
        return None
    said = token.token.strip().casefold()
    others = [lp for text, lp in token.top if text.strip().casefold() != said]
    if not others or not math.isfinite(token.logprob):
        return None
    return token.logprob - max(others)


def _words_out(answer: Answer, request: Request) -> float | None:  # noqa: ARG001
    return float(len((answer.text or "").split()))


def _words_in(answer: Answer, request: Request) -> float | None:  # noqa: ARG001
    return input_words(request)


def _calls_out(answer: Answer, request: Request) -> float | None:  # noqa: ARG001
    return float(len(answer.tool_calls))


def _logprobs(answer: Answer) -> list[float]:
    """The tokens' logprobs. A probability of 0 in some token's place is an API's way to say that
    it does not know (OpenAI sends −9999), so such values are left out."""
    return [t.logprob for t in answer.logprobs or () if _is_known(t)]


def _is_known(token: TokenLogprob) -> bool:
    return math.isfinite(token.logprob) and token.logprob > -9000


SIGNALS: Mapping[str, Signal] = {
    "mean_logprob": Signal("mean logprob of the answer's tokens", _mean_logprob, logprobs=True),
    "min_logprob": Signal("lowest logprob of the answer's tokens", _min_logprob, logprobs=True),
    "p10_logprob": Signal("10 % quantile of the token logprobs", _p10_logprob, logprobs=True),
    "label_margin": Signal(
        "logprob of the label's first token minus that of the best other one",
        _label_margin,
        logprobs=True,
        alternatives=True,
    ),
    "words_out": Signal("words in the answer", _words_out),
    "words_in": Signal("words in the request's messages", _words_in),
    "calls_out": Signal("tool calls in the answer", _calls_out),
}
