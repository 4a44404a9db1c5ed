"""What a manager reads says what the verdict says, and no more."""

from __future__ import annotations

from typing import Any

from downroute.reports.plain_words import facts, headline, said, sure, untested
from downroute.reports.reproduce import command

TASK: dict[str, Any] = {
    "task": "triage", "candidate": "small", "verdict": "route", "message": None, "need": None,
    "gap": 0.01, "gap_low": -0.01, "gap_high": 0.03, "worst_slice": None, "unscored": 0,
    "graded": 0, "stands_among_all": None, "escalation": 0.0,
}  # fmt: skip
SLICE = {"gap": 0.2, "gap_low": 0.1, "gap_high": 0.3, "pairs": 40}
REPORT: dict[str, Any] = {
    "baseline": "large", "candidates": ["small"], "margin": 0.05, "relative": False,
    "confidence": 0.95, "tasks": [TASK],
}  # fmt: skip


def report(*tasks: dict[str, Any]) -> dict[str, Any]:
    return {**REPORT, "tasks": list(tasks)}


def test_the_headline_counts_what_moves_a_cascade_included():
    tasks = [{**TASK, "verdict": v} for v in ("route", "cascade", "keep", "inconclusive")]
    assert headline(report(*tasks)) == "2 of 4 tasks can move from large to small"


def test_a_confirmed_break_is_said_and_an_unconfirmed_one_is_not():
    found = {"words": "holds up to 619 input_words", "share": 0.4, "outside": SLICE}
    broken = {**TASK, "break": found}
    assert "holds up to 619 input words, which is 40% of the requests" in said(broken, REPORT)
    assert any("Outside that boundary the gap is +20.0" in f for f in facts(broken, REPORT))
    unconfirmed = {**TASK, "break": None, "exploratory_break": found}
    told = " ".join([said(unconfirmed, REPORT), *facts(unconfirmed, REPORT)])
    assert "619" not in told


def test_of_a_cascade_the_candidate_alone_is_told_apart_from_what_is_served():
    chosen = {"gap": 0.02, "gap_low": 0.0, "gap_high": 0.04}
    task = {**TASK, "verdict": "cascade", "escalation": 0.28, "cascade": {"chosen": chosen},
            "gap": 0.08, "gap_low": 0.05, "gap_high": 0.11}  # fmt: skip
    assert "about 28% of the requests are passed on to large" in said(task, REPORT)
    assert any("small alone: gap +8.0" in f for f in facts(task, REPORT))


def test_a_cascade_that_saves_less_than_a_lot_says_so_and_one_not_offered_says_why():
    cascade = {
        "chosen": {"gap": 0.02, "gap_low": 0.0, "gap_high": 0.04, "saving": 0.3},
        "random_split": {"saving": 0.4, "passed": True},
    }
    task = {**TASK, "verdict": "cascade", "escalation": 0.28, "cascade": cascade}
    assert any("drawn by lot" in f and "would save 40%" in f for f in facts(task, REPORT))
    cascade["random_split"] = {"saving": 0.2, "passed": True}
    assert not any("lot" in f for f in facts(task, REPORT))
    kept = {**TASK, "verdict": "keep", "no_cascade": "a cascade loses here because of x"}
    assert "A cascade loses here because of x." in facts(kept, REPORT)


def test_what_does_not_stand_among_all_is_marked_and_open_tasks_are_not_tested():
    alone = {**TASK, "stands_among_all": False}
    still = {**TASK, "task": "sums", "verdict": "inconclusive", "need": {"grades": 19, "of": 400}}
    told = report(alone, still)
    assert any("Benjamini–Hochberg" in f for f in facts(alone, told))
    assert "0 also stand" in sure(told) and "marked *" in sure(told)
    assert any("sums" in line for line in untested(told))
    assert "grade 19 of 400 pairs" in said(still, told)


def test_the_command_to_repeat_a_study_names_what_was_asked_and_quotes_it():
    asked = {"tasks": ["a b"], "margin": 0.05, "seed": 3, "relative": True, "cascade": False}
    line = command({**REPORT, "made_with": {"question": asked}})
    assert line == (
        "downroute study --baseline large --candidate small --task 'a b' --margin 0.05 "
        "--confidence 0.95 --seed 3 --relative --no-cascade"
    )
