"""Faults a candidate may not have more of than its baseline."""

from __future__ import annotations

import pytest

from downroute.records import Answer, Example, Measurement, Score
from downroute.study.guardrails import guardrails

LIMITS = {"refusals": 0.02, "schema_failures": 0.02, "truncations": 0.02}
SCHEMA = {
    "type": "json_schema",
    "json_schema": {"name": "o", "schema": {"type": "object", "required": ["a"]}},
}
GOOD = Answer(text='{"a": 1}', finish_reason="stop")
BROKEN = Answer(text="{}", finish_reason="stop")
DECLINES = Answer(text="I'm sorry, but I can't help with that.", finish_reason="stop")
CUT = Answer(text='{"a": 1}', finish_reason="length")


def measured(pairs: int, baseline: Answer, candidates: list[Answer], **request):
    examples = [
        Example(
            id=str(n),
            task="t",
            request={"messages": [{"role": "user", "content": f"q {n}"}], **request},
            request_digest=str(n),
            baseline_answer=baseline,
        )
        for n in range(pairs)
    ]
    answers = [*candidates, *[baseline] * (pairs - len(candidates))]
    rows = [
        Measurement(e.id, "small", a, Score(1.0)) for e, a in zip(examples, answers, strict=True)
    ]
    return examples, rows


def named(found):
    return {guard.name: guard for guard in found}


@pytest.mark.parametrize(
    ("fault", "name"),
    [(DECLINES, "refusals"), (BROKEN, "schema_failures"), (CUT, "truncations")],
)
def test_a_fault_that_comes_more_often_fails_its_guardrail(fault, name):
    found = named(guardrails(*measured(200, GOOD, [fault] * 20, response_format=SCHEMA), LIMITS))
    assert found[name].failed and found[name].candidate == 0.1 and found[name].baseline == 0
    assert "small" in found[name].said("small") and "10.0%" in found[name].said("small")


def test_a_few_faults_are_no_failure_nor_are_faults_the_baseline_has_too():
    few = named(guardrails(*measured(200, GOOD, [BROKEN] * 3, response_format=SCHEMA), LIMITS))
    assert not any(guard.failed for guard in few.values())
    shared = named(guardrails(*measured(200, BROKEN, [], response_format=SCHEMA), LIMITS))
    assert shared["schema_failures"].baseline == 1.0
    assert not shared["schema_failures"].failed


def test_what_no_request_asks_for_is_not_guarded_and_null_switches_one_off():
    plain = named(guardrails(*measured(60, GOOD, [DECLINES] * 20), LIMITS))
    assert "schema_failures" not in plain and plain["refusals"].failed
    off = guardrails(*measured(60, GOOD, [DECLINES] * 20), {**LIMITS, "refusals": None})
    assert "refusals" not in named(off)


def test_an_answer_that_never_came_says_nothing_of_its_form():
    examples, rows = measured(60, GOOD, [], response_format=SCHEMA)
    rows[0] = Measurement("0", "small", None, Score.unscored("no answer"), error="HTTP 500")
    found = named(guardrails(examples, rows, LIMITS))
    assert {guard.pairs for guard in found.values()} == {59}
