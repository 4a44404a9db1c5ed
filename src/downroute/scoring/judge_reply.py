"""PURE: a judge's reply → a score, or why it is none.

Read strictly: what is not plainly a verdict on this very question leaves the answer unscored.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from downroute.records import Json, Score
from downroute.scoring.judge_question import Question

LONGEST_REPLY = 50_000
"""Characters; a verdict with its reason is a few hundred."""
LONGEST_REASON = 400
MOST_BRACES = 200
"""Places of one reply where an object may begin."""


class _TwiceError(ValueError):
    pass


def read_verdict(text: str | None, question: Question) -> Score:
    """The verdict in the last JSON object of the reply, which must carry the question's code.

    An object without it may be the answer's own JSON, repeated. Objects that carry it and
    disagree, a key stated twice, a verdict that was not on offer: all leave it unscored.
    """
    if text is None or not text.strip():
        return Score.unscored("the judge said nothing")
    if len(text) > LONGEST_REPLY:
        return Score.unscored("the judge's reply is too long for a verdict")
    try:
        found = list(_objects(text))
    except _TwiceError:
        return Score.unscored("the judge's reply states a key twice")
    except RecursionError:
        return Score.unscored("the judge's reply is nested too deeply")
    if not found:
        return Score.unscored("the judge's reply holds no JSON object")
    if found[-1].get("nonce") != question.nonce:
        return Score.unscored(
            "the judge's reply does not carry the code of its question; it may repeat the answer's "
            "own JSON"
        )
    bound = [_score(o, question.choices) for o in found if o.get("nonce") == question.nonce]
    if any(score.value != bound[-1].value for score in bound):
        return Score.unscored("the judge's reply gives several verdicts that disagree")
    return bound[-1]


def _score(found: Mapping[str, Json], choices: Mapping[str, float] | None) -> Score:
    said = found.get("reason")
    reason = " ".join(said.split())[:LONGEST_REASON] if isinstance(said, str) else None
    if choices is None:
        score = found.get("score")
        if isinstance(score, bool) or not isinstance(score, (int, float)) or not 0 <= score <= 1:
            return Score.unscored("the judge's score is no number from 0 to 1")
        return Score(float(score), reason)
    verdict = found.get("verdict")
    named = {name.lower(): value for name, value in choices.items()}
    if not isinstance(verdict, str) or verdict.strip().lower() not in named:
        return Score.unscored(f"the judge's verdict is none of {', '.join(choices)}")
    return Score(named[verdict.strip().lower()], reason)


def _objects(text: str) -> Iterator[Mapping[str, Json]]:
    """The JSON objects of a text, those inside others left out."""
    decoder = json.JSONDecoder(object_pairs_hook=_once)
    start = text.find("{")
    for _ in range(MOST_BRACES):
        if start < 0:
            return
        try:
            value, end = decoder.raw_decode(text, start)
        except _TwiceError:
            raise
        except ValueError:
            end = start + 1
        else:
            yield value
        start = text.find("{", end)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _TwiceError
    return found
