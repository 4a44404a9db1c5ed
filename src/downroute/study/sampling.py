"""The examples of a task: distinct logged requests the baseline answered, in a seeded order whose
every beginning is a sample of the traffic.

Duplicates and near duplicates are one example that keeps their weight. Each request has a fixed
number between 0 and 1, spread evenly over length, topic and time (`strata`); in the order of that
number over the weight, the first n are a stratified sample in which a request's chance is
proportional to how often it came (sequential Poisson sampling, Ohlsson 1998). So samples of any
size nest, and a sequential test may look at any beginning.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from downroute.prompts import request_digest
from downroute.records import Call, Decision, Example
from downroute.study.leaks import leaked
from downroute.study.likeness import Likeness, leaders, likeness
from downroute.study.strata import strata

NO_CONTENT = "content not kept"
OTHER_MODEL = "answered by another model"
FAILED = "failed in the log"
SELECTED = "reached the baseline only because a cheaper answer did not pass"
REDACTED = "changed by redaction"
REPEATED = "repeats an earlier request"
ALIKE = "is a near duplicate of another request"
LEAKED = "stands answered in its own instructions"

CERTAIN_SHARE = 0.005
CERTAIN_CALLS = 10
CERTAIN_TRAFFIC = 0.5
"""A request with this share of the calls that came this often is measured for certain and counts
as known rather than sampled, up to half of the traffic, the most frequent first."""

_GOLDEN = 0.6180339887498949


@dataclass(slots=True)
class _Distinct:
    call_id: str
    has_reference: bool
    like: Likeness
    started_at: float | None
    weight: int = 1

    def add(self, other: _Distinct) -> None:
        """Take in a duplicate; who represents both does not depend on who came first."""
        self.weight += other.weight
        times = [t for t in (self.started_at, other.started_at) if t is not None]
        self.started_at = min(times, default=None)
        if (not other.has_reference, other.call_id) < (not self.has_reference, self.call_id):
            self.call_id, self.has_reference = other.call_id, other.has_reference


class Drawn(NamedTuple):
    """A request's place in the sample: see `Example`."""

    weight: int = 1
    inclusion: float = 1.0
    rank: float = 0.0
    certain: bool = False


class Sampler:
    """Sees a task's calls one by one and keeps of each distinct request where it is and a sketch
    of its words, at most 2 kB, so that a log of any length can be sampled in little memory."""

    def __init__(self, task: str, baseline: str):
        self.task = task
        self.baseline = baseline
        self.left_out: Counter[str] = Counter()
        self._distinct: dict[bytes, _Distinct] = {}
        self._leaked: set[bytes] = set()

    def see(self, call: Call) -> None:
        """Take a call into account; one that cannot be an example is counted by its reason."""
        reason = unusable(call, self.baseline)
        if reason is not None:
            self.left_out[reason] += 1
            return
        assert call.request is not None
        key = bytes.fromhex(request_digest(call.request))
        known = self._distinct.get(key)
        if known is None:
            if key in self._leaked or leaked(call.request):
                self._leaked.add(key)
                self.left_out[LEAKED] += 1
                return
            like = likeness(call.request)
            self._distinct[key] = _seen(call, like)
            return
        self.left_out[REPEATED] += 1
        known.add(_seen(call, known.like))

    @property
    def distinct(self) -> int:
        """How many different requests were seen."""
        return len(self._distinct)

    def draw(self, size: int, seed: int) -> dict[str, Drawn]:
        """The call ids of up to ``size`` requests in the order to be measured.

        The order depends on the seed and on what the requests say, not on how the log is sorted.
        """
        keys, found = self._grouped()
        certain = _certain([one.weight for one in found], size)
        ranks = self._ranks(keys, found, seed)
        order = sorted(range(len(found)), key=lambda i: (i not in certain, ranks[i], keys[i]))
        sampled = [i for i in order if i not in certain]
        taken = size - len(certain)
        # The next rank, which the sample ends before; an exhausted log ends nowhere.
        until = ranks[sampled[taken]] if taken < len(sampled) else None
        drawn = {}
        for i in order[:size]:
            weight = found[i].weight
            if i in certain:
                drawn[found[i].call_id] = Drawn(weight, certain=True)
                continue
            chance = 1.0 if until is None else min(1.0, weight * until)
            drawn[found[i].call_id] = Drawn(weight, chance, ranks[i])
        return drawn

    def _grouped(self) -> tuple[list[bytes], list[_Distinct]]:
        """The requests with near duplicates put together, by digest."""
        keys = sorted(self._distinct)
        led = leaders([self._distinct[key].like for key in keys])
        groups: dict[int, _Distinct] = {}
        for index, leader in enumerate(led):
            one = self._distinct[keys[index]]
            if leader == index:
                groups[index] = _Distinct(
                    one.call_id, one.has_reference, one.like, one.started_at, one.weight
                )
            else:
                groups[leader].weight += one.weight
                if one.has_reference and not groups[leader].has_reference:
                    groups[leader].call_id, groups[leader].has_reference = one.call_id, True
        self.left_out[ALIKE] = len(keys) - len(groups)
        self.left_out += Counter()  # Counts of nothing are left out.
        return [keys[index] for index in groups], list(groups.values())

    def _ranks(self, keys: Sequence[bytes], found: Sequence[_Distinct], seed: int) -> list[float]:
        cells = strata(
            [one.like.words for one in found],
            [one.like.bag for one in found],
            [one.started_at for one in found],
        )
        salt = f"{seed}/{self.task}/".encode()
        chance = [int.from_bytes(hashlib.sha256(salt + key).digest()[:8]) for key in keys]
        start = int.from_bytes(hashlib.sha256(salt).digest()[:8]) / 2.0**64
        ranks = [0.0] * len(found)
        along = sorted(range(len(found)), key=lambda i: (cells[i], chance[i]))
        for place, i in enumerate(along):
            # Multiples of the golden ratio fill the unit interval evenly however few are taken.
            ranks[i] = max((start + place * _GOLDEN) % 1.0, 1e-12) / found[i].weight
        return ranks


def examples(calls: Iterable[Call], drawn: Mapping[str, Drawn], task: str) -> tuple[Example, ...]:
    """The drawn ``calls`` as examples, in the order of the draw."""
    by_id = {call.id: call for call in calls}
    return tuple(_example(by_id[i], task, place) for i, place in drawn.items())


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


def _seen(call: Call, like: Likeness) -> _Distinct:
    return _Distinct(call.id, call.reference is not None, like, call.started_at)


def _certain(weights: Sequence[int], size: int) -> set[int]:
    total = sum(weights)
    certain: set[int] = set()
    taken = 0
    for i in sorted(range(len(weights)), key=lambda i: -weights[i]):
        if weights[i] < CERTAIN_CALLS or weights[i] < CERTAIN_SHARE * total:
            break
        taken += weights[i]
        if taken > CERTAIN_TRAFFIC * total or len(certain) + 1 > size // 2:
            break
        certain.add(i)
    return certain


def _example(call: Call, task: str, place: Drawn) -> Example:
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
        weight=place.weight,
        inclusion=place.inclusion,
        rank=place.rank,
        certain=place.certain,
    )
