import json
import math
import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from downroute.records import Attempt, Call, Decision, Policy, Usage
from downroute.reports.accounts import Policies, Why
from downroute.reports.spend import as_json, spend_report, summed
from downroute.store import JournalEntry, JournalKey, Store

PRICES = {"large": (2e-6, 8e-6), "small": (1e-7, 4e-7), "other": (1e-6, 2e-6)}
"""USD per input and output token, as the made-up calls were priced."""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "store") as opened:
        yield opened


@pytest.fixture
def policies(policy: Policy) -> Policies:
    return Policies({policy.digest: policy})


def price(attempt: Attempt) -> float | None:
    """The test's own arithmetic, from tokens and prices alone."""
    read, written = attempt.usage.input_tokens, attempt.usage.output_tokens
    if attempt.model not in PRICES or read is None or written is None:
        return None
    return read * PRICES[attempt.model][0] + written * PRICES[attempt.model][1]


def test_spending_equals_an_independent_recomputation_from_tokens(afternoon, policies):
    report = summed(afternoon, policies)
    spent: dict[str, float] = defaultdict(float)
    asked: Counter[str] = Counter()
    for attempt in (a for call in afternoon for a in call.attempts):
        spent[attempt.model] += price(attempt) or 0.0
        asked[attempt.model] += 1
    assert report.total.calls == 600
    assert report.total.spent_usd == pytest.approx(math.fsum(spent.values()), rel=1e-12)
    for line in report.models:
        assert line.attempts == asked[line.model]
        assert line.spent_usd == pytest.approx(spent[line.model], rel=1e-12)
    assert sum(line.calls for line in report.tasks.values()) == 600
    assert sum(report.total.decisions.values()) == 600


def test_the_counterfactual_equals_an_independent_recomputation(afternoon, policies):
    report = summed(afternoon, policies)
    baseline = compared = 0.0
    calls = 0
    for call in afternoon:
        costs = [price(a) for a in call.attempts if not (a.error and a.status)]
        if None in costs or call.task == "sums":
            continue
        if call.decision is Decision.ACCEPTED and call.model == "small":
            counterfactual: float | None = 0.004
        else:
            counterfactual = price(call.attempts[-1])
        assert counterfactual is not None
        calls += 1
        baseline += counterfactual
        compared += sum(c for c in costs if c is not None)
    assert report.total.compared_calls == calls
    assert report.total.compared_usd == pytest.approx(compared, rel=1e-12)
    assert report.total.baseline_usd == pytest.approx(baseline, rel=1e-12)
    left_out = report.total.left_out
    assert report.total.compared_calls + sum(left_out.values()) == 600
    assert left_out[Why.NO_MEAN] == sum(c.task == "sums" for c in afternoon)


def test_a_rejected_cheap_answer_is_in_the_spend_and_can_make_the_saving_negative(
    make_call, policies
):
    calls = [
        make_call("triage", Decision.ESCALATED, [("small", 1000, 100), ("large", 1000, 100)])
        for _ in range(3)
    ]
    line = summed(calls, policies).tasks["triage"]
    small, large = 1000 * 1e-7 + 100 * 4e-7, 1000 * 2e-6 + 100 * 8e-6
    assert line.baseline_usd == pytest.approx(3 * large)
    assert line.saving_usd == pytest.approx(-3 * small)
    assert line.saving_share == pytest.approx(-small / large)
    assert line.escalation == 1.0
    assert line.estimated_calls == 0


def test_what_a_client_sent_past_routing_saves_nothing_and_costs_nothing(make_call, policies):
    calls = [
        make_call(None, Decision.OBSERVED, [("large", 100, 10)]),
        make_call("triage", Decision.BYPASSED, [("large", 100, 10)]),
        make_call(None, Decision.PASSTHROUGH, [("other", 100, 10)], requested_model="other"),
    ]
    report = summed(calls, policies)
    assert report.total.saving_usd == 0.0
    assert report.total.compared_calls == 3


def test_without_evidence_the_mean_of_logged_baseline_calls_stands_in_and_says_over_how_many(
    make_call, policies
):
    logged = [
        replace(make_call("sums", None, [("large", 1000, n)]), attempts=(), usage=Usage(1000, n))
        for n in (100, 200, 300)
    ]
    routed = [make_call("sums", Decision.DIRECT, [("small", 1000, 100)]) for _ in range(5)]
    report = summed([*logged, *routed], policies)
    mean = 1000 * 2e-6 + 200 * 8e-6
    [estimate] = report.estimates
    assert (estimate.calls, estimate.basis.n) == (5, 3)
    assert estimate.basis.mean_usd == pytest.approx(mean)
    assert report.total.calls == 5
    assert report.total.baseline_usd == pytest.approx(5 * mean)
    assert report.total.half_width_usd is not None


def test_calls_that_reached_the_baseline_because_they_were_hard_are_in_no_mean(make_call, policies):
    hard = make_call("sums", Decision.ESCALATED, [("small", 10, 10), ("large", 90_000, 900)])
    routed = make_call("sums", Decision.DIRECT, [("small", 1000, 100)])
    report = summed([hard, routed], policies)
    assert report.estimates == ()
    # Compared alone, the hard call would make the cascade look like a loss.
    assert report.total.left_out == {Why.NO_MEAN: 2}
    assert report.total.compared_calls == 0


def test_the_interval_holds_the_true_counterfactual_95_times_in_100(policy, make_call):
    draw = random.Random(11)
    policies = Policies({policy.digest: policy})
    held = 0
    runs = 300
    for _ in range(runs):

        def cost() -> float:
            return draw.gauss(0.004, 0.001)

        logged = [
            Call(id="x", source="log", model="large", task="sums", cost_usd=cost())
            for _ in range(100)
        ]
        routed = [make_call("sums", Decision.DIRECT, [("small", 10, 10)]) for _ in range(60)]
        truth = sum(cost() for _ in routed)
        total = summed([*logged, *routed], policies).total
        assert total.half_width_usd is not None
        held += abs(total.baseline_usd - truth) <= total.half_width_usd
    assert 0.91 <= held / runs <= 0.985


def test_what_is_not_known_is_counted_by_model_and_reason_and_never_taken_as_zero(
    make_call, policies
):
    cut = Attempt("small", error="cut")
    calls = [
        make_call("triage", Decision.ACCEPTED, [("small", None, None)]),
        make_call(None, Decision.PASSTHROUGH, [("mystery", 5, 5)], requested_model="mystery"),
        make_call("triage", Decision.FALLBACK, [cut, ("large", 100, 10)]),
    ]
    report = summed(calls, policies)
    reasons = {line.model: dict(line.unpriced) for line in report.models}
    assert reasons == {
        "small": {Why.NO_TOKENS: 1, Why.BROKE_OFF: 1},
        "mystery": {Why.NO_PRICE: 1},
        "large": {},
    }
    assert report.total.unpriced_calls == 3
    values = as_json(report)
    assert values["compared"]["saving_usd"] is None
    assert values["compared"]["all_baseline_usd"] is None
    assert values["net_saving_usd"] is None


def test_a_call_that_failed_everywhere_is_counted_and_compared_with_nothing(make_call, policies):
    refused = [Attempt(m, status=503, error="status 503") for m in ("small", "large")]
    report = summed([make_call("triage", Decision.FALLBACK, refused)], policies)
    assert report.total.left_out == {Why.FAILED: 1}
    assert report.total.spent_usd == 0.0
    assert report.total.unpriced_calls == 0


def test_the_all_candidate_reference_uses_the_candidate_s_own_attempts_or_evidence(
    make_call, policies
):
    calls = [
        make_call("triage", Decision.ACCEPTED, [("small", 1000, 100)]),
        make_call("triage", Decision.ESCALATED, [("small", 2000, 100), ("large", 2000, 100)]),
        make_call("law", Decision.DIRECT, [("large", 2000, 100)]),
    ]
    report = summed(calls, policies)
    own = 3000 * 1e-7 + 200 * 4e-7
    assert report.tasks["triage"].candidate_usd == pytest.approx(own)
    assert report.tasks["law"].candidate_usd == pytest.approx(0.0005)
    assert report.total.candidate_usd == pytest.approx(own + 0.0005)


def test_the_report_reads_policies_and_studies_from_the_store(
    store, policy, policy_text, make_call
):
    store.ledger.add_policy(policy.digest, policy_text, "policy.yaml")
    store.ledger.add_policy("old", "version: 0", "policy.yaml")
    study = store.ledger.begin_study({}, at=1_700_000_100.0)
    key = JournalKey("u", "small", "r", "answer")
    store.journal.begin(key, study, 0.25)
    store.journal.finish(key, JournalEntry(cost_usd=0.5))
    store.journal.begin(JournalKey("u", "small", "s", "answer"), study, 0.25)
    store.calls.add(
        make_call("triage", Decision.ACCEPTED, [("small", 1000, 100)]) for _ in range(10)
    )
    report = spend_report(store)
    assert report.measuring.paid_usd == 0.5
    assert report.measuring.possibly_paid_usd == 0.25
    saved = report.total.saving_usd
    assert saved is not None
    assert report.net_saving_usd == pytest.approx(saved - 0.75)
    assert report.net_saving_usd < 0
    assert json.loads(json.dumps(as_json(report)))["calls"] == 10
    later = spend_report(store, since=1_800_000_000.0)
    assert (later.total.calls, later.measuring.studies) == (0, 0)


def test_since_leaves_out_earlier_and_undated_calls(make_call, policies):
    calls = [
        make_call("triage", Decision.ACCEPTED, [("small", 10, 10)], started_at=at)
        for at in (100.0, 200.0, None)
    ]
    report = summed(calls, policies, since=150.0)
    assert report.total.calls == 1
    assert (report.first, report.last) == (200.0, 200.0)
