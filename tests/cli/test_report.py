import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from downroute.cli.report import instant
from downroute.errors import UsageError
from downroute.records import Attempt, Call, Decision, Usage
from downroute.routing.policy import text_digest
from downroute.store import Feedback, Store

POLICY = """
version: 1
routes:
  - task: triage
    models: [small, large]
    checks: [not_empty]
    evidence: {study: s/1, examples: 400, mean_cost_usd: {large: 0.004, small: 0.0002}}
"""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / ".downroute") as opened:
        opened.ledger.add_policy(text_digest(POLICY), POLICY, "policy.yaml")
        yield opened


def call(n: int, decision: Decision, *costs: tuple[str, float | None]) -> Call:
    attempts = tuple(
        Attempt(model=model, status=200, usage=Usage(100, 10), cost_usd=cost)
        for model, cost in costs
    )
    return Call(
        id=str(n),
        source="gateway",
        model=attempts[-1].model,
        fingerprint="f1",
        task="triage",
        requested_model="large",
        started_at=1_700_000_000.0 + n,
        status=200,
        decision=decision,
        policy_digest=text_digest(POLICY),
        attempts=attempts,
    )


def test_the_report_says_what_was_spent_and_saved_and_what_is_estimated(downroute, store):
    store.calls.add(
        [
            *(call(n, Decision.ACCEPTED, ("small", 0.0002)) for n in range(9)),
            call(9, Decision.ESCALATED, ("small", 0.0002), ("large", 0.004)),
            call(10, Decision.PASSTHROUGH, ("unheard-of", None)),
        ]
    )
    done = downroute("report")
    assert done.code == 0
    assert "≈ triage: 9 calls taken at large's mean of $0.004 over 400 (study s/1)" in done.out
    assert "10.0 %" in done.out
    assert "not priced: 1 attempts of unheard-of (no price for the model)" in done.out
    assert "Net saving: ≈$0.034" in done.out
    report = json.loads(downroute("report", "--json").out)
    assert report["calls"] == 11
    assert report["compared"]["saving_usd"] == pytest.approx(10 * 0.004 - (10 * 0.0002 + 0.004))
    assert report["escalation"] == pytest.approx(0.1)


def test_prices_named_later_count(downroute, store, tmp_path):
    store.calls.add([call(0, Decision.PASSTHROUGH, ("own-7b", None))])
    (tmp_path / "downroute.yaml").write_text("prices: {own-7b: {input: 1, output: 2}}\n")
    report = json.loads(downroute("report", "--json").out)
    assert report["spent_usd"] == pytest.approx(100e-6 + 20e-6)
    assert report["unpriced_calls"] == 0


def test_the_page_is_written_beside_the_table(downroute, store, tmp_path):
    store.calls.add([call(0, Decision.ACCEPTED, ("small", 0.0002))])
    done = downroute("report", "--json", "--html", "r.html")
    assert json.loads(done.out)["calls"] == 1
    assert "triage" in (tmp_path / "r.html").read_text(encoding="utf-8")


@pytest.mark.usefixtures("store")
def test_a_store_without_gateway_calls_says_so(downroute):
    done = downroute("report", "--since", "7d")
    assert done.code == 0
    assert "no calls through the gateway since" in done.out


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("1970-01-02", 86_400.0),
        ("1970-01-01T01:00", 3600.0),
        ("1970-01-01T01:00+01:00", 0.0),
        ("2h", 1_000_000 - 7200.0),
        ("1w", 1_000_000 - 604_800.0),
    ],
)
def test_since_takes_days_moments_and_times_ago(text, means):
    assert instant(text, now=1_000_000) == means


def test_since_refuses_what_is_no_time():
    with pytest.raises(UsageError, match="--since yesterday"):
        instant("yesterday", now=0.0)


def test_the_report_says_what_was_said_of_answers_and_of_how_many_it_knows_no_call(
    downroute, store, tmp_path
):
    store.calls.add([call(n, Decision.ACCEPTED, ("small", 0.0002)) for n in range(3)])
    store.feedback.add([Feedback(str(n), score, 1.0) for n, score in enumerate((1.0, 0.0, 0.25))])
    store.feedback.add([Feedback("elsewhere", 1.0, 1.0)])
    page = tmp_path / "r.html"
    done = downroute("report", "--html", str(page))
    (line,) = [row.split() for row in done.out.splitlines() if "0.42" in row]
    assert line == ["triage", "small", "accepted", "3", "1", "2", "0.42"]
    assert "feedback on 1 calls that are not in the log" in done.out
    assert "Of 1 calls with feedback" in page.read_text(encoding="utf-8")
    told = json.loads(downroute("report", "--json").out)["feedback"]
    assert told["lines"][0]["bad"] == 2 and told["unknown_calls"] == 1
