"""Which tasks are in the log, what they cost, and which fingerprints tell them apart.

A task is what callers declared; calls without a declaration form one task per fingerprint. The
log is added up inside the store; of its words only a bounded sample is read.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from downroute.answers.shape import Shape, shape_of
from downroute.records import Task
from downroute.routing.fingerprint import BLANK, unnamed_task
from downroute.store.store import Store
from downroute.store.summary import CallGroup

Number = TypeVar("Number", int, float)

SECONDS_PER_DAY = 86_400.0
SECONDS_PER_MONTH = 30.4375 * SECONDS_PER_DAY
SHORTEST_SPAN_S = SECONDS_PER_DAY
"""A rate is read off timestamps only where they span a whole day: within one, the hour it was
logged decides more than the traffic does."""

SHAPE_SAMPLE = 200
"""Answers read per task to see their shape."""
SHAPE_SAMPLES = 20_000
"""Answers read in all; tasks are served largest first."""

KEYED_SHARE = 0.01
"""A route is keyed by a fingerprint only where it bears at least this share of its task's calls."""
KEYED_CALLS = 2
"""… and came more than once: what was seen once need not come again."""
KEYED_MOST = 50


@dataclass(frozen=True, slots=True)
class Unpriced:
    """Calls of one model whose cost is not known: ``without_tokens`` because the log does not
    say how long they were, the others because nobody states the model's price."""

    model: str
    calls: int
    without_tokens: int


@dataclass(frozen=True, slots=True)
class FoundTask:
    """A task of the log in figures. Sums of tokens are over the calls that state them
    (``without_tokens`` do not; ``usage_estimated`` state an estimate); ``priced_usd`` is over the
    calls with a known cost.

    ``calls_per_month`` is the user's own figure, split by share of calls, else what the
    timestamps say (see `find_tasks`), else ``None``. ``shared_fingerprints`` names, for each
    fingerprint other tasks bear too, those tasks.
    """

    task: Task
    input_tokens: int | None
    output_tokens: int | None
    without_tokens: int
    usage_estimated: int
    priced_usd: float | None
    unpriced: tuple[Unpriced, ...]
    failed: int
    with_content: int
    snapshots: frozenset[str]
    first_started_at: float | None
    last_started_at: float | None
    calls_per_month: float | None = None
    shared_fingerprints: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    fingerprint_calls: Mapping[str, int] = field(default_factory=dict)

    @property
    def models_and_snapshots(self) -> frozenset[str]:
        return frozenset(self.task.models) | self.snapshots

    @property
    def unpriced_calls(self) -> int:
        return sum(u.calls for u in self.unpriced)

    @property
    def cost_usd(self) -> float | None:
        """What the task's calls cost; ``None`` where the cost of any of them is not known."""
        return None if self.unpriced else self.priced_usd

    @property
    def cost_usd_month(self) -> float | None:
        if self.cost_usd is None or self.calls_per_month is None:
            return None
        return self.cost_usd / self.task.calls * self.calls_per_month


def task_name(declared: str | None, fingerprint: str) -> str:
    """The task a call belongs to: the declared one, else one named after its fingerprint."""
    return declared if declared is not None else unnamed_task(fingerprint)


def find_tasks(store: Store, calls_per_month: float | None = None) -> list[FoundTask]:
    """The tasks of the log, most calls first.

    ``calls_per_month`` is over all tasks together and is split by each task's share of the
    calls. Without it a task's rate is its dated calls over the time from its first call to the
    log's last one, where that is a day or more: a task that began last week is not diluted by
    last year, and one that fell silent is not taken to go on.
    """
    groups = store.calls.summary()
    by_name = _by_name(groups)
    owners = _owners(by_name)
    shapes = _shapes(store)
    total = sum(g.calls for g in groups)
    last = max((g.last_started_at for g in groups if g.last_started_at is not None), default=None)
    found = []
    for name, own in by_name.items():
        rate = _observed_rate(own, last)
        if calls_per_month is not None:
            rate = calls_per_month * sum(g.calls for g in own) / total
        found.append(_found(name, own, owners, shapes.get(name, Shape.UNKNOWN.value), rate))
    return sorted(found, key=lambda f: (-f.task.calls, f.task.name))


def fingerprint_tasks(store: Store) -> dict[str, set[str]]:
    """Each logged fingerprint's tasks."""
    return _owners(_by_name(store.calls.summary()))


def exclusive_fingerprints(tasks: Sequence[FoundTask]) -> dict[str, tuple[str, ...]]:
    """By task, the fingerprints a policy may key its route by, most frequent first.

    A route's fingerprints catch requests that declare nothing, so only one that the log shows in
    exactly one task will do: calls that bear it and declare nothing are a task of their own,
    about which a verdict on declared calls says nothing. The blank one, of requests that bring
    neither instructions nor tools nor a format, is never used, whatever the log shows. Those that
    bear less than 1 % of their task's calls, or came once, are left out, and at most 50 are
    named: a task whose every request brings its own tools needs the declaration.
    """
    keyed: dict[str, tuple[str, ...]] = {}
    for found in tasks:
        least = max(KEYED_CALLS, KEYED_SHARE * found.task.calls)
        own = [
            mark
            for mark in found.task.fingerprints
            if mark != BLANK
            and mark not in found.shared_fingerprints
            and (not found.task.declared or found.fingerprint_calls[mark] >= least)
        ]
        keyed[found.task.name] = tuple(own[:KEYED_MOST])
    return keyed


def _found(
    name: str,
    groups: Sequence[CallGroup],
    owners: Mapping[str, set[str]],
    shape: str,
    calls_per_month: float | None,
) -> FoundTask:
    marks: Counter[str] = Counter()
    models: Counter[str] = Counter()
    for group in groups:
        marks[group.fingerprint] += group.calls
        models[group.model] += group.calls
    starts = [g.first_started_at for g in groups if g.first_started_at is not None]
    ends = [g.last_started_at for g in groups if g.last_started_at is not None]
    return FoundTask(
        task=Task(
            name=name,
            declared=any(g.task not in (None, unnamed_task(g.fingerprint)) for g in groups),
            shape=shape,
            calls=sum(g.calls for g in groups),
            fingerprints=tuple(mark for mark, _ in marks.most_common()),
            models=dict(models.most_common()),
        ),
        input_tokens=_sum(g.input_tokens for g in groups),
        output_tokens=_sum(g.output_tokens for g in groups),
        without_tokens=sum(g.without_usage for g in groups),
        usage_estimated=sum(g.usage_estimated for g in groups),
        priced_usd=_sum(g.cost_usd for g in groups),
        unpriced=tuple(_unpriced(groups)),
        failed=sum(g.failed for g in groups),
        with_content=sum(g.with_content for g in groups),
        snapshots=frozenset(s for g in groups for s in g.snapshots),
        first_started_at=min(starts, default=None),
        last_started_at=max(ends, default=None),
        calls_per_month=calls_per_month,
        shared_fingerprints={
            mark: tuple(sorted(owners[mark] - {name})) for mark in marks if owners[mark] != {name}
        },
        fingerprint_calls=dict(marks),
    )


def _by_name(groups: Iterable[CallGroup]) -> dict[str, list[CallGroup]]:
    by_name: dict[str, list[CallGroup]] = defaultdict(list)
    for group in groups:
        by_name[task_name(group.task, group.fingerprint)].append(group)
    return by_name


def _owners(by_name: Mapping[str, Sequence[CallGroup]]) -> dict[str, set[str]]:
    """Each fingerprint's tasks."""
    owners: dict[str, set[str]] = defaultdict(set)
    for name, groups in by_name.items():
        for group in groups:
            owners[group.fingerprint].add(name)
    return owners


def _unpriced(groups: Sequence[CallGroup]) -> Iterable[Unpriced]:
    calls: Counter[str] = Counter()
    without_tokens: Counter[str] = Counter()
    for group in groups:
        # Who was refused was not billed, and states no tokens either.
        missing = group.unpriced - group.refused
        calls[group.model] += missing
        without_tokens[group.model] += min(missing, max(0, group.without_usage - group.refused))
    return (Unpriced(m, n, without_tokens[m]) for m, n in calls.most_common() if n)


def _observed_rate(groups: Sequence[CallGroup], log_ends_at: float | None) -> float | None:
    starts = [g.first_started_at for g in groups if g.first_started_at is not None]
    if not starts or log_ends_at is None:
        return None
    span_s = log_ends_at - min(starts)
    if span_s < SHORTEST_SPAN_S:
        return None
    return sum(g.dated for g in groups) / span_s * SECONDS_PER_MONTH


def _shapes(store: Store) -> dict[str, str]:
    """Each task's shape, from a few of its calls, a task at a time."""
    ids: dict[str, list[str]] = defaultdict(list)
    for kept in store.calls.content_sample(per_task=SHAPE_SAMPLE, most=SHAPE_SAMPLES):
        ids[task_name(kept.task, kept.fingerprint)].append(kept.id)
    shapes = {}
    for name, wanted in ids.items():
        calls = store.calls.each(ids=wanted, with_bodies=True)
        said = [(c.request, c.answer) for c in calls if c.request is not None and c.answer]
        shapes[name] = shape_of(said).value
    return shapes


def _sum(values: Iterable[Number | None]) -> Number | None:
    known = [v for v in values if v is not None]
    return sum(known) if known else None
