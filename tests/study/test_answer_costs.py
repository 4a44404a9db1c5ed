"""Costs are those of real measurements: retries and repeats counted, nothing invented."""

from __future__ import annotations

import pytest

from downroute.records import Answer, Example, Measurement, Score
from downroute.study.answer_costs import mean_costs, paid_usd
from downroute.study.pairs import Pair


def measured(name: str, cost: float | None, unanswered: int = 0) -> Measurement:
    return Measurement(name, "small", Answer("x"), Score(1.0), cost_usd=cost, unanswered=unanswered)


def example(name: str, cost: float | None) -> Example:
    return Example(name, "t", {}, name, Answer("y"), baseline_cost_usd=cost)


def test_a_try_that_broke_off_costs_as_much_as_the_answer():
    assert paid_usd(measured("a", 0.01, unanswered=2)) == pytest.approx(0.03)


def test_an_unknown_cost_is_not_zero():
    assert paid_usd(measured("a", None)) is None and paid_usd(None) is None


def test_costs_are_weighted_as_the_scores_are_and_leave_out_what_could_not_be_scored():
    pairs = [
        Pair("a", "a", 0.0, 1.0, 1.0, weight=3.0),
        Pair("b", "b", 1.0, 1.0, 0.0, weight=1.0),
        Pair("c", "c", None, unscored="no answer"),
    ]
    examples = {n: example(n, c) for n, c in (("a", 0.1), ("b", 0.5), ("c", 9.0))}
    answers = [measured("a", 0.01), measured("b", 0.05), measured("c", 9.0)]
    first, second = mean_costs(pairs, examples, answers)
    assert first == pytest.approx(0.2) and second == pytest.approx(0.02)
