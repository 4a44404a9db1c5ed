"""The whole loop: a log in, a verdict, a policy, live traffic by it, and its log studied again."""

from __future__ import annotations

import json
import time

import openai
import pytest

from downroute.store import Store


def ask(client, number, task=None):
    label = ("billing", "bug", "other")[number % 3]
    messages = [
        {"role": "system", "content": "Sort the triage ticket: billing, bug or other."},
        {"role": "user", "content": f"Ticket number {number} about {label} of triage"},
    ]
    return client.chat.completions.with_raw_response.create(
        model="large",
        messages=messages,
        extra_headers={"x-downroute-task": task} if task else {},
    )


def test_from_a_log_to_a_saving_and_round_again(work, recording, downroute, replay, serve):
    recording(300, large=4, small=5)
    assert downroute("import", "triage.jsonl", "--served", "large").code == 0
    audit = json.loads(downroute("audit", "--json").out)
    assert [t["task"] for t in audit["tasks"]] == ["triage"]

    with replay("triage.jsonl", "--log", "asked.jsonl") as upstream:
        pair = ("study", "--baseline", "large", "--candidate", "small", "--upstream", upstream)
        first = downroute(*pair, "--yes", "--json")
        assert first.code == 0, first.err
        (verdict,) = json.loads(first.out)["tasks"]
        assert verdict["verdict"] == "route"
        assert downroute("policy", "check").code == 0

        measured = len(lines(work / "asked.jsonl"))
        config = work / "downroute.yaml"
        config.write_text(config.read_text() + "store: {bodies: full}\n")
        with (
            serve("--upstream", upstream) as gateway,
            openai.OpenAI(base_url=gateway, api_key="none", max_retries=0) as client,
        ):
            routed = [ask(client, n, "triage") for n in range(60)]
            # The same request is recognised by its system prompt as well.
            assert ask(client, 60).headers["x-downroute-model"] == "small"
            assert {r.headers["x-downroute-decision"] for r in routed} == {"direct"}
            assert {r.parse().model for r in routed} == {"small-2026"}
            assert downroute("policy", "off").code == 0
            bypassed = until(lambda: ask(client, 61, "triage"), "bypassed")
            assert bypassed.headers["x-downroute-model"] == "large"
            for number in range(100, 200):
                ask(client, number, "triage")

        report = json.loads(downroute("report", "--json").out)
        served = lines(work / "asked.jsonl")[measured:]
        assert report["calls"] == len(served)
        assert report["spent_usd"] == pytest.approx(spent(served))
        again = downroute(*pair, "--yes", "--json", "--examples", "100", "--policy", "second.yaml")
    assert again.code in (0, 101), again.err
    assert json.loads(again.out)["tasks"][0]["examples"] == 100


def until(step, decision):
    """The first reply with this decision; a switch takes effect within a second."""
    patience = time.monotonic() + 20
    while time.monotonic() < patience:
        reply = step()
        if reply.headers["x-downroute-decision"] == decision:
            return reply
        time.sleep(0.02)
    raise AssertionError(f"never {decision}")


def lines(file):
    return [json.loads(line) for line in file.read_text().splitlines()]


def spent(served):
    """The gateway's spending, recomputed from the upstream's own log alone."""
    rates = {"large": (2.5e-6, 10e-6), "small": (0.15e-6, 0.6e-6)}
    return sum(
        line["usage"]["prompt_tokens"] * rates[line["model"]][0]
        + line["usage"]["completion_tokens"] * rates[line["model"]][1]
        for line in served
    )


def test_the_gateways_calls_are_a_log_like_any_other(work, recording, downroute, replay, serve):
    recording(120, large=0, small=0)
    config = work / "downroute.yaml"
    config.write_text(config.read_text() + "store: {bodies: full}\n")
    with replay("triage.jsonl") as upstream:
        with (
            serve("--upstream", upstream) as gateway,
            openai.OpenAI(base_url=gateway, api_key="none", max_retries=0) as client,
        ):
            replies = [ask(client, n, "triage") for n in range(120)]
            assert {r.headers["x-downroute-decision"] for r in replies} == {"observed"}
        with Store.open(work / ".downroute") as store:
            assert store.calls.count() == 120
        done = downroute(
            "study", "--baseline", "large", "--candidate", "small", "--upstream", upstream,
            "--yes", "--json",
        )  # fmt: skip
    assert done.code == 0, done.err
    (task,) = json.loads(done.out)["tasks"]
    # No references: every answer is the same, and ties need no grades.
    assert task["verdict"] == "route" and task["graded"] == 0 and task["gap"] == 0.0
