"""Guardrails: faults a candidate may not have more of than its baseline, whatever it scores. Pure.

Each has a limit of its own on how much more often the fault may come. A guardrail fails where the
candidate is shown to have the fault more often (Tango's paired interval, one-sided 95 %) and had it
more often by over the limit; the verdict is then `keep`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from downroute.records import Answer, CheckSpec, Example, Json, Measurement
from downroute.routing.checks import both, run_checks
from downroute.stats.interval import Interval
from downroute.stats.noninferiority import tango_interval

Z_95_ONE_SIDED = 1.644854

FAULTS: Mapping[str, tuple[str, tuple[CheckSpec, ...]]] = {
    "refusals": ("refuses", (CheckSpec("not_refusal"),)),
    "schema_failures": (
        "breaks the request's own schema",
        (CheckSpec("json_schema"), CheckSpec("tool_call_valid")),
    ),
    "truncations": ("is cut off", (CheckSpec("not_truncated"),)),
}
"""A guardrail's name → what the candidate does, and the checks that say so."""


@dataclass(frozen=True, slots=True)
class Guardrail:
    """One fault over the ``pairs`` on which both answers could have it. ``more`` is how much more
    often the candidate has it, with one-sided 95 % bounds on either side."""

    name: str
    pairs: int
    baseline: float
    candidate: float
    more: Interval
    limit: float

    @property
    def failed(self) -> bool:
        return self.more.low > 0 and self.more.estimate > self.limit

    def said(self, candidate: str) -> str:
        """The failure in words."""
        return (
            f"{candidate} {FAULTS[self.name][0]} in {self.candidate:.1%} of {self.pairs} answers, "
            f"the baseline in {self.baseline:.1%}; `guardrails: {{{self.name}: {self.limit:g}}}` "
            "allows that much more"
        )

    def as_json(self) -> dict[str, Json]:
        return {
            "name": self.name,
            "pairs": self.pairs,
            "baseline": self.baseline,
            "candidate": self.candidate,
            "more": self.more.estimate,
            "more_low": self.more.low,
            "more_high": self.more.high,
            "limit": self.limit,
            "failed": self.failed,
        }


def guardrails(
    examples: Sequence[Example], measured: Sequence[Measurement], limits: Mapping[str, float | None]
) -> tuple[Guardrail, ...]:
    """The guardrails that apply to any of the pairs. ``measured`` are the candidate's answers to
    ``examples``, in their order; a limit of ``None`` switches one off."""
    answered = [
        (example, m.answer)
        for example, m in zip(examples, measured, strict=True)
        if m.answer is not None
    ]
    found = []
    for name, (_, specs) in FAULTS.items():
        limit = limits.get(name)
        if limit is None:
            continue
        counted = _counted(answered, specs)
        if counted is not None:
            found.append(_guardrail(name, counted, limit))
    return tuple(found)


def _counted(
    answered: Sequence[tuple[Example, Answer]], specs: Sequence[CheckSpec]
) -> tuple[int, int, int, int] | None:
    """Pairs, baseline's faults, candidate-only and baseline-only faults, where the checks apply to
    both answers; ``None`` where they apply to none."""
    pairs = base = worse = better = 0
    for example, answer in answered:
        first = _passes(example.baseline_answer, example, specs)
        second = _passes(answer, example, specs)
        if first is None or second is None:
            continue
        pairs += 1
        base += not first
        worse += first and not second
        better += second and not first
    return (pairs, base, worse, better) if pairs else None


def _passes(answer: Answer, example: Example, specs: Sequence[CheckSpec]) -> bool | None:
    passed: bool | None = None
    for outcome in run_checks(specs, answer, example.request).values():
        passed = both(passed, outcome)
    return passed


def _guardrail(name: str, counted: tuple[int, int, int, int], limit: float) -> Guardrail:
    pairs, base, worse, better = counted
    low, high = tango_interval(worse, better, pairs, Z_95_ONE_SIDED)
    return Guardrail(
        name=name,
        pairs=pairs,
        baseline=base / pairs,
        candidate=(base + worse - better) / pairs,
        more=Interval((worse - better) / pairs, low, high),
        limit=limit,
    )
