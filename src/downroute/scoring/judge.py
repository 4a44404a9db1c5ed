"""Scorers that ask a model: each says what the judge is asked; asking it is the study's part.

An answer is judged alone and blind: the judge is never told who wrote it and, but for `Pairwise`,
never sees the other one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from downroute.answers.same import same_final_text
from downroute.answers.tool_calls import calls_key
from downroute.errors import UsageError
from downroute.records import Answer, Json, Score
from downroute.scoring.judge_question import Question, ask_about

PASS_FAIL: Mapping[str, float] = {"pass": 1.0, "fail": 0.0}
NOT_ASKED = "a judge scores this, and it was not asked"


def _same(first: Answer, second: Answer) -> bool:
    """The same words and calls: no judge would be shown a difference."""
    return calls_key(first) == calls_key(second) and same_final_text(first, second, case=True)


@dataclass(frozen=True, slots=True)
class Rubric:
    """What a judge says of the answer by the rubric ``text`` (else ``judge.rubric`` of
    ``downroute.yaml``): 1 pass, 0 fail; with ``graded`` a number from 0 to 1. A reference is shown
    to the judge where there is one."""

    name: ClassVar[str] = "rubric"
    needs_reference: ClassVar[bool] = False
    text: str | None = None
    graded: bool = False

    def question(self, answer: Answer, reference: Json, request: Mapping[str, Json]) -> Question:
        scale = (
            "Score it from 0 (meets nothing of the rubric) to 1 (meets all of it)."
            if self.graded
            else "The verdict is pass if it meets the rubric, else fail."
        )
        return ask_about(
            duty=f"You grade one answer to a request by a rubric. {scale}",
            choices=None if self.graded else PASS_FAIL,
            request=request,
            answers={"answer": answer},
            reference=reference,
            rubric=self.text,
        )

    def score(self, answer: Answer, reference: Json, request: Mapping[str, Json]) -> Score:  # noqa: ARG002
        return Score.unscored(NOT_ASKED)

    def same(self, first: Answer, second: Answer) -> bool:
        return _same(first, second)


@dataclass(frozen=True, slots=True)
class Factuality:
    """Whether a judge finds the answer's facts in line with the reference: 1 if they say the same
    or differ in nothing that matters, 0 if they contradict it. ``subset: false`` fails an answer
    that leaves facts of the reference out, ``superset: false`` one that adds facts."""

    name: ClassVar[str] = "factuality"
    needs_reference: ClassVar[bool] = True
    subset: bool = True
    superset: bool = True

    def question(self, answer: Answer, reference: Json, request: Mapping[str, Json]) -> Question:
        return ask_about(
            duty=(
                "You compare the facts of an answer with those of a reference; style, grammar and "
                "wording do not count. The verdict is one letter: A the answer leaves out facts of "
                "the reference and contradicts none; B it adds facts and contradicts none; C it "
                "states the same facts; D it contradicts the reference; E it differs, but in "
                "nothing that matters for whether it is right."
            ),
            choices={
                "A": float(self.subset),
                "B": float(self.superset),
                "C": 1.0,
                "D": 0.0,
                "E": 1.0,
            },
            request=request,
            answers={"answer": answer},
            reference=reference,
        )

    def score(self, answer: Answer, reference: Json, request: Mapping[str, Json]) -> Score:  # noqa: ARG002
        missing = "there is no reference" if reference is None else NOT_ASKED
        return Score.unscored(missing)

    def same(self, first: Answer, second: Answer) -> bool:
        return _same(first, second)


@dataclass(frozen=True, slots=True)
class ClosedQa:
    """Whether a judge finds that the answer meets ``text``, by default: that it answers the
    question correctly and completely from what the request holds. 1 yes, 0 no."""

    name: ClassVar[str] = "closed_qa"
    needs_reference: ClassVar[bool] = False
    text: str | None = (
        "The answer is correct and complete, and all it claims follows from the request."
    )

    def question(self, answer: Answer, reference: Json, request: Mapping[str, Json]) -> Question:
        return ask_about(
            duty=(
                "You check whether one answer to a request meets a criterion. The verdict is pass "
                "if it does, else fail."
            ),
            choices=PASS_FAIL,
            request=request,
            answers={"answer": answer},
            reference=reference,
            rubric=self.text,
        )

    def score(self, answer: Answer, reference: Json, request: Mapping[str, Json]) -> Score:  # noqa: ARG002
        return Score.unscored(NOT_ASKED)

    def same(self, first: Answer, second: Answer) -> bool:
        return _same(first, second)


@dataclass(frozen=True, slots=True)
class Pairwise:
    """Which of both answers a judge finds better by the rubric ``text`` (else ``judge.rubric``),
    asked in both orders: 1 to 0 for one that wins both times, else a tie. A winner that changes
    with the order is a flip and counts as a tie."""

    name: ClassVar[str] = "pairwise"
    needs_reference: ClassVar[bool] = False
    text: str | None = None

    def versus(
        self, first: Answer, second: Answer, reference: Json, request: Mapping[str, Json]
    ) -> Question:
        """The question with ``first`` standing first; its score is 1 where that one is better."""
        return ask_about(
            duty=(
                "You compare two answers to one request by a rubric. Which of them stands first "
                "means nothing. The verdict is first or second, whichever is better, or tie."
            ),
            choices={"first": 1.0, "second": 0.0, "tie": 0.5},
            request=request,
            answers={"first answer": first, "second answer": second},
            reference=reference,
            rubric=self.text,
        )

    def score(self, answer: Answer, reference: Json, request: Mapping[str, Json]) -> Score:  # noqa: ARG002
        return Score.unscored("this scorer compares two answers and judges none alone")

    def same(self, first: Answer, second: Answer) -> bool:
        return _same(first, second)


Alone = Rubric | Factuality | ClosedQa
"""The scorers that judge one answer at a time."""


def with_rubric(scorer: Alone | Pairwise, text: str | None) -> Alone | Pairwise:
    """The scorer with ``text`` as its rubric where it has none of its own.

    Raises:
        UsageError: it needs one and there is none.
    """
    if isinstance(scorer, Factuality) or scorer.text:
        return scorer
    if not text:
        raise UsageError(
            f"the scorer '{scorer.name}' needs a rubric: write what a good answer is under `judge: "
            f"{{rubric: …}}` in downroute.yaml, or {scorer.name}:text=…"
        )
    return replace(scorer, text=text)


def both_orders(forward: Score, backward: Score) -> tuple[tuple[float, float] | None, bool]:
    """The two answers' scores from the verdicts in both orders, and whether they flipped.

    ``forward`` had the first answer first, ``backward`` the second one; ``None`` where one of
    them is unscored.
    """
    if forward.value is None or backward.value is None:
        return None, False
    one, other = forward.value, 1.0 - backward.value
    if one == other:
        return (one, 1.0 - one), False
    return (0.5, 0.5), 0.5 not in (one, other)
