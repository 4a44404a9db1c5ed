"""The report on escalations over made-up logs in a real store."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace

from downroute.records import Answer, Attempt, Call, Decision, Purpose, Usage
from downroute.reports.accounts import Policies, account
from downroute.reports.escalation_conditions import selectors
from downroute.reports.escalation_course import course
from downroute.reports.escalation_groups import find_groups
from downroute.reports.escalation_lines import facts, looked_at
from downroute.reports.escalation_suggest import PolicyText
from downroute.reports.escalation_tally import judged_call
from downroute.reports.escalation_values import Ending, Heard, TaskEscalations, plain
from downroute.reports.escalation_words import words_of
from downroute.reports.escalations import escalation_report
from downroute.routing.match import RouteTable
from downroute.routing.policy import read_policy
from downroute.routing.question import QUESTION
from downroute.routing.signals import signals
from downroute.store import Feedback, Store

POLICY = """\
version: 1
routes:
  - task: t
    models: [small, large]
    checks: [{one_of: [yes, no]}]
    escalate: {score: {intercept: 0, words_out: 1}, above: 9}
    unproven: true
"""
WORDS = [a + b + c for a in "bdfgklmnprst" for b in "aeiou" for c in ("ra", "mi", "tek", "son")]


def question(draw: random.Random) -> str:
    return " ".join(draw.choices(WORDS, k=draw.randint(5, 60))) + draw.choice(["?", ".", " 7?"])


def judged(
    number: int, text: str, escalated: bool, draw: random.Random, *, cause: str = "score"
) -> Call:
    """A call of the cascade; the baseline costs ten times the candidate, give or take."""
    request = {"messages": [{"role": "user", "content": text}]}
    written = draw.randint(5, 90)
    first = Attempt(
        "small",
        usage=Usage(50, written),
        cost_usd=written * 1e-5,
        latency_s=0.2,
        checks={"one_of": cause != "one_of" or not escalated},
        signals={**signals(Answer(), request, QUESTION), "words_out": 10.0 if escalated else 1.0},
        score=10.0 if escalated else 1.0,
        answer=Answer("yes, surely", finish_reason="stop") if escalated else None,
    )
    second = Attempt(
        "large", usage=Usage(50, 40), cost_usd=written * draw.uniform(0.9e-4, 1.1e-4), latency_s=0.6
    )
    return Call(
        id=f"c{number}",
        source="gateway",
        model="large" if escalated else "small",
        fingerprint="f" * 12,
        request=request,
        answer=Answer("no", finish_reason="stop"),
        task="t",
        requested_model="large",
        started_at=1_700_000_000.0 + 60 * number,
        latency_s=0.8 if escalated else 0.2,
        status=200,
        decision=Decision.ESCALATED if escalated else Decision.ACCEPTED,
        reason="score 10.000 is above 9" if escalated else "passed",
        policy_digest=read_policy(POLICY).digest,
        attempts=(first, second) if escalated else (first,),
    )


def log(
    calls: int, seed: int, rate: Callable[[str], float] = lambda text: 0.2, **facts: str
) -> Iterator[Call]:
    draw = random.Random(seed)
    for number in range(calls):
        text = question(draw)
        yield judged(number, text, draw.random() < rate(text), draw, **facts)


@pytest.fixture
def told(tmp_path: Path) -> Callable[..., TaskEscalations]:
    """The report's only task over ``calls``."""

    def report(
        calls: object, keep: str = "full", feedback: Sequence[Feedback] = (), **wishes: object
    ) -> TaskEscalations:
        folder = tmp_path / str(random.random())
        policy = read_policy(POLICY)
        with Store.open(folder) as store:
            store.calls.add(calls, keep)  # type: ignore[arg-type]
            store.feedback.add(feedback)
            found = escalation_report(
                store,
                {policy.digest: policy},
                PolicyText("policy.yaml", POLICY),
                **{"grade": lambda call, rejected: None, **wishes},  # type: ignore[arg-type]
            )
        (task,) = found.tasks
        return task

    return report


def long_ones(text: str) -> float:
    return 0.6 if len(text.split()) > 45 else 0.1


def unmeasured(call: Call) -> Call:
    """As the gateway logs it where it measures the question of others."""
    first, *more = call.attempts
    kept = {k: v for k, v in first.signals.items() if k not in QUESTION}
    return replace(call, attempts=(replace(first, signals=kept), *more))


def test_of_a_sample_the_report_says_so_and_looks_among_it(told):
    draw = random.Random(7)
    calls = [
        c if draw.random() < 0.5 else unmeasured(c)
        for c in log(1200, 3, lambda text: 0.7 if len(text.split()) > 45 else 0.1)
    ]
    measured = sum(QUESTION.keys() <= c.attempts[0].signals.keys() for c in calls)
    task = told(calls, keep="none")
    assert (task.judged, task.measured, task.looked_at) == (1200, measured, measured)
    assert looked_at(task).endswith(
        f"measured ({measured} of 1,200: of many calls a second the gateway measures a sample)"
    )
    # What needs no question is told of all of them; the group's share is that of its calls.
    assert task.share is not None
    assert sum(task.endings.values()) == 1200
    group = task.groups[0]
    assert "question_words" in group.words and group.calls < measured
    long = [c for c in calls if len(c.request["messages"][0]["content"].split()) > 45]
    true = sum(c.decision is Decision.ESCALATED for c in long) / len(long)
    assert group.share.low < true < group.share.high


def test_where_all_are_measured_or_none_is_no_sample_is_spoken_of(told):
    calls = list(log(60, 3))
    for given in (calls, [unmeasured(c) for c in calls]):
        task = told(given)
        assert task.looked_at == 60 and not task.sampled
        assert looked_at(task) == "the latest 60 judged calls"


@pytest.mark.parametrize("words", [True, False])
def test_where_nothing_stands_out_nothing_is_reported(words):
    # Bonferroni over hundreds of conditions at 1 %: two findings in 20 logs would be a fault.
    # The requests are the same in every log, so that only what escalated is drawn anew.
    calls = list(log(300, 0))
    said = {c.id: words_of(c.request) for c in calls} if words else {}
    entries = [judged_call(c, account(c, Policies())) for c in calls]
    choices = selectors(entries, said)
    found = 0
    for seed in range(20):
        draw = random.Random(seed)
        drawn = [
            dataclasses.replace(
                e, ending=Ending.ESCALATED if draw.random() < 0.2 else Ending.ACCEPTED
            )
            for e in entries
        ]
        found += bool(find_groups(drawn, said, choices))
    assert len(choices) > 50 and found <= 1


@pytest.mark.parametrize(("keep", "name"), [("full", "input_words"), ("none", "question_words")])
def test_a_planted_group_is_found_with_or_without_words(told, keep, name):
    (group,) = told(log(500, 1, long_ones), keep).groups
    (condition,) = group.conditions
    bounds = condition.when[name]
    assert 40 <= bounds.min <= 50 and bounds.max is None
    assert group.share.low < 0.6 < group.share.high
    assert group.lift > 3 and not group.exploratory and group.p < 1e-6
    assert all((e.words is None) == (keep == "none") for e in group.examples)


def test_a_group_that_only_a_word_tells_gets_a_task_of_its_own(told):
    (group,) = told(log(500, 2, lambda text: 0.7 if "batek" in text else 0.1)).groups
    assert group.words == "says “batek”"
    (suggestion,) = group.suggestions
    assert suggestion.kind == "own_task" and suggestion.policy is None
    assert "batek" in suggestion.words and "study" in suggestion.measure


def test_two_groups_are_both_found(told):
    def rate(text: str) -> float:
        words = len(text.split())
        return 0.7 if words > 50 else 0.6 if words < 14 else 0.05

    groups = told(log(700, 3, rate)).groups
    assert {"≥" in g.words for g in groups} == {True, False}


def test_the_same_request_again_and_again_is_no_group(told):
    draw = random.Random(4)
    calls = list(log(300, 4))
    text = "why is it that the printer of mine will not print " * 5
    again = [judged(1000 + i, text, True, draw) for i in range(200)]
    assert told([*calls, *again]).groups == ()


def test_a_long_session_is_one_witness(told):
    calls = list(log(300, 5))
    draw = random.Random(5)
    session = [
        replace(judged(1000 + i, question(draw) + " about zebras", True, draw), session="s")
        for i in range(100)
    ]
    assert told([*calls, *session], "none").groups == ()
    alone = [replace(call, session=None) for call in session]
    assert told([*calls, *alone]).groups != ()


def test_the_diff_is_a_policy_that_sends_the_group_and_nothing_else_to_the_baseline(told):
    calls = list(log(500, 1, long_ones))
    (group,) = told(calls).groups
    straight = next(s for s in group.suggestions if s.kind == "baseline")
    own = next(s for s in group.suggestions if s.kind == "own_route")
    tables = [RouteTable(read_policy(s.policy)) for s in (straight, own)]
    moved = 0
    for call in calls:
        first, second = (t.match(call.request, "large", "t", 0.0).route for t in tables)
        moved += first.models == ("large",)
        assert second.models == ("small", "large") and second.escalate.above == 9
    assert moved == group.calls
    assert all(s.diff.startswith("--- policy.yaml\n") for s in (straight, own))


def test_what_straight_to_the_baseline_would_have_cost_is_in_its_interval(told):
    calls = list(log(500, 6, long_ones))
    (group,) = told(calls).groups
    effect, truth = group.effect, 0.0
    draw = random.Random(0)
    bound = group.conditions[0].when["input_words"]
    inside = [c for c in calls if bound.holds(len(c.request["messages"][0]["content"].split()))]
    for call in inside:
        usual = call.attempts[0].usage.output_tokens * draw.uniform(0.9e-4, 1.1e-4)
        own = [a.cost_usd for a in call.attempts if a.model == "large"]
        truth += (own[0] if own else usual) - sum(a.cost_usd for a in call.attempts)
    assert len(inside) == group.calls
    assert effect.total_usd.low < truth < effect.total_usd.high
    rejected = sum(c.attempts[0].cost_usd for c in inside if len(c.attempts) > 1)
    assert effect.measured_usd == pytest.approx(-rejected)
    assert effect.faster_s.estimate == pytest.approx(0.2)


def test_where_all_of_a_group_escalates_the_baseline_is_surely_cheaper_and_advised(told):
    task = told(log(600, 7, lambda text: 1.0 if len(text.split()) > 45 else 0.05))
    (group,) = task.groups
    assert group.effect.estimated <= 3
    first = group.suggestions[0]
    assert first.advised and first.kind in ("baseline", "own_route")
    if group.effect.total_usd.high < 0:
        assert first.kind == "baseline"


def test_a_check_behind_most_escalations_is_answered_by_instructions(told):
    (group,) = told(log(600, 8, long_ones, cause="one_of")).groups
    prompt = next(s for s in group.suggestions if s.kind == "prompt")
    assert prompt.advised and "yes, no" in prompt.diff
    assert prompt.prompt.strip().endswith("yes, no.")
    assert "--system FILE" in prompt.measure and "--candidate small" in prompt.measure


def test_money_time_and_causes_are_sums_over_the_log(told):
    calls = list(log(500, 9))
    task = told(calls)
    escalated = [c for c in calls if c.decision is Decision.ESCALATED]
    spent = sum(a.cost_usd for c in escalated for a in c.attempts)
    assert task.money.calls == len(escalated) and task.money.unknown == 0
    assert task.money.spent_usd == pytest.approx(spent)
    assert task.money.rejected_usd == pytest.approx(sum(c.attempts[0].cost_usd for c in escalated))
    assert task.money.baseline_usd == pytest.approx(spent - task.money.rejected_usd)
    assert task.causes == {"score too high": len(escalated)}
    assert (task.accepted_times.p50_s, task.escalated_times.p95_s) == (0.2, 0.8)
    assert sum(b.calls for b in task.course.buckets) == 500
    assert sum(b.escalated for b in task.course.buckets) == len(escalated)


def test_costs_and_worth_that_are_not_known_are_counted_and_never_zero(told):
    calls = []
    for call in log(200, 10, lambda text: 0.5):
        first, *rest = call.attempts
        calls.append(replace(call, attempts=(replace(first, cost_usd=None), *rest)))
    task = told(calls, "none")
    escalated = task.endings["escalated"]
    assert (task.money.calls, task.money.unknown) == (0, escalated)
    assert (task.useful.useful, task.useful.wasted, task.useful.unknown) == (0, 0, escalated)


def test_an_equal_answer_was_wasted_and_a_graded_one_is_what_was_said(told):
    calls = []
    for call in log(200, 11, lambda text: 0.5):
        if call.decision is Decision.ESCALATED and int(call.id[1:]) % 2:
            first, second = call.attempts
            calls.append(replace(call, attempts=(replace(first, answer=Answer("No.")), second)))
        else:
            calls.append(call)
    equal = sum(c.decision is Decision.ESCALATED and int(c.id[1:]) % 2 for c in calls)
    rest = sum(c.decision is Decision.ESCALATED for c in calls) - equal

    def grade(call: Call, rejected: Attempt) -> tuple[float, float] | None:
        assert rejected.model == "small" and rejected.answer.text == "yes, surely"
        number = int(call.id[1:]) // 2
        return None if number % 3 == 0 else (1.0, 0.0) if number % 3 == 1 else (1.0, 1.0)

    useful = told(calls, grade=grade).useful
    assert useful.equal == equal and useful.wasted > equal and useful.useful > 0
    assert useful.useful + useful.wasted + useful.unknown == equal + rest
    assert told(calls, "none").useful.unknown == equal + rest


def test_feedback_says_what_escalating_brought_where_nobody_compared_the_answers(told):
    calls = list(log(200, 13, lambda text: 0.5))
    escalated = [c.id for c in calls if c.decision is Decision.ESCALATED]
    accepted = [c.id for c in calls if c.decision is Decision.ACCEPTED]
    said = [
        *(Feedback(i, 1.0, 1.0) for i in escalated[:9]),
        *(Feedback(i, 0.0, 1.0) for i in escalated[9:13]),
        Feedback(escalated[13], 0.5, 1.0),
        *(
            Feedback(escalated[14], score, 1.0, who)
            for score, who in [(1, "a"), (1, "b"), (0, "c")]
        ),
        *(Feedback(i, 0.25, 1.0) for i in accepted[:3]),
        Feedback("nowhere", 1.0, 1.0),
    ]
    task = told(calls, "none", feedback=said)
    useful = task.useful
    assert (useful.useful, useful.wasted, useful.by_feedback) == (10, 4, 14)
    assert useful.unknown == len(escalated) - 14
    assert task.feedback == {"escalated": Heard(10, 4, 1), "accepted": Heard(0, 3, 0)}
    words = dict(facts(task))
    assert "14 of both by feedback on the answer sent alone" in words["useful"]
    assert words["feedback"] == "accepted 0 good, 3 bad; escalated 10 good, 4 bad, 1 neither"


def test_a_person_who_compared_both_answers_goes_before_feedback_on_one(told):
    calls = list(log(60, 14, lambda text: 0.5))
    said = [Feedback(c.id, 1.0, 1.0) for c in calls]
    useful = told(calls, feedback=said, grade=lambda call, rejected: (0.5, 0.5)).useful
    assert (useful.useful, useful.by_feedback, useful.unknown) == (0, 0, 0)


def test_a_trend_is_marked_only_where_it_is_one(told):
    draw = random.Random(12)
    rising = [
        judged(i, question(draw), draw.random() < 0.1 + 0.4 * i / 1000, draw) for i in range(1000)
    ]
    assert told(rising).course.trend == "rising"
    falling = [replace(c, id=f"r{c.id}", started_at=3.4e9 - c.started_at) for c in rising]
    assert told(falling).course.trend == "falling"
    steady = []
    for _ in range(200):
        judged_at = [(60.0 * i, draw.random() < 0.2, None) for i in range(300)]
        steady.append(course(judged_at).trend)
    assert sum(t is not None for t in steady) <= 18


def test_a_wave_is_no_trend(told):
    draw = random.Random(13)
    waves = [
        judged(i, question(draw), draw.random() < (0.5 if i % 400 > 200 else 0.1), draw)
        for i in range(800)
    ]
    assert told(waves, "none").course.trend is None


def test_failures_second_opinions_and_limits_are_told_apart(told):
    draw = random.Random(14)
    plain_call = judged(1, "is it?", True, draw)
    first, second = plain_call.attempts
    opinion = Attempt("small", Purpose.SELF_CHECK, cost_usd=1e-6, score=3.0)
    kinds = [
        replace(plain_call, id="opinion", attempts=(first, opinion, second)),
        replace(
            plain_call,
            id="down",
            decision=Decision.FALLBACK,
            attempts=(Attempt("small", error="status 503", status=503), second),
        ),
        replace(
            plain_call,
            id="limited",
            model="small",
            decision=Decision.ACCEPTED,
            reason="unverified: score 10.000 is above 9; 5 a minute",
            attempts=(first,),
        ),
        replace(plain_call, id="unknown", attempts=(replace(first, score=None), second)),
        replace(plain_call, id="straight", decision=Decision.DIRECT, attempts=(second,)),
    ]
    task = told(kinds)
    assert task.endings == {"escalated": 2, "fallback": 1, "unverified": 1}
    assert task.causes == {
        "the self-check spoke against it": 1,
        "the cheaper model's upstream failed": 1,
        "score too high": 1,
        "a signal was missing, so the score is unknown": 1,
    }
    assert task.share.estimate == pytest.approx(2 / 3)


def test_only_the_calls_that_were_asked_for_are_in_it(told):
    calls = list(log(300, 15))
    since = calls[200].started_at
    task = told(calls, since=since, task="t")
    assert sum(task.endings.values()) == 100


def test_the_report_is_plain_json(told):
    import json

    values = plain(told(log(500, 1, long_ones)))
    text = json.dumps(values, allow_nan=False)
    (group,) = json.loads(text)["groups"]
    assert group["words"].startswith("input_words ≥")
    assert group["conditions"][0]["when"]["input_words"].keys() == {"min"}
