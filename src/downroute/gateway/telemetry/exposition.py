"""Numbers in Prometheus' formats. `prometheus_client` is loaded when it is needed first."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from downroute.gateway.telemetry import metric_names as names
from downroute.gateway.telemetry.tally import Histogram, Numbers

if TYPE_CHECKING:
    from prometheus_client import Metric as Family


def exposition(numbers: Numbers, accept: str) -> tuple[bytes, str]:
    """The text with its content type: OpenMetrics where ``accept`` asks for it."""
    from prometheus_client.exposition import choose_encoder

    encode, content_type = choose_encoder(accept)
    registry: Any = _Families(numbers)
    return encode(registry), content_type


class _Families:
    """What an encoder reads of a registry."""

    def __init__(self, numbers: Numbers) -> None:
        self._numbers = numbers

    def collect(self) -> Iterator[Family]:
        from prometheus_client.core import (
            CounterMetricFamily,
            GaugeMetricFamily,
            HistogramMetricFamily,
        )

        numbers = self._numbers
        for metric in names.COUNTERS:
            counter = CounterMetricFamily(metric.name, metric.help, labels=metric.labels)
            for labels, value in numbers.counters.get(metric.name, {}).items():
                counter.add_metric(labels, value)
            yield counter
        for metrics, series in ((names.SUMS, numbers.counters), (names.GAUGES, numbers.gauges)):
            for metric in metrics:
                gauge = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
                for labels, value in series.get(metric.name, {}).items():
                    gauge.add_metric(labels, value)
                yield gauge
        for metric in names.HISTOGRAMS:
            family = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
            for labels, histogram in numbers.histograms.get(metric.name, {}).items():
                family.add_metric(labels, _buckets(metric, histogram), histogram.total)
            yield family


def _buckets(metric: names.Metric, histogram: Histogram) -> list[tuple[str, float]]:
    bounds = [*map(str, map(float, metric.buckets)), "+Inf"]
    return list(zip(bounds, accumulate(map(float, histogram.counts)), strict=True))
