"""Two answers to one example → one pair: two scores, a tie, something to grade, or unscored."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from downroute.answers.openai_chat import answer_digest
from downroute.prompts import canonical_json
from downroute.records import Answer, Example, Measurement, Score

PairScore = tuple[float, float]
"""The baseline's and the candidate's score of one pair, as a person gave them."""


@dataclass(frozen=True, slots=True)
class Pair:
    """``difference`` is baseline − candidate, ``None`` where it is not known; the scores may be
    unknown although the difference is (two equal answers tie whatever they are worth).
    ``weight``, ``rank`` and ``certain`` are the example's; see `traffic.weighed`."""

    example_id: str
    key: str
    difference: float | None
    baseline: float | None = None
    candidate: float | None = None
    to_grade: bool = False
    graded: bool = False
    unscored: str | None = None
    weight: float = 1.0
    rank: float = 0.0
    certain: bool = False
    judged: PairScore | None = None
    """What a judge made of both answers, whatever people say of them."""
    why: tuple[str | None, str | None] = (None, None)
    """What the scorer says of the baseline's and of the candidate's answer, where it says more
    than a number."""


@dataclass(frozen=True, slots=True)
class Judge:
    """How answers of one task are judged: ``score`` one answer of a model to an example, and
    ``same`` = the two answers are one after the scorer's own normalisation. ``by_reference``
    says whether ``score`` can judge this example without a person; ``slow`` asks for many scores
    at once (`slow_scores`)."""

    score: Callable[[Example, str, Answer], Score]
    same: Callable[[Answer, Answer], bool]
    by_reference: Callable[[Example], bool]
    slow: bool = False


def pair_up(
    example: Example,
    baseline: str,
    measured: Measurement,
    judge: Judge,
    grades: Mapping[str, PairScore],
) -> Pair:
    """The pair of the baseline's logged answer and the measured one."""
    pair = _paired(example, baseline, measured, judge, grades)
    if measured.more and judge.by_reference(example):
        again = [_paired(example, baseline, m, judge, grades) for m in measured.more]
        pair = _averaged([pair, *again])
    return of_example(example, pair)


def one_answer(measured: Measurement) -> Measurement:
    """``measured`` without its further answers."""
    return replace(measured, more=()) if measured.more else measured


def of_example(example: Example, pair: Pair) -> Pair:
    """``pair`` with how much of the traffic its example stands for."""
    return replace(pair, weight=float(example.weight), rank=example.rank, certain=example.certain)


def _averaged(repeats: Sequence[Pair]) -> Pair:
    """One pair with the mean score of those answers that could be scored."""
    scored = [p for p in repeats if p.candidate is not None]
    if not scored:
        return repeats[0]
    mean = sum(p.candidate or 0.0 for p in scored) / len(scored)
    base = scored[0].baseline
    keys = hashlib.sha256(" ".join(p.key for p in repeats).encode()).hexdigest()[:20]
    return replace(
        scored[0], key=keys, candidate=mean, difference=None if base is None else base - mean
    )


def _paired(
    example: Example,
    baseline: str,
    measured: Measurement,
    judge: Judge,
    grades: Mapping[str, PairScore],
) -> Pair:
    answer = measured.answer
    if answer is None and measured.score.value is None:
        reason = measured.score.reason or "no answer"
        return Pair(example.id, "", None, unscored=f"{measured.model}: {reason}")
    key = pair_key(example, baseline, measured.model, answer)
    if judge.by_reference(example):
        return _scored(example, baseline, measured, judge, key)
    if answer is not None and judge.same(example.baseline_answer, answer):
        return Pair(example.id, key, 0.0)
    return with_grade(Pair(example.id, key, None, to_grade=True), grades)


def with_grade(pair: Pair, grades: Mapping[str, PairScore]) -> Pair:
    """``pair`` with its grade, where people can grade it and somebody did."""
    if not (pair.to_grade or pair.judged is not None) or pair.key not in grades:
        return pair
    first, second = grades[pair.key]
    return replace(
        pair,
        difference=first - second,
        baseline=first,
        candidate=second,
        to_grade=False,
        graded=True,
    )


def pair_key(example: Example, baseline: str, candidate: str, answer: Answer | None) -> str:
    """Identity of a pair to be graded: the same request, models and answers give the same key,
    so a grade holds in every later study."""
    parts = [
        example.request_digest,
        baseline,
        answer_digest(example.baseline_answer),
        candidate,
        answer_digest(answer or Answer()),
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:20]


def shown(answer: Answer | None) -> str:
    """An answer as a person reads it: its text, else its tool calls, one a line."""
    if answer is None:
        return "(no answer: the request was refused)"
    lines = [answer.text] if answer.text else []
    lines += [f"{c.name}({_spaced(c.arguments)})" for c in answer.tool_calls]
    if not lines and answer.refusal:
        lines = [answer.refusal]
    return "\n".join(lines)


def _spaced(arguments: str) -> str:
    try:
        return canonical_json(json.loads(arguments))
    except ValueError:
        return arguments


def _scored(example: Example, baseline: str, measured: Measurement, judge: Judge, key: str) -> Pair:
    first = judge.score(example, baseline, example.baseline_answer)
    second = measured.score
    if measured.answer is not None:
        second = judge.score(example, measured.model, measured.answer)
    if first.value is None or second.value is None:
        model, fault = (baseline, first) if first.value is None else (measured.model, second)
        return Pair(example.id, key, None, unscored=f"{model}: {fault.reason or 'not scored'}")
    return Pair(
        example.id,
        key,
        first.value - second.value,
        first.value,
        second.value,
        why=(first.reason, second.reason),
    )
