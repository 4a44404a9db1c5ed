from downroute.records import Attempt, CheckSpec, Decision, LinearScore, Purpose, Route
from downroute.routing.cascade import (
    Accept,
    Ask,
    Limits,
    decision,
    escalation_score,
    next_step,
)

FREE = Limits()
SCORE = LinearScore(intercept=0.5, weights={"words_out": 0.1}, above=1.0)


def route(*models, **settings):
    return Route(task="t", models=models, baseline="large", **settings)


def attempt(model, **facts):
    return Attempt(model=model, status=200, **facts)


def test_the_first_model_is_asked_first():
    assert next_step(route("small", "large"), [], FREE) == Ask(
        "small", Purpose.ANSWER, "first model of the route"
    )


def test_an_answer_that_passes_is_accepted():
    cascade = route("small", "large", checks=(CheckSpec("not_empty"),))
    tried = [attempt("small", checks={"not_empty": True})]
    assert next_step(cascade, tried, FREE) == Accept(0, "passed")
    assert decision(cascade, tried, 0) is Decision.ACCEPTED


def test_a_failed_check_escalates_and_says_which():
    cascade = route("small", "large", checks=(CheckSpec("not_empty"), CheckSpec("json_valid")))
    tried = [attempt("small", checks={"not_empty": True, "json_valid": False})]
    assert next_step(cascade, tried, FREE) == Ask(
        "large", Purpose.ANSWER, "check json_valid failed"
    )


def test_a_check_that_does_not_apply_is_no_failure():
    cascade = route("small", "large", checks=(CheckSpec("json_schema"),))
    tried = [attempt("small", checks={"json_schema": None})]
    assert next_step(cascade, tried, FREE) == Accept(0, "passed")


def test_a_score_above_the_threshold_escalates_and_a_missing_signal_too():
    cascade = route("small", "large", escalate=SCORE)
    assert next_step(cascade, [attempt("small", score=0.9)], FREE) == Accept(0, "passed")
    high = next_step(cascade, [attempt("small", score=1.25)], FREE)
    assert high == Ask("large", Purpose.ANSWER, "score 1.250 is above 1")
    missing = next_step(cascade, [attempt("small", signals={"words_out": None})], FREE)
    assert missing == Ask("large", Purpose.ANSWER, "score unknown: words_out is missing")


def test_the_last_models_answer_is_accepted_whatever_the_checks_say():
    cascade = route("small", "large", checks=(CheckSpec("not_empty"),))
    tried = [attempt(m, checks={"not_empty": False}) for m in ("small", "large")]
    assert next_step(cascade, tried, FREE) == Accept(1, "last model of the route")
    assert decision(cascade, tried, 1) is Decision.ESCALATED


def test_an_upstream_failure_is_a_failed_attempt():
    cascade = route("small", "large")
    tried = [attempt("small", error="503")]
    assert next_step(cascade, tried, FREE) == Ask("large", Purpose.ANSWER, "small failed: 503")
    assert decision(cascade, [*tried, attempt("large")], 1) is Decision.FALLBACK


def test_a_switched_route_falls_back_to_the_baseline_when_its_model_fails():
    switched = route("small")
    assert next_step(switched, [attempt("small")], FREE) == Accept(0, "last model of the route")
    assert decision(switched, [attempt("small")], 0) is Decision.DIRECT
    failed = [attempt("small", error="timeout")]
    assert next_step(switched, failed, FREE) == Ask(
        "large", Purpose.ANSWER, "small failed: timeout"
    )
    both = [*failed, attempt("large", error="503")]
    assert next_step(switched, both, FREE) == Accept(1, "large failed: 503")


def test_a_model_listed_twice_is_a_retry():
    retry = route("small", "small", "large", checks=(CheckSpec("json_valid"),))
    bad = attempt("small", checks={"json_valid": False})
    assert next_step(retry, [bad], FREE) == Ask("small", Purpose.ANSWER, "check json_valid failed")
    good = attempt("small", checks={"json_valid": True})
    assert next_step(retry, [bad, good], FREE) == Accept(1, "passed")


def test_attempts_for_other_purposes_are_no_answers():
    cascade = route("small", "large")
    helper = attempt("other", purpose=Purpose.HELPER)
    assert next_step(cascade, [helper], FREE).model == "small"
    assert next_step(cascade, [attempt("small"), helper], FREE) == Accept(0, "passed")


def test_when_time_is_up_the_best_there_is_is_sent():
    cascade = route("small", "large", checks=(CheckSpec("not_empty"),))
    tried = [attempt("small", checks={"not_empty": False})]
    step = next_step(cascade, tried, Limits(time_left_s=0.0))
    assert isinstance(step, Accept) and step.attempt == 0 and "no time left" in step.reason


def test_a_score_that_is_no_number_escalates():
    cascade = route("small", "large", escalate=SCORE)
    assert isinstance(next_step(cascade, [attempt("small", score=float("nan"))], FREE), Ask)


def test_the_score_is_linear_and_unknown_where_a_signal_is():
    assert escalation_score(SCORE, attempt("small", signals={"words_out": 7.0})) == 0.5 + 0.1 * 7
    assert escalation_score(SCORE, attempt("small")) is None
