"""Signals from the log probabilities of the tokens that spell the part of an answer that is
compared: the value of a final field, the label, the marked result; not the reasons before it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from downroute.routing.reading import Reading, is_known

_MOST_ODDS = 20.0


def mean_logprob(reading: Reading) -> float | None:
    values = reading.logprobs
    return sum(values) / len(values) if values else None


def sum_logprob(reading: Reading) -> float | None:
    return sum(reading.logprobs) if reading.logprobs else None


def min_logprob(reading: Reading) -> float | None:
    return min(reading.logprobs, default=None)


def p10_logprob(reading: Reading) -> float | None:
    values = sorted(reading.logprobs)
    if not values:
        return None
    place = 0.1 * (len(values) - 1)
    low = math.floor(place)
    high = min(low + 1, len(values) - 1)
    return values[low] + (place - low) * (values[high] - values[low])


def label_margin(reading: Reading) -> float | None:
    """How far the first token that says something is ahead of the best other one. Spellings of
    the same label (``B``, `` B``, ``b``) are one."""
    token = next((t for t in reading.tokens if any(c.isalnum() for c in t.token)), None)
    if token is None or not is_known(token.logprob):
        return None
    said = token.token.strip().casefold()
    others = [lp for text, lp in token.top if text.strip().casefold() != said]
    return token.logprob - max(others) if others else None


def answer_odds(reading: Reading) -> float | None:
    """Log odds of the whole span against everything else, at most ±20. Unlike the logarithm it
    tells the sure from the surer, and a straight line suits it."""
    values = reading.logprobs
    if not values:
        return None
    total = sum(values)
    odds = total - math.log(-math.expm1(min(total, -1e-12)))
    if odds > _MOST_ODDS:
        return _MOST_ODDS
    return odds if odds > -_MOST_ODDS else -_MOST_ODDS


TABLE: Mapping[str, tuple[str, Callable[[Reading], float | None], bool]] = {
    "mean_logprob": ("mean logprob of the answer's tokens", mean_logprob, False),
    "min_logprob": ("lowest logprob of the answer's tokens", min_logprob, False),
    "p10_logprob": ("10 % quantile of their logprobs", p10_logprob, False),
    "sum_logprob": ("logprob of the whole answer", sum_logprob, False),
    "answer_odds": ("log odds of the whole answer against any other", answer_odds, False),
    "label_margin": (
        "logprob of the label's first token minus that of the best other one",
        label_margin,
        True,
    ),
}
"""Each signal's doc, its reader, and whether it needs alternatives."""
