"""`downroute study` finds a cascade, buys second opinions where they pay, and what it writes is
what the gateway does."""

from __future__ import annotations

import json
import math
import random

import openai
import pytest
from tests.conftest import LABELS

PAIR = ("study", "--baseline", "large", "--candidate", "small")
ROWS = 400


def lines(file):
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def write(work, *, self_check=False, logprobs=False, helper=False, wrong=0.12):
    """A recording in which the small model is wrong at random, and what it is asked for tells
    where, but for a few."""
    chance = random.Random(7)
    rows = []
    for number in range(ROWS):
        right, other = LABELS[number % 3], LABELS[(number + 1) % 3]
        fails = chance.random() < wrong
        sure = 0.97 - 0.1 * chance.random()
        doubt = (1 - sure if chance.random() < 0.9 else sure) if fails else sure
        responses = {
            "large": response("large", right, 1.0),
            "small": response("small", other if fails else right, float(not fails)),
        }
        if self_check:
            responses["small"]["self_check"] = doubt
        if logprobs:
            token = {"token": other if fails else right, "logprob": math.log(doubt)}
            choice = responses["small"]["completion"]["choices"][0]
            choice["logprobs"] = {"content": [{**token, "top_logprobs": []}]}
        if helper:
            slips = chance.random() < 0.04
            responses["third"] = response("third", other if slips else right, float(not slips))
        # Of the right label nothing is said, or free signals would tell it.
        told = f"Ticket number {number}"
        messages = [
            {"role": "system", "content": "Sort the ticket: billing, bug or other."},
            {"role": "user", "content": told},
        ]
        row = {"id": f"triage/{number}", "task": "triage", "request": {"messages": messages}}
        rows.append({**row, "reference": right, "responses": responses})
    (work / "triage.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return rows


def response(model, text, score):
    choice = {"index": 0, "message": {"role": "assistant", "content": text}}
    completion = {
        "model": f"{model}-2026",
        "choices": [{**choice, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 400, "completion_tokens": 2, "total_tokens": 402},
    }
    return {"completion": completion, "score": score}


def studied(downroute, url, *options):
    done = downroute(*PAIR, "--upstream", url, "--yes", "--json", *options)
    assert done.code in (0, 100, 101), done.err
    report = json.loads(done.out)
    (task,) = report["tasks"]
    return report, task


def price_third(work):
    text = (work / "downroute.yaml").read_text()
    (work / "downroute.yaml").write_text(text + "  third: {input: 0.1, output: 0.4}\n")


def test_a_self_check_is_bought_written_and_served_as_it_was_simulated(
    work, downroute, replay, serve
):
    rows = write(work, self_check=True)
    assert downroute("import", "triage.jsonl", "--served", "large").code == 0
    with replay("triage.jsonl", "--log", "asked.jsonl") as url:
        report, task = studied(downroute, url)
        (bought,) = task["second_opinions"]
        assert (bought["purpose"], bought["used"], bought["asked"]) == ("self_check", True, ROWS)
        assert bought["cost_usd"] > 0
        assert report["spent_usd"] > bought["cost_usd"]
        assert task["verdict"] == "cascade"
        assert task["cascade"]["escalate"]["ask"]["self_check"] == "small"
        (row,) = [d for d in task["detectors"] if d["kind"] == "second opinion"]
        assert row["serves"] and row["cost_usd"] > 0 and row["recall"] > 0.5

        simulated = downroute("policy", "test", "policy.yaml", "--upstream", url, "--each", "e")
        assert simulated.code == 0, simulated.err
        known = {line["id"]: line for line in lines(work / "e")}
        assert len(known) == ROWS
        tested = downroute("policy", "test", "policy.yaml", "triage.jsonl", "--each", "each")
        assert tested.code == 0, tested.err
        wanted = {line["id"]: line for line in lines(work / "each")}
        with (
            serve("--upstream", url) as gateway,
            openai.OpenAI(base_url=gateway, api_key="none", max_retries=0) as client,
        ):
            for row in rows[:60]:
                said = client.chat.completions.with_raw_response.create(
                    model="large",
                    messages=row["request"]["messages"],
                    extra_headers={"x-downroute-task": "triage"},
                ).headers
                line = wanted[row["id"] if row["id"] in wanted else f"triage/{row['id']}"]
                assert said["x-downroute-decision"] == line["decision"]
                assert said["x-downroute-model"] == line["model"]
                cost = float(said["x-downroute-cost-usd"])
                assert math.isclose(cost, line["cost_usd"], abs_tol=1e-9)
    decisions = [line["decision"] for line in wanted.values()]
    assert sorted(decisions) == sorted(line["decision"] for line in known.values())
    assert {*decisions} == {"accepted", "escalated"}


def test_nothing_is_asked_twice_and_a_switched_off_self_check_not_at_all(work, downroute, replay):
    write(work, self_check=True)
    assert downroute("import", "triage.jsonl", "--served", "large").code == 0
    with replay("triage.jsonl", "--log", "asked.jsonl") as url:
        without, task = studied(downroute, url, "--no-self-check")
        assert task["second_opinions"] == []
        assert len(lines(work / "asked.jsonl")) == ROWS
        bought, _ = studied(downroute, url)
        assert len(lines(work / "asked.jsonl")) == 2 * ROWS
        again, _ = studied(downroute, url)
        assert len(lines(work / "asked.jsonl")) == 2 * ROWS
    assert without["spent_usd"] > 0 and bought["spent_usd"] > 0 and again["spent_usd"] == 0


def test_logprobs_are_asked_for_unasked_and_make_second_opinions_not_worth_it(
    work, downroute, replay
):
    write(work, self_check=True, logprobs=True)
    assert downroute("import", "triage.jsonl", "--served", "large").code == 0
    with replay("triage.jsonl") as url:
        _, task = studied(downroute, url)
        assert task["verdict"] == "cascade"
        assert "ask" not in task["cascade"]["escalate"]
        score = task["cascade"]["escalate"]["score"]
        assert any("logprob" in name or name == "answer_odds" for name in score)
        (left,) = task["second_opinions"]
        assert not left["used"] and left["why"]
        tested = downroute("policy", "test", "policy.yaml", "--upstream", url, "--json")
    decisions = json.loads(tested.out)["tasks"][0]["decisions"]
    assert decisions["accepted"] + decisions["escalated"] == ROWS


def test_a_helper_is_asked_within_the_plan_and_serves(work, downroute, replay):
    write(work, helper=True)
    price_third(work)
    assert downroute("import", "triage.jsonl", "--served", "large").code == 0
    helper = ("--helper", "third", "--no-self-check")
    with replay("triage.jsonl") as url:
        planned = downroute(*PAIR, "--upstream", url, "--plan", "--json", *helper)
        (ahead,) = json.loads(planned.out)["tasks"][0]["second_opinions"]
        _, task = studied(downroute, url, *helper)
    assert (ahead["purpose"], ahead["model"], ahead["calls"]) == ("helper", "third", ROWS)
    assert task["second_opinions"][0]["cost_usd"] == pytest.approx(ahead["cost_usd"])
    assert task["cascade"]["escalate"]["ask"]["helper"] == "third"


def test_an_upstream_without_self_checks_leaves_the_free_signals(work, downroute, replay):
    write(work)
    assert downroute("import", "triage.jsonl", "--served", "large").code == 0
    with replay("triage.jsonl", "--log", "asked.jsonl") as url:
        _, task = studied(downroute, url)
    assert task["no_cascade"] or "ask" not in task["cascade"]["escalate"]
    (left,) = task["second_opinions"]
    assert "could not be asked" in left["why"]
    assert sum(line["status"] != 200 for line in lines(work / "asked.jsonl")) <= 5


def test_targets_choose_among_what_is_shown(work, downroute, replay):
    write(work, logprobs=True)
    assert downroute("import", "triage.jsonl", "--served", "large").code == 0
    with replay("triage.jsonl") as url:
        _, cheapest = studied(downroute, url)
        _, careful = studied(downroute, url, "--target-escalation", "0.4")
        _, good = studied(downroute, url, "--target-quality", "0.985")
        _, strict = studied(downroute, url, "--strict")
        _, never = studied(downroute, url, "--target-quality", "1")
    chosen = careful["cascade"]["chosen"]
    shown = [p["escalation"] for p in careful["cascade"]["curve"] if p["passed"]]
    assert chosen["escalation"] == min(shown, key=lambda share: abs(share - 0.4))
    assert chosen["escalation"] > cheapest["cascade"]["chosen"]["escalation"]
    assert good["cascade"]["chosen"]["gap"] <= 0.015
    assert strict["cascade"]["calibrated_on"] == ROWS // 2
    assert never["cascade"] is None or never["cascade"]["chosen"]["gap"] == 0.0
    assert cheapest["cascade"]["oracle"]["saving"] >= cheapest["cascade"]["chosen"]["saving"]
    assert cheapest["cascade"]["random_split"]["passed"]


def test_mistakes_of_a_cascades_options_are_one_clear_line(work, downroute):
    for options, said in (
        (("--helper", "large"), "is the baseline"),
        (("--helper", "small"), "is the candidate"),
        (("--target-quality", "0.9", "--target-escalation", "0.1"), "name one of"),
    ):
        done = downroute(*PAIR, *options)
        assert done.code == 2 and said in done.err
