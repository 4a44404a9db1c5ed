"""What a scorer of the user's own is told of an answer, and how its verdict is read."""

from __future__ import annotations

import json
from collections.abc import Mapping

from downroute.prompts import canonical_json
from downroute.records import Answer, Json, Score


def told(answer: Answer, reference: Json, request: Mapping[str, Json]) -> str:
    """``{"answer", "reference", "request"}`` as one line of JSON."""
    return canonical_json(
        {"answer": answer_as_json(answer), "reference": reference, "request": dict(request)}
    )


def answer_as_json(answer: Answer) -> dict[str, Json]:
    """``{"text", "tool_calls": [{"name", "arguments"}], "finish_reason", "refusal"}``; a call's
    arguments are the JSON text as the model wrote it."""
    calls = [{"name": call.name, "arguments": call.arguments} for call in answer.tool_calls]
    return {
        "text": answer.text,
        "tool_calls": calls,
        "finish_reason": answer.finish_reason,
        "refusal": answer.refusal,
    }


def verdict_of(said: str) -> Score:
    """A number from 0 to 1, ``true`` or ``false``, or ``{"score": …, "reason": "…"}``; ``null``
    as a score is unscored, and so is everything else."""
    try:
        value = json.loads(said)
    except (ValueError, RecursionError):
        return Score.unscored("its output is no JSON")
    reason = None
    if isinstance(value, dict):
        reason = str(value["reason"]) if value.get("reason") is not None else None
        if "score" not in value:
            return Score.unscored(reason or "its output has no 'score'")
        value = value["score"]
    if value is None:
        return Score.unscored(reason or "it gives no score")
    if not isinstance(value, (bool, int, float)):
        return Score.unscored("its score is no number")
    if not 0 <= value <= 1:
        return Score.unscored(f"its score {value:g} is outside 0 to 1")
    return Score(float(value), reason)
