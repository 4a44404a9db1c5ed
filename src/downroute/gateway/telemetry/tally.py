"""What happened, in plain numbers: counters and histograms that can be added up over processes."""

from __future__ import annotations

import threading
from bisect import bisect_left
from dataclasses import dataclass, field
from typing import Any

from downroute.gateway.telemetry.metric_names import Metric

Labels = tuple[str, ...]
"""The values of a metric's labels, in their order."""


@dataclass(slots=True)
class Histogram:
    """``counts`` has one number a bucket, not cumulated, the last for what is above all."""

    counts: list[int]
    total: float = 0.0
    bounds: tuple[float, ...] = ()

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


class Counter:
    """One series of a counter, which begins to be when something is added."""

    __slots__ = ("_labels", "_series")

    def __init__(self, series: dict[Labels, float], labels: Labels) -> None:
        self._series = series
        self._labels = labels

    def add(self, by: float) -> None:
        series, labels = self._series, self._labels
        series[labels] = series.get(labels, 0.0) + by


@dataclass(slots=True)
class Numbers:
    """By metric name, then labels. ``gauges`` are true of this moment."""

    counters: dict[str, dict[Labels, float]] = field(default_factory=dict)
    histograms: dict[str, dict[Labels, Histogram]] = field(default_factory=dict)
    gauges: dict[str, dict[Labels, float]] = field(default_factory=dict)

    def count(self, metric: Metric, labels: Labels, by: float = 1.0) -> None:
        _add(self.counters, metric.name, labels, by)

    def counter(self, metric: Metric, labels: Labels) -> Counter:
        """The one to add to, for as long as these numbers are counted."""
        return Counter(self.counters.setdefault(metric.name, {}), labels)

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
                sums = zip(mine[labels].counts, histogram.counts, strict=True)
                mine[labels].counts = [a + b for a, b in sums]
                mine[labels].total += histogram.total
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
            copied.add(self.numbers, gauges=True)
        return copied


def _add(to: dict[str, dict[Labels, float]], name: str, labels: Labels, by: float) -> None:
    series = to.get(name)
    if series is None:
        series = to[name] = {}
    series[labels] = series.get(labels, 0.0) + by


def _series(pairs: Any) -> dict[Labels, float]:
    return {tuple(labels): float(value) for labels, value in pairs}
