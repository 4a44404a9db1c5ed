"""What came of a soak, and its tables; used by `gateway_soak.py`."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from soak_calls import GONE, GOOD, Ended
from soak_gateway import Sample

GROWTH = 1.1
"""A tenth more at the end of the quiet time than at its beginning is growth."""
_ROWS = 12
"""Of the table of samples."""


@dataclass
class Soak:
    """What came of it."""

    by_call: Counter[tuple[str, str]] = field(default_factory=Counter)
    by_fault: Counter[tuple[str, str]] = field(default_factory=Counter)
    done: dict[str, Ended] = field(default_factory=dict)
    unexplained: list[Ended] = field(default_factory=list)
    events: Counter[str] = field(default_factory=Counter)
    samples: list[Sample] = field(default_factory=list)
    outages: list[tuple[float, float]] = field(default_factory=list)
    stalls: list[tuple[float, float]] = field(default_factory=list)
    """When this process, the upstreams are a part of, was not given the processor."""
    stalled: list[Ended] = field(default_factory=list)
    """Calls that timed out because of that."""
    rows_wrong: list[str] = field(default_factory=list)
    rows: int = 0
    internal: list[str] = field(default_factory=list)
    exit_code: int = 0
    seconds: float = 0.0
    quiet: tuple[float, float] = (0.0, 0.0)

    def take(self, ended: Ended) -> None:
        call = ended.call
        outage = any(ended.began < until and ended.ended > at for at, until in self.outages)
        self.by_call[call.name, ended.outcome] += 1
        self.by_fault[call.fault or "none", ended.outcome] += 1
        if ended.outcome not in call.allowed(outage, False):
            self.unexplained.append(ended)
        if call.logged:
            self.done[call.id] = ended

    def excuse_stalls(self) -> None:
        """Once it is known when the upstreams stood still."""
        for ended in list(self.unexplained):
            stall = any(ended.began < until and ended.ended > at for at, until in self.stalls)
            if ended.outcome in ended.call.allowed(False, stall):
                self.unexplained.remove(ended)
                self.stalled.append(ended)

    def check_rows(self, rows: dict[str, list[int | None]], asked: set[str]) -> None:
        """One row a call, with the status its client saw. Of a client that went away it is known
        that the gateway had its request where an upstream was asked; else it may have a row."""
        self.rows = sum(len(found) for found in rows.values())
        for name, ended in self.done.items():
            found = rows.get(name, [])
            if ended.outcome == GONE:
                fits = len(found) == 1 or (not found and name not in asked)
            else:
                fits = found == [ended.status]
            if not fits:
                self.rows_wrong.append(f"{name}: {ended.call}, {ended.outcome}: rows {found}")
        unknown = rows.keys() - self.done.keys()
        self.rows_wrong += [f"{name}: a row that is no call's" for name in unknown]

    def growth(self) -> list[tuple[str, float, float]]:
        """The medians of the first and the last quarter of the quiet time, of what is held."""
        start, end = self.quiet
        quarter = (end - start) / 4
        first = [s for s in self.samples if start <= s.at_s < start + quarter]
        last = [s for s in self.samples if end - quarter <= s.at_s < end]
        if not first or not last:
            return []
        measured: dict[str, Callable[[Sample], float]] = {
            "RSS of all workers, MiB": lambda s: sum(s.rss_mib),
            "open files": lambda s: s.files,
            "threads": lambda s: s.threads,
            "tasks": lambda s: s.tasks,
            "connections of clients": lambda s: s.connections,
            "connections to upstreams": lambda s: s.upstream_connections,
        }
        return [
            (name, statistics.median(map(of, first)), statistics.median(map(of, last)))
            for name, of in measured.items()
        ]

    @property
    def grown(self) -> list[str]:
        return [name for name, first, last in self.growth() if last > GROWTH * first + 4]

    @property
    def good(self) -> bool:
        lost = max((s.lost for s in self.samples), default=0)
        wrong = (self.unexplained, self.rows_wrong, self.internal, self.grown, lost, self.exit_code)
        return not any(wrong)

    def report(self) -> Iterator[str]:
        """Tables in Markdown."""
        calls = self.by_call.total()
        lost = max((s.lost for s in self.samples), default=0)
        yield f"{calls:,} calls in {self.seconds / 60:.1f} minutes, {self.rows:,} rows in the log."
        yield "\n| checked | found |\n|---|---|"
        yield f"| errors at a client that no fault explains | {len(self.unexplained)} |"
        yield f"| time-outs because the upstreams' process stood still | {len(self.stalled)} |"
        yield f"| calls without exactly one row with the client's status | {len(self.rows_wrong)} |"
        yield f"| rows counted as lost | {lost} |"
        yield f"| internal errors, or workers that died, on stderr | {len(self.internal)} |"
        yield f"| exit code after SIGTERM | {self.exit_code} |"
        yield "\n| done to it | times |\n|---|---|"
        yield from (f"| {name} | {times} |" for name, times in sorted(self.events.items()))
        yield from _outcomes("call", self.by_call)
        yield from _outcomes("fault of an upstream", self.by_fault)
        yield "\n| held | at the beginning | at the end |\n|---|---|---|"
        yield from (f"| {name} | {first:.0f} | {last:.0f} |" for name, first, last in self.growth())
        yield f"\n{_table(_COLUMNS)}"
        for s in self.samples[:: max(1, len(self.samples) // _ROWS)]:
            rss = ", ".join(map(str, s.rss_mib))
            held = (s.files, s.threads, s.tasks, s.connections, s.upstream_connections)
            yield _row(f"{s.at_s / 60:.1f}", rss, *held, s.in_flight, s.waiting)

    def troubles(self) -> Iterator[str]:
        """The first of each that should not be."""
        yield from (f"unexplained: {e.call}, {e.outcome}" for e in self.unexplained[:20])
        yield from (f"row: {each}" for each in self.rows_wrong[:20])
        yield from (f"stderr: {line}" for line in self.internal[:20])
        yield from (f"grown: {name}" for name in self.grown)


_COLUMNS = (
    "minute", "RSS by worker, MiB", "open files", "threads", "tasks", "connections of clients",
    "to upstreams", "in flight", "rows waiting",
)  # fmt: skip


def _outcomes(what: str, counted: Counter[tuple[str, str]]) -> Iterator[str]:
    """How calls of each kind ended."""
    yield f"\n{_table((what, 'calls', GOOD, GONE, 'told of a fault'))}"
    for name in sorted({name for name, _ in counted}):
        ends = {end: times for (of, end), times in counted.items() if of == name}
        others = {end: times for end, times in ends.items() if end not in (GOOD, GONE)}
        told = ", ".join(f"{end}: {times:,}" for end, times in sorted(others.items()))
        calls, good, gone = sum(ends.values()), ends.get(GOOD, 0), ends.get(GONE, 0)
        yield _row(name, f"{calls:,}", f"{good:,}", f"{gone:,}", told)


def _table(columns: Sequence[str]) -> str:
    return f"{_row(*columns)}\n{'|---' * len(columns)}|"


def _row(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"
