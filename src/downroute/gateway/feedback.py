"""`POST /v1/feedback`: what a user or a reviewer says of an answer, by the call's id.

The id is the one the reply's `x-downroute-call-id` named. Feedback goes the calls' own way to the
store: it may come before its call is written, and waits while the store cannot be written. So
nobody looks here whether there is such a call; `downroute report` counts what fits none.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping

from downroute.gateway import json_text
from downroute.gateway.call_log import CallLog
from downroute.gateway.error_reply import INTERNAL, Refusal
from downroute.gateway.message import JSON_TYPE, Reply, Request
from downroute.records import Json
from downroute.store import Feedback

LONGEST_COMMENT = 10_000
LONGEST_GRADER = 200
VERDICTS = {"good": 1.0, "bad": 0.0}

_CALL = re.compile(r"call-[0-9a-f]{24}")
_MEMBERS = ("call_id", "score", "verdict", "comment", "grader")


class TakingFeedback:
    """Hands feedback to ``log``."""

    def __init__(self, log: CallLog) -> None:
        self._log = log

    async def reply(self, request: Request) -> Reply:
        said = read_feedback(request.body, time.time(), request.key.name if request.key else "")
        if isinstance(said, Refusal):
            return said.reply()
        if not await self._log.add_feedback(said):
            message = "the log takes no more until the store can be written; send it again later"
            refusal = Refusal(503, message, INTERNAL, code="log_full")
            return refusal.reply([("retry-after", "5")])
        told = {"object": "feedback", "call_id": said.call, "score": said.score}
        taken = {**told, "grader": said.grader or None, "status": "accepted"}
        return Reply(202, (JSON_TYPE,), json_text.encode(taken))


def read_feedback(body: bytes, at: float, grader: str = "") -> Feedback | Refusal:
    """The feedback in a request's body, given at Unix second ``at``; by ``grader`` where it does
    not say. Members that are null count as absent."""
    try:
        value = json_text.decode(body)
    except ValueError as fault:
        return Refusal(400, f"the body is not JSON: {fault}", code="invalid_json")
    if not isinstance(value, dict):
        return _invalid('the body is a JSON object: {"call_id": "…", "verdict": "good"}', None)
    given = {name: member for name, member in value.items() if member is not None}
    unknown = next((name for name in given if name not in _MEMBERS), None)
    if unknown is not None:
        return _invalid(f"{unknown!r} is unknown here; there is {', '.join(_MEMBERS)}", unknown)
    call = given.get("call_id")
    if not isinstance(call, str) or not _CALL.fullmatch(call):
        return _invalid("call_id is what the reply's x-downroute-call-id said: call-…", "call_id")
    for name, longest in (("comment", LONGEST_COMMENT), ("grader", LONGEST_GRADER)):
        text = given.get(name, "")
        if not isinstance(text, str) or len(text) > longest:
            return _invalid(f"{name} is a text of at most {longest:,} characters", name)
    score = _score(given)
    if isinstance(score, Refusal):
        return score
    return Feedback(call, score, at, given.get("grader", grader), given.get("comment"))


def _score(given: Mapping[str, Json]) -> float | Refusal:
    if ("score" in given) == ("verdict" in given):
        return _invalid('say one of score (0 to 1) and verdict ("good" or "bad")', "score")
    if "verdict" in given:
        verdict = given["verdict"]
        if not isinstance(verdict, str) or verdict not in VERDICTS:
            return _invalid('verdict is "good" or "bad"', "verdict")
        return VERDICTS[verdict]
    score = given["score"]
    number = isinstance(score, (int, float)) and not isinstance(score, bool)
    if not number or not 0 <= score <= 1:
        return _invalid("score is a number from 0 (bad) to 1 (good)", "score")
    return float(score)


def _invalid(message: str, param: str | None) -> Refusal:
    return Refusal(400, message, param=param, code="invalid_feedback")
