import pytest

from downroute.records import (
    Attempt,
    CheckSpec,
    Decision,
    Degrade,
    EscalationLimit,
    LinearScore,
    Purpose,
    Route,
    SecondOpinion,
)
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


IMPUTED = LinearScore(
    intercept=0.5,
    weights={"mean_logprob": -2.0, "mean_logprob_missing": 0.25, "words_out": 0.1},
    above=1.0,
    impute={"mean_logprob": -0.3},
)


def test_a_missing_signal_is_imputed_and_its_indicator_counts():
    there = attempt("small", signals={"mean_logprob": -0.1, "words_out": 3.0})
    assert escalation_score(IMPUTED, there) == pytest.approx(0.5 + 0.2 + 0.3)
    absent = attempt("small", signals={"mean_logprob": None, "words_out": 3.0})
    assert escalation_score(IMPUTED, absent) == pytest.approx(0.5 + 0.6 + 0.25 + 0.3)
    without_words = attempt("small", signals={"mean_logprob": -0.1})
    assert escalation_score(IMPUTED, without_words) is None
    step = next_step(route("small", "large", escalate=IMPUTED), [without_words], FREE)
    assert step == Ask("large", Purpose.ANSWER, "score unknown: words_out is missing")


SELF_CHECK = SecondOpinion(
    Purpose.SELF_CHECK, "small", 0.2, 0.8, LinearScore(1.0, {"self_check": -1.0}, 0.4)
)
IN_DOUBT = route("small", "large", escalate=SCORE, second=SELF_CHECK)


def test_a_second_opinion_is_asked_for_inside_its_band_only():
    assert next_step(IN_DOUBT, [attempt("small", score=0.2)], FREE) == Accept(0, "passed")
    doubtful = next_step(IN_DOUBT, [attempt("small", score=0.21)], FREE)
    assert doubtful == Ask("small", Purpose.SELF_CHECK, "score 0.210 is between 0.2 and 0.8")
    above = next_step(IN_DOUBT, [attempt("small", score=0.81)], FREE)
    assert above == Ask("large", Purpose.ANSWER, "score 0.810 is above 0.8")


@pytest.mark.parametrize(
    ("opinion", "then"),
    [
        ({"score": 0.4}, Accept(0, "passed")),
        ({"score": 0.5}, "self-check score 0.500 is above 0.4"),
        ({"score": None}, "self-check score unknown: self_check is missing"),
        ({"error": "timeout"}, "self-check by small failed: timeout"),
    ],
)
def test_a_second_opinion_decides_by_its_own_score(opinion, then):
    checked = attempt("small", purpose=Purpose.SELF_CHECK, **opinion)
    tried = [attempt("small", score=0.5), checked]
    expected = then if isinstance(then, Accept) else Ask("large", Purpose.ANSWER, then)
    assert next_step(IN_DOUBT, tried, FREE) == expected
    assert decision(IN_DOUBT, [*tried, attempt("large")], 2) is Decision.ESCALATED
    assert decision(IN_DOUBT, tried, 0) is Decision.ACCEPTED


def test_each_answer_of_a_ladder_gets_a_second_opinion_of_its_own():
    ladder = route("small", "middle", "large", escalate=SCORE, second=SELF_CHECK)
    no = attempt("small", purpose=Purpose.SELF_CHECK, score=0.9)
    tried = [attempt("small", score=0.5), no]
    assert next_step(ladder, tried, FREE).model == "middle"
    tried = [*tried, attempt("middle", score=0.5)]
    assert next_step(ladder, tried, FREE).purpose is Purpose.SELF_CHECK
    tried = [*tried, attempt("small", purpose=Purpose.SELF_CHECK, score=0.1)]
    assert next_step(ladder, tried, FREE) == Accept(2, "passed")


USED_UP = Limits(escalation="10 escalations a minute are used up")


def test_beyond_its_limit_an_answer_is_sent_unverified():
    limited = route("small", "large", escalate=SCORE, limit=EscalationLimit(per_minute=10))
    assert next_step(limited, [attempt("small", score=0.5)], USED_UP) == Accept(0, "passed")
    step = next_step(limited, [attempt("small", score=1.5)], USED_UP)
    assert isinstance(step, Accept) and step.attempt == 0
    assert step.reason.startswith("unverified: score 1.500 is above 1; 10 escalations a minute")
    failed = next_step(limited, [attempt("small", error="503")], USED_UP)
    assert failed == Ask("large", Purpose.ANSWER, "small failed: 503")


def test_beyond_its_limit_no_second_opinion_is_paid_for():
    limited = route(
        "small", "large", escalate=SCORE, second=SELF_CHECK, limit=EscalationLimit(per_minute=10)
    )
    assert isinstance(next_step(limited, [attempt("small", score=0.5)], USED_UP), Accept)


def test_beyond_its_limit_requests_go_straight_to_the_baseline_if_the_route_says_so():
    limit = EscalationLimit(per_minute=10, then=Degrade.BASELINE)
    limited = route("small", "large", escalate=SCORE, limit=limit)
    first = next_step(limited, [], USED_UP)
    assert first.model == "large" and first.reason.startswith("straight to the baseline: 10")
    tried = [attempt("large", score=9.0)]
    assert next_step(limited, tried, USED_UP) == Accept(0, "last model of the route")
    assert decision(limited, tried, 0) is Decision.DIRECT
    assert next_step(limited, [], FREE).model == "small"


def test_what_a_request_asks_for_is_checked_unless_switched_off():
    malformed = [attempt("small", checks={"json_schema": False})]
    step = next_step(route("small", "large"), malformed, FREE)
    assert step == Ask("large", Purpose.ANSWER, "check json_schema failed")
    off = route("small", "large", request_checks=False)
    assert next_step(off, malformed, FREE) == Accept(0, "passed")


def test_where_the_baseline_fails_its_failure_is_sent_unless_the_route_says_who_stands_in():
    unpassed = attempt("small", checks={"one_of": False})
    tried = [unpassed, attempt("large", error="503")]
    assert next_step(route("small", "large"), tried, FREE) == Accept(1, "large failed: 503")
    allowed = route("small", "large", fallback="small")
    step = next_step(allowed, tried, FREE)
    assert isinstance(step, Accept) and step.attempt == 0
    assert step.reason == "large failed: 503; falls back to small's answer, which did not pass"
    assert decision(allowed, tried, 0) is Decision.FALLBACK


def test_a_fallback_that_was_not_asked_yet_is_asked_once():
    kept = route("large", fallback="small")
    down = [attempt("large", error="503")]
    asked = next_step(kept, down, FREE)
    assert asked == Ask("small", Purpose.ANSWER, "large failed: 503; falls back to small")
    answered = [*down, attempt("small", checks={"one_of": False})]
    assert next_step(kept, answered, FREE) == Accept(1, "last model of the route")
    assert decision(kept, answered, 1) is Decision.FALLBACK
    both_down = [*down, attempt("small", error="500")]
    assert next_step(kept, both_down, FREE) == Accept(1, "small failed: 500")


def test_a_fallback_is_not_asked_again_where_it_failed_first():
    switched = route("small", fallback="small")
    tried = [attempt("small", error="500"), attempt("large", error="503")]
    assert next_step(switched, tried, FREE) == Accept(1, "large failed: 503")


def test_straight_to_a_baseline_that_fails_falls_back_too():
    limit = EscalationLimit(per_minute=10, then=Degrade.BASELINE)
    limited = route("small", "large", escalate=SCORE, limit=limit, fallback="small")
    asked = next_step(limited, [attempt("large", error="503")], USED_UP)
    assert isinstance(asked, Ask) and asked.model == "small"
