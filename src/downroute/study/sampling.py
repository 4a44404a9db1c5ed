"""The examples of a task: distinct logged requests the baseline answered, in a seeded order."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from downroute.prompts import request_digest
from downroute.records import Call, Decision, Example

NO_CONTENT = "content not kept"
OTHER_MODEL = "answered by another model"
FAILED = "failed in the log"
SELECTED = "reached the baseline only because a cheaper answer did not pass"
REDACTED = "changed by redaction"
REPEATED = "repeats an earlier request"


@dataclass(slots=True)
class _Distinct:
    call_id: str
    has_reference: bool
    weight: int = 1


class Sampler:
    """Sees a task's calls one by one and keeps of each distinct request only where it is, so
    that a log of any length can be sampled in little memory."""

    def __init__(self, task: str, baseline: str):
        self.task = task
        self.baseline = baseline
        self.left_out: Counter[str] = Counter()
        self._distinct: dict[str, _Distinct] = {}

    def see(self, call: Call) -> None:
        """Take a call into account; one that cannot be an example is counted by its reason."""
        reason = unusable(call, self.baseline)
        if reason is not None:
            self.left_out[reason] += 1
            return
        assert call.request is not None
        key = request_digest(call.request)
        known = self._distinct.get(key)
        has_reference = call.reference is not None
        if known is None:
            self._distinct[key] = _Distinct(call.id, has_reference)
            return
        self.left_out[REPEATED] += 1
        known.weight += 1
        if has_reference and not known.has_reference:
            known.call_id, known.has_reference = call.id, True

    @property
    def distinct(self) -> int:
        """How many different requests were seen."""
        return len(self._distinct)

    def draw(self, size: int, seed: int) -> dict[str, int]:
        """The call ids of up to ``size`` requests, drawn uniformly without replacement, in the
        order to be measured, each with the number of calls it stands for.

        The order depends on the seed and on what the requests say, not on how the log is sorted,
        so any prefix is a uniform sample too and a sequential test may look at it.
        """
        keys = sorted(self._distinct)
        random.Random(f"{seed}/{self.task}").shuffle(keys)  # noqa: S311 - sampling, no secret
        picked = (self._distinct[key] for key in keys[:size])
        return {entry.call_id: entry.weight for entry in picked}


def examples(calls: Iterable[Call], drawn: Mapping[str, int], task: str) -> tuple[Example, ...]:
    """The drawn ``calls`` as examples, in the order of the draw."""
    by_id = {call.id: call for call in calls}
    return tuple(_example(by_id[i], task, weight) for i, weight in drawn.items())


def unusable(call: Call, baseline: str) -> str | None:
    """Why ``call`` cannot be an example; ``None`` = it can."""
    if baseline not in (call.model, call.snapshot):
        return OTHER_MODEL
    if call.error is not None or (call.status is not None and call.status != 200):
        return FAILED
    if call.request is None or call.answer is None:
        return NO_CONTENT
    if call.altered:
        # Nobody ever asked or answered this; the candidate would be compared with something else.
        return REDACTED
    if call.decision in (Decision.ESCALATED, Decision.FALLBACK):
        # Such calls are the hard ones; a sample of them says nothing of the traffic.
        return SELECTED
    return None


def _example(call: Call, task: str, weight: int) -> Example:
    assert call.request is not None and call.answer is not None
    return Example(
        id=call.id,
        task=task,
        request=call.request,
        request_digest=request_digest(call.request),
        baseline_answer=call.answer,
        baseline_usage=call.usage,
        baseline_cost_usd=call.cost_usd,
        baseline_latency_s=call.latency_s,
        reference=call.reference,
        slice=call.slice,
        weight=weight,
    )
