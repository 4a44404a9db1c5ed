"""The pairs to look at first: where an answer was wrong, the candidate's losses first. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from downroute.prompts import canonical_json, content_text, messages
from downroute.records import Answer, Example, Json
from downroute.study.conclusion import Finding
from downroute.study.pairs import Pair, shown


class Kind(StrEnum):
    """What is wrong with a pair."""

    CANDIDATE = "candidate worse"
    BOTH = "both wrong"
    BASELINE = "baseline worse"
    UNSCORED = "unscored"
    UNGRADED = "to be graded"


_ORDER = list(Kind)

_GOOD = 0.5
"""A score below which an answer is called wrong where both answers have the same."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One pair: what was asked, both answers, what is right, and what the scorer says."""

    task: str
    example: str
    kind: Kind
    slice: str | None
    prompt: str
    reference: str | None
    baseline: str
    candidate: str
    scores: tuple[float | None, float | None]
    why: tuple[str | None, str | None]

    def as_json(self) -> dict[str, Json]:
        return {
            "task": self.task,
            "example": self.example,
            "kind": self.kind.value,
            "slice": self.slice,
            "prompt": self.prompt,
            "reference": self.reference,
            "baseline": self.baseline,
            "candidate": self.candidate,
            "scores": list(self.scores),
            "why": list(self.why),
        }


def failures(
    findings: Sequence[Finding], examples: Mapping[str, Sequence[Example]]
) -> list[Failure]:
    """The failures of all tasks, by kind, the largest loss first. ``examples`` by task."""
    found: list[tuple[int, float, Failure]] = []
    for finding in findings:
        narrowing = finding.result.narrowing
        further = () if narrowing is None else narrowing.further
        fresh = () if narrowing is None else narrowing.fresh
        by_id = {e.id: e for e in (*examples[finding.result.task], *further)}
        answers = {m.example_id: m.answer for m in (*finding.measured, *finding.confirming)}
        for pair in {p.example_id: p for p in (*finding.pairs, *fresh)}.values():
            kind = _kind(pair)
            if kind is None or pair.example_id not in by_id:
                continue
            failure = _failure(
                finding.result.task,
                kind,
                pair,
                by_id[pair.example_id],
                answers.get(pair.example_id),
            )
            found.append((_ORDER.index(kind), -abs(pair.difference or 0.0), failure))
    found.sort(key=lambda entry: entry[:2])
    return [failure for _, _, failure in found]


def _kind(pair: Pair) -> Kind | None:
    if pair.unscored is not None:
        return Kind.UNSCORED
    if pair.to_grade:
        return Kind.UNGRADED
    if pair.difference:
        return Kind.CANDIDATE if pair.difference > 0 else Kind.BASELINE
    both_wrong = pair.candidate is not None and pair.candidate < _GOOD
    return Kind.BOTH if both_wrong else None


def _failure(task: str, kind: Kind, pair: Pair, example: Example, answer: Answer | None) -> Failure:
    why = pair.why if pair.unscored is None else (pair.unscored, pair.unscored)
    return Failure(
        task=task,
        example=example.id,
        kind=kind,
        slice=example.slice,
        prompt=_prompt(example),
        reference=None if example.reference is None else _told(example.reference),
        baseline=shown(example.baseline_answer),
        candidate=shown(answer),
        scores=(pair.baseline, pair.candidate),
        why=why,
    )


def _prompt(example: Example) -> str:
    lines = [(m.get("role"), content_text(m.get("content"))) for m in messages(example.request)]
    return "\n\n".join(f"[{role}] {text}" for role, text in lines)


def _told(reference: Json) -> str:
    return reference if isinstance(reference, str) else canonical_json(reference)
