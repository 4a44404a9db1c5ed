"""What happened, in plain numbers: counters and histograms that can be added up over processes."""

from __future__ import annotations

import threading
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Any

from downroute.gateway.telemetry.metric_names import Metric

Labels = tuple[str, ...]
"""The values of a metric's labels, in their order."""


_TOGETHER = 64
"""Values that a histogram takes as they come before it puts them into buckets, all at once."""


class Histogram:
    """``counts`` has one number a bucket, not cumulated, the last for what is above all."""

    __slots__ = ("_counts", "_total", "_waiting", "bounds")

    def __init__(
        self, counts: list[int], total: float = 0.0, bounds: tuple[float, ...] = ()
    ) -> None:
        self.bounds = bounds
        self._counts = counts
        self._total = total
        self._waiting: list[Any] = []

    def observe(self, value: Any) -> None:
        """Any number. Looking for the bucket of each would take most of the time."""
        waiting = self._waiting
        waiting.append(value)
        if len(waiting) >= _TOGETHER:
            self._settle()

    @property
    def counts(self) -> list[int]:
        self._settle()
        return self._counts

    @property
    def total(self) -> float:
        self._settle()
        return self._total

    def add(self, other: Histogram) -> None:
        """Add another one with the same bounds."""
        self._counts = [a + b for a, b in zip(self.counts, other.counts, strict=True)]
        self._total += other.total

    def _settle(self) -> None:
        waiting = self._waiting
        if not waiting:
            return
        self._waiting = []
        waiting.sort()
        self._total += sum(waiting)
        counts = self._counts
        before = 0
        for bucket, bound in enumerate(self.bounds):
            upto = bisect_right(waiting, bound)
            counts[bucket] += upto - before
            before = upto
        counts[-1] += len(waiting) - before


class Counter:
    """One series of a counter, which begins to be when something is added."""

    __slots__ = ("_labels", "_series", "_touched", "_waiting")

    def __init__(self, series: dict[Labels, float], labels: Labels) -> None:
        self._series = series
        self._labels = labels
        self._waiting = 0.0
        self._touched = False

    def add(self, by: float) -> None:
        self._waiting += by
        self._touched = True

    def settle(self) -> None:
        """Enter what was added into the series."""
        if self._touched:
            self._series[self._labels] = self._series.get(self._labels, 0.0) + self._waiting
            self._waiting = 0.0
            self._touched = False


@dataclass(slots=True)
class Numbers:
    """By metric name, then labels. ``gauges`` are true of this moment."""

    counters: dict[str, dict[Labels, float]] = field(default_factory=dict)
    histograms: dict[str, dict[Labels, Histogram]] = field(default_factory=dict)
    gauges: dict[str, dict[Labels, float]] = field(default_factory=dict)
    _open: dict[tuple[str, Labels], Counter] = field(default_factory=dict)

    def count(self, metric: Metric, labels: Labels, by: float = 1.0) -> None:
        _add(self.counters, metric.name, labels, by)

    def counter(self, metric: Metric, labels: Labels) -> Counter:
        """The one to add to, for as long as these numbers are counted. What it holds is among
        ``counters`` once they are `settled`."""
        counter = self._open.get((metric.name, labels))
        if counter is None:
            counter = Counter(self.counters.setdefault(metric.name, {}), labels)
            self._open[metric.name, labels] = counter
        return counter

    def settled(self) -> Numbers:
        """These numbers, with all that was counted in them."""
        for counter in self._open.values():
            counter.settle()
        return self

    def histogram(self, metric: Metric, labels: Labels) -> Histogram:
        """The one to observe in, for as long as these numbers are counted."""
        series = self.histograms.setdefault(metric.name, {})
        histogram = series.get(labels)
        if histogram is None:
            histogram = Histogram([0] * (len(metric.buckets) + 1), bounds=metric.buckets)
            series[labels] = histogram
        return histogram

    def show(self, metric: Metric, value: float, labels: Labels = ()) -> None:
        _add(self.gauges, metric.name, labels, value)

    def add(self, other: Numbers, *, gauges: bool) -> None:
        """Add another process's numbers; without its ``gauges`` where it is gone."""
        for name, series in other.counters.items():
            for labels, value in series.items():
                _add(self.counters, name, labels, value)
        for name, histograms in other.histograms.items():
            mine = self.histograms.setdefault(name, {})
            for labels, histogram in histograms.items():
                if labels not in mine:
                    mine[labels] = Histogram([0] * len(histogram.counts))
                mine[labels].add(histogram)
        for name, series in other.gauges.items() if gauges else ():
            for labels, value in series.items():
                _add(self.gauges, name, labels, value)

    def as_json(self) -> dict[str, Any]:
        return {
            "counters": {n: list(map(list, s.items())) for n, s in self.counters.items()},
            "gauges": {n: list(map(list, s.items())) for n, s in self.gauges.items()},
            "histograms": {
                name: [[labels, h.counts, h.total] for labels, h in series.items()]
                for name, series in self.histograms.items()
            },
        }

    @classmethod
    def from_json(cls, value: Any) -> Numbers:
        """Raises KeyError, TypeError or ValueError where it is something else."""
        return cls(
            counters={n: _series(pairs) for n, pairs in value["counters"].items()},
            gauges={n: _series(pairs) for n, pairs in value["gauges"].items()},
            histograms={
                name: {tuple(lb): Histogram(counts, total) for lb, counts, total in rows}
                for name, rows in value["histograms"].items()
            },
        )


class Tally:
    """`Numbers` that several threads add to."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        """To be held while ``numbers`` is touched."""
        self.numbers = Numbers()

    def copy(self) -> Numbers:
        with self.lock:
            copied = Numbers()
            copied.add(self.numbers.settled(), gauges=True)
        return copied


def _add(to: dict[str, dict[Labels, float]], name: str, labels: Labels, by: float) -> None:
    series = to.get(name)
    if series is None:
        series = to[name] = {}
    series[labels] = series.get(labels, 0.0) + by


def _series(pairs: Any) -> dict[Labels, float]:
    return {tuple(labels): float(value) for labels, value in pairs}
