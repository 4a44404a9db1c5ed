"""Recordings of several models' answers as the trial of one baseline and one candidate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from downroute.answers.agreement import agreement
from downroute.answers.self_check import self_check_usage
from downroute.errors import UsageError
from downroute.importers.recording import RecordedAnswer, RecordedRow
from downroute.prompts import request_digest
from downroute.records import Answer, Example, Measurement, Purpose, Score, Usage
from downroute.scoring.spec import build_scorer
from downroute.scoring.table import RECORDED
from downroute.study.pairs import Judge, pair_up
from downroute.study.trial import Bools, Trial
from downroute.study.trial_of import Opinion, Row, trial_of

Price = Callable[[str, str | None, Usage], float | None]
"""Model, snapshot, usage → USD."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose answers are compared, and by which scorer."""

    baseline: str
    candidate: str
    helper: str | None
    scorer: str = RECORDED


@dataclass(frozen=True, slots=True)
class Recorded:
    """``left_out`` counts rows that cannot be used, by reason."""

    task: str
    trial: Trial
    differs: Bools
    left_out: Counter[str]


def recorded_trial(
    task: str, rows: Sequence[RecordedRow], asked: Asked, price: Price
) -> Recorded | None:
    """One task's trial; ``None`` where no row has a scored answer of both models."""
    left_out: Counter[str] = Counter()
    found: list[Row] = []
    differs: list[bool] = []
    for row in rows:
        sides = row.answers.get(asked.baseline), row.answers.get(asked.candidate)
        if sides[0] is None or sides[1] is None:
            missing = asked.baseline if sides[0] is None else asked.candidate
            left_out[f"no answer by {missing}"] += 1
            continue
        pair = pair_up(*_measured(row, asked, sides[0], sides[1]))
        if pair.difference is None:
            left_out[pair.unscored or "to be graded by a person"] += 1
            continue
        found.append(
            Row(
                pair,
                row.request,
                sides[1].answer,
                price(asked.baseline, sides[0].snapshot, sides[0].usage),
                price(asked.candidate, sides[1].snapshot, sides[1].usage),
                sides[0].latency_s,
                sides[1].latency_s,
                _opinions(row, asked, sides[1], price),
            )
        )
        differs.append(agreement(sides[0].answer, sides[1].answer) != 1.0)
    if not found:
        return None
    trial = trial_of(found, _givers(found, asked))
    return Recorded(task, trial, np.array(differs, dtype=bool), left_out)


def _measured(
    row: RecordedRow, asked: Asked, base: RecordedAnswer, cand: RecordedAnswer
) -> tuple[Example, str, Measurement, Judge, Mapping[str, tuple[float, float]]]:
    example = Example(
        id=row.row,
        task=row.task,
        request=row.request,
        request_digest=request_digest(row.request),
        baseline_answer=base.answer,
        reference=row.reference,
    )
    measured = Measurement(row.row, asked.candidate, cand.answer, Score.unscored("not scored yet"))
    return example, asked.baseline, measured, _judge(row, asked), {}


def _judge(row: RecordedRow, asked: Asked) -> Judge:
    if asked.scorer == RECORDED:

        def recorded(example: Example, model: str, answer: Answer) -> Score:  # noqa: ARG001
            value = row.answers[model].score
            return (
                Score.unscored(f"no recorded score of {model}") if value is None else Score(value)
            )

        return Judge(recorded, lambda _, __: False, lambda _: True)
    scorer = build_scorer(asked.scorer)

    def score(example: Example, model: str, answer: Answer) -> Score:  # noqa: ARG001
        return scorer.score(answer, example.reference, example.request)

    return Judge(score, scorer.same, lambda _: True)


def _opinions(
    row: RecordedRow, asked: Asked, cand: RecordedAnswer, price: Price
) -> dict[Purpose, Opinion]:
    found: dict[Purpose, Opinion] = {}
    if cand.self_check is not None:
        usd = price(asked.candidate, cand.snapshot, self_check_usage(cand.usage))
        found[Purpose.SELF_CHECK] = Opinion(cand.self_check, usd)
    if asked.helper is not None:
        helper = row.answers.get(asked.helper)
        if helper is not None:
            found[Purpose.HELPER] = Opinion(
                agreement(cand.answer, helper.answer),
                price(asked.helper, helper.snapshot, helper.usage),
                helper.latency_s,
            )
    return found


def _givers(rows: Sequence[Row], asked: Asked) -> dict[Purpose, str]:
    """Who gives second opinions: only what nearly every answer has can be bought."""
    models = {Purpose.SELF_CHECK: asked.candidate}
    if asked.helper is not None:
        models[Purpose.HELPER] = asked.helper
    known = Counter(p for row in rows for p in row.opinions)
    return {p: m for p, m in models.items() if known[p] >= 0.5 * len(rows)}


def check_models(rows: Sequence[RecordedRow], asked: Asked) -> None:
    """Raises:
    UsageError: a model asked about answered in no row; says who did.
    """
    there = {model for row in rows for model in row.answers}
    for model in (asked.baseline, asked.candidate, asked.helper):
        if model is not None and model not in there:
            raise UsageError(
                f"no answers by '{model}' in these recordings; there are: "
                f"{', '.join(sorted(there)) or 'none'}"
            )
