"""`policy test` beside what the gateway does and what a study measured; `policy rollback`."""

from __future__ import annotations

import json
import math

import openai
import pytest

from downroute.routing.policy import text_digest
from downroute.store import Store

SWITCH = "version: 1\nroutes: [{task: triage, models: [small], baseline: large, unproven: true}]\n"
CASCADE = """
version: 1
routes:
  - task: triage
    models: [small, large]
    checks: [{one_of: [billing, bug]}]
    unproven: true
"""


def tried(downroute, *arguments):
    done = downroute("policy", "test", *arguments, "--json")
    assert done.code == 0, done.err
    return json.loads(done.out)


def test_a_recorded_policy_is_simulated_in_quality_cost_and_decisions(work, recording, downroute):
    recording(300, large=10, small=40)
    (work / "proposed.yaml").write_text(SWITCH)
    found = tried(downroute, "proposed.yaml", "triage.jsonl")
    (task,) = found["tasks"]
    assert (task["calls"], task["decisions"]) == (300, {"direct": 300})
    beside = task["against"]["all baseline"]
    assert beside["other"]["decisions"] == {"observed": 300}
    assert task["quality"] == pytest.approx(1 - 40 / 300)
    assert beside["other"]["quality"] == pytest.approx(1 - 10 / 300)
    assert beside["gap"] == pytest.approx(30 / 300)
    assert beside["gap_low"] < beside["gap"] < beside["gap_high"]
    assert beside["saving_usd"] == pytest.approx(beside["other"]["cost_usd"] - task["cost_usd"])
    assert 0.9 < beside["saving_share"] < 1


def test_what_is_simulated_is_what_the_gateway_does(work, recording, downroute, replay, serve):
    recording(60, large=10, small=5)
    (work / "policy.yaml").write_text(CASCADE)
    each = tried(downroute, "policy.yaml", "triage.jsonl", "--each", "each.jsonl")
    assert each["left_out"] == {}
    rows = {}
    for line in (work / "each.jsonl").read_text().splitlines():
        row = json.loads(line)
        rows[row["id"]] = row
    asked = [json.loads(line) for line in (work / "triage.jsonl").read_text().splitlines()]
    with replay("triage.jsonl") as upstream, serve("--upstream", upstream) as gateway:
        client = openai.OpenAI(base_url=gateway, api_key="none", max_retries=0)
        for row in asked:
            reply = client.chat.completions.with_raw_response.create(
                model="large",
                messages=row["request"]["messages"],
                extra_headers={"x-downroute-task": "triage"},
            )
            simulated = rows[f"triage/{row['id']}"]
            said = reply.headers
            assert said["x-downroute-decision"] == simulated["decision"]
            assert said["x-downroute-model"] == simulated["model"]
            assert math.isclose(
                float(said["x-downroute-cost-usd"]), simulated["cost_usd"], abs_tol=1e-9
            )
    assert {r["decision"] for r in rows.values()} == {"accepted", "escalated"}


@pytest.mark.parametrize("models", ["[small, third, large]", "[small, small, large]"])
def test_ladders_and_retries_are_simulated_as_they_are_served(
    work, recording, downroute, replay, serve, models
):
    recording(60, large=10, small=15)
    prices = (work / "downroute.yaml").read_text()
    (work / "downroute.yaml").write_text(prices + "  third: {input: 0.5, output: 2}\n")
    asked = [json.loads(line) for line in (work / "triage.jsonl").read_text().splitlines()]
    said = {}
    for number, row in enumerate(asked):
        third = json.loads(json.dumps(row["responses"]["large"]))
        row["responses"]["third"] = third
        for model, wrong in (("small", number % 3 == 0), ("third", number % 6 == 0)):
            if wrong:
                choice = row["responses"][model]["completion"]["choices"][0]
                choice["message"]["content"] = "no label at all"
    (work / "triage.jsonl").write_text("".join(json.dumps(row) + "\n" for row in asked))
    policy = CASCADE.replace("[small, large]", models)
    (work / "policy.yaml").write_text(policy)
    tried(downroute, "policy.yaml", "triage.jsonl", "--each", "each.jsonl")
    for line in (work / "each.jsonl").read_text().splitlines():
        row = json.loads(line)
        said[row["id"]] = row
    with replay("triage.jsonl") as upstream, serve("--upstream", upstream) as gateway:
        client = openai.OpenAI(base_url=gateway, api_key="none", max_retries=0)
        for row in asked:
            headers = client.chat.completions.with_raw_response.create(
                model="large",
                messages=row["request"]["messages"],
                extra_headers={"x-downroute-task": "triage"},
            ).headers
            simulated = said[f"triage/{row['id']}"]
            assert headers["x-downroute-model"] == simulated["model"]
            assert headers["x-downroute-decision"] == simulated["decision"]
            cost = float(headers["x-downroute-cost-usd"])
            assert math.isclose(cost, simulated["cost_usd"], abs_tol=1e-9)
    served = {row["model"] for row in said.values()}
    assert served == ({"small", "third", "large"} if "third" in models else {"small", "large"})


def test_without_recordings_the_log_and_the_studies_answers_are_used(
    work, recording, downroute, replay
):
    recording(200, large=0, small=0)
    assert downroute("import", "triage.jsonl", "--served", "large").code == 0
    (work / "proposed.yaml").write_text(SWITCH)
    before = downroute("policy", "test", "proposed.yaml")
    assert before.code == 2 and "no answer of small to it is known" in before.err
    with replay("triage.jsonl") as upstream:
        pair = ("--baseline", "large", "--candidate", "small", "--upstream", upstream)
        assert downroute("study", *pair, "--yes").code == 0
    found = tried(downroute, "proposed.yaml", "--upstream", upstream)
    assert found["all"]["calls"] > 0
    assert found["all"]["against"]["all baseline"]["gap"] == 0.0
    # The study has written a policy, which is the one in force.
    assert found["all"]["against"]["policy.yaml"]["changed"] == 0


def test_answers_are_scored_as_the_routes_evidence_was(work, recording, downroute, replay):
    # Nothing in the log says what is right; the recording's own verdicts do.
    rows = [json.loads(line) for line in recording(200, large=0, small=0).read_text().splitlines()]
    for row in rows:
        row.pop("reference", None)
    (work / "triage.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert downroute("import", "triage.jsonl", "--served", "large").code == 0
    with replay("triage.jsonl") as upstream:
        pair = ("--baseline", "large", "--candidate", "small", "--upstream", upstream)
        assert downroute("study", *pair, "--yes", "--scorer", "recorded").code == 0
    (work / "proposed.yaml").write_text(SWITCH)
    for policy in ("policy.yaml", "proposed.yaml"):
        (task,) = tried(downroute, policy, "--upstream", upstream)["tasks"]
        assert task["quality"] == 1.0, policy


def test_what_cannot_be_tried_says_why(work, recording, downroute):
    recording(10, large=0, small=0)
    (work / "other.yaml").write_text(SWITCH.replace("small", "tiny"))
    done = downroute("policy", "test", "other.yaml", "triage.jsonl")
    assert done.code == 2 and "10 × no answer of tiny" in done.err
    assert downroute("policy", "test", "absent.yaml", "triage.jsonl").code == 1
    (work / "empty.jsonl").write_text("")
    assert downroute("policy", "test", "other.yaml", "empty.jsonl").code == 1


def test_rollback_puts_back_the_policy_served_before(work, downroute):
    first, second = SWITCH, CASCADE
    with Store.open(work / ".downroute") as store:
        for at, text in enumerate((first, second)):
            store.ledger.add_policy(text_digest(text), text, "policy.yaml", at=float(at + 1))
    (work / "policy.yaml").write_text(second)
    listed = downroute("policy", "history").out
    assert listed.index(text_digest(first)) < listed.index(text_digest(second))
    assert downroute("policy", "rollback").code == 0
    assert (work / "policy.yaml").read_text() == first
    assert (work / "policy.yaml.before-rollback").read_text() == second
    nothing = downroute("policy", "rollback")
    assert nothing.code == 2 and "policy off" in nothing.err
    assert downroute("policy", "rollback", text_digest(second)[:6]).code == 0
    assert (work / "policy.yaml").read_text() == second
    assert "no served policy" in downroute("policy", "rollback", "feed").err


def test_users_own_checks_are_run_as_the_gateway_runs_them(
    work, recording, downroute, replay, serve
):
    rows = [json.loads(x) for x in recording(40, large=0, small=0).read_text().splitlines()]
    (work / "mine.py").write_text(
        "def polite(answer, request):\n"
        "    return None if 'billing' in answer['text'] else 'bug' not in answer['text']\n"
    )
    own = CASCADE.replace("{one_of: [billing, bug]}", "{python: 'mine:polite'}")
    (work / "proposed.yaml").write_text(own)
    found = tried(downroute, "proposed.yaml", "triage.jsonl", "--each", "each")
    assert found["all"]["decisions"]["escalated"] > 0
    assert found["all"]["decisions"]["accepted"] > 0
    wanted = [json.loads(line) for line in (work / "each").read_text().splitlines()]
    with (
        replay("triage.jsonl") as upstream,
        serve("--policy", "proposed.yaml", "--upstream", upstream) as gateway,
        openai.OpenAI(base_url=gateway, api_key="none", max_retries=0) as client,
    ):
        for row, line in zip(rows[:12], wanted, strict=False):
            said = client.chat.completions.with_raw_response.create(
                model="large",
                messages=row["request"]["messages"],
                extra_headers={"x-downroute-task": "triage"},
            ).headers
            assert said["x-downroute-decision"] == line["decision"]
            assert said["x-downroute-reason"].startswith(line["reason"])
    (work / "proposed.yaml").write_text(own.replace("polite", "missing"))
    broken = downroute("policy", "test", "proposed.yaml", "triage.jsonl")
    assert broken.code == 0
    assert "check cannot tell, 40 times: mine:missing" in broken.err
