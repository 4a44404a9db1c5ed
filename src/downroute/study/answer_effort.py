"""What an answer takes besides money: tokens and time, beside a verdict. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from downroute.records import Example, Json, Measurement, Usage
from downroute.study.pairs import Pair


@dataclass(frozen=True, slots=True)
class Effort:
    """Of one model's answers: mean tokens in and out, and how long a reply took, in the median and
    at its 95 % quantile; each ``None`` where not known of all of them."""

    input_tokens: float | None
    output_tokens: float | None
    latency_p50_s: float | None
    latency_p95_s: float | None

    def as_json(self) -> dict[str, Json]:
        return asdict(self)


def efforts(
    pairs: Sequence[Pair], examples: Mapping[str, Example], measured: Sequence[Measurement]
) -> tuple[Effort, Effort]:
    """The baseline's and the candidate's effort over ``pairs``; of repeats the first counts."""
    answers = {m.example_id: m for m in measured if m.answer is not None}
    both = [
        (examples[p.example_id], answers[p.example_id]) for p in pairs if p.example_id in answers
    ]
    return (
        _effort([(e.baseline_usage, e.baseline_latency_s) for e, _ in both]),
        _effort([(m.usage, m.latency_s) for _, m in both]),
    )


def told(first: Effort | None, second: Effort | None) -> str | None:
    """Both models' effort on one line; ``None`` where nothing of it is known of both."""
    if first is None or second is None:
        return None
    parts = [
        f"{name} {before:{form}} → {after:{form}}{unit}"
        for name, before, after, form, unit in (
            ("tokens in", first.input_tokens, second.input_tokens, ",.0f", ""),
            ("tokens out", first.output_tokens, second.output_tokens, ",.0f", ""),
            ("median wait", first.latency_p50_s, second.latency_p50_s, ".2f", " s"),
            ("p95", first.latency_p95_s, second.latency_p95_s, ".2f", " s"),
        )
        if before is not None and after is not None
    ]
    return f"an answer takes: {', '.join(parts)}" if parts else None


def _effort(found: Sequence[tuple[Usage, float | None]]) -> Effort:
    waits = [wait for _, wait in found if wait is not None]
    known = bool(found) and len(waits) == len(found)
    return Effort(
        _mean([usage.input_tokens for usage, _ in found]),
        _mean([usage.output_tokens for usage, _ in found]),
        float(np.quantile(waits, 0.5)) if known else None,
        float(np.quantile(waits, 0.95)) if known else None,
    )


def _mean(counts: Sequence[int | None]) -> float | None:
    known = [count for count in counts if count is not None]
    return sum(known) / len(known) if known and len(known) == len(counts) else None
