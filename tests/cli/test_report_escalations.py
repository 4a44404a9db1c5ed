"""`report --escalations` on what a gateway served over replayed answers, and what its suggestions
do under `policy test`."""

from __future__ import annotations

import gzip
import http.client
import json
import random
from pathlib import Path
from urllib.parse import urlsplit

import pytest

RECORDED = Path(__file__).resolve().parents[2] / ".." / "shared" / "recorded"
SCORE = "escalate: {score: {intercept: 0.5, calls_out: -1}, above: 0}"
JSON = "checks: [{json_valid: {fenced: true}}]"
POLICY = "version: 1\nroutes:\n  # cheap first\n  - task: mix\n    models: [small, large]\n"


def rows(*parts: tuple[str, int]) -> list[dict]:
    """The first rows of recordings as one task of the models `small` and `large`, mixed."""
    mixed = []
    for name, most in parts:
        with gzip.open(RECORDED / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
            found = [json.loads(line) for line in lines]
        for number, row in enumerate(random.Random(name).sample(found, min(most, len(found)))):
            known = row["responses"]
            responses = {"small": known["gpt-4o-mini"], "large": known["gpt-4o"]}
            mixed.append({**row, "id": f"{name}-{number}", "task": "mix", "responses": responses})
    random.Random(1).shuffle(mixed)
    return mixed


def served(work, replay, serve, mixed, route, bodies="full") -> dict[str, str]:
    """Serve ``mixed`` by a cascade; each call's id with the recording its request is of."""
    (work / "policy.yaml").write_text(f"{POLICY}    {route}\n    unproven: true\n")
    with (work / "downroute.yaml").open("a") as settings:
        settings.write(f"store: {{bodies: {bodies}}}\n")
    text = "".join(json.dumps(row) + "\n" for row in mixed)
    (work / "mixed.jsonl").write_text(text)
    origin = {}
    with replay("mixed.jsonl") as upstream, serve("--upstream", f"{upstream}/v1") as gateway:
        client = http.client.HTTPConnection(urlsplit(gateway).netloc)
        for row in mixed:
            body = json.dumps({**row["request"], "model": "large"})
            headers = {"content-type": "application/json", "x-downroute-task": "mix"}
            client.request("POST", "/v1/chat/completions", body, headers)
            reply = client.getresponse()
            reply.read()
            assert reply.status == 200
            origin[reply.headers["x-downroute-call-id"]] = row["slice"] or row["id"]
        client.close()
    return origin


def reported(downroute, *arguments: str) -> dict:
    done = downroute("report", "--escalations", "--json", *arguments)
    assert done.code == 0, done.err
    (task,) = json.loads(done.out)["tasks"]
    return task


def tried(downroute, file: str) -> tuple[float, int]:
    """What all requests cost by a policy more than by the one in force, and its escalations."""
    assert downroute("policy", "check", "--policy", file).code == 0
    done = downroute("policy", "test", file, "mixed.jsonl", "--against", "policy.yaml", "--json")
    assert done.code == 0, done.err
    (task,) = json.loads(done.out)["tasks"]
    other = task["against"]["policy.yaml"]["other"]
    before, after = (t["decisions"].get("escalated", 0) for t in (other, task))
    return task["cost_usd"] - other["cost_usd"], after - before


def holds(downroute, group) -> None:
    """What the report says of going straight to the baseline is what `policy test` finds."""
    files = {s["kind"]: s["file"] for s in group["suggestions"]}
    more_usd, more_escalations = tried(downroute, files["baseline"])
    effect = group["effect"]
    slack = 1e-9
    assert effect["total_usd"]["low"] - slack <= more_usd <= effect["total_usd"]["high"] + slack
    assert more_escalations == -effect["escalations"]
    assert tried(downroute, files["own_route"]) == (pytest.approx(0), 0)


needs_recordings = pytest.mark.skipif(
    not RECORDED.is_dir(), reason="the recordings are not on this machine"
)


@needs_recordings
@pytest.mark.parametrize("bodies", ["full", "none"])
def test_a_task_mixed_into_another_is_found_and_its_diff_does_what_it_says(
    work, downroute, replay, serve, bodies
):
    mixed = [{"slice": None, **row} for row in rows(("gsm", 150), ("mmlu", 50))]
    origin = served(work, replay, serve, mixed, JSON, bodies)
    task = reported(downroute, "--suggest", "tried", "--html", "page.html")
    (group,) = task["groups"]
    assert (group["calls"], group["share"]["estimate"]) == (50, 1.0)
    assert {origin[e["id"]].split("-")[0] for e in group["examples"]} == {"mmlu"}
    assert task["useful"]["unknown"] < 55 if bodies == "full" else task["useful"]["unknown"] >= 50
    assert (work / "page.html").read_text().startswith("<!doctype html>")
    holds(downroute, group)


@needs_recordings
def test_a_slice_of_a_task_is_found_and_its_diff_does_what_it_says(work, downroute, replay, serve):
    origin = served(work, replay, serve, rows(("tools-simple", 400)), SCORE)
    group = reported(downroute, "--suggest", "tried")["groups"][0]
    assert {origin[e["id"]] for e in group["examples"]} == {"relevance"}
    assert group["lift"] > 3
    holds(downroute, group)


def test_a_recording_of_ours_is_served_reported_and_printed(
    work, downroute, recording, replay, serve
):
    file = recording(90, large=0, small=0)
    mixed = []
    for line in file.read_text().splitlines():
        row = json.loads(line)
        if row["reference"] == "bug":
            content = row["responses"]["small"]["completion"]["choices"][0]["message"]
            content["content"] = "It is a bug"
        mixed.append({"slice": None, **row, "task": "mix"})
    served(work, replay, serve, mixed, "checks: [{one_of: [billing, bug, other]}]")
    done = downroute("report", "--escalations", "--task", "mix", "--html", "page.html")
    assert done.code == 0, done.err
    assert "escalated  30 of 90 judged answers, 33.3 %" in done.out
    assert "check one_of failed" in done.out
    assert "30 of 30 did not pass, 100.0 %" in done.out
    assert "+    models: [large]" in done.out and "policy test FILE --task mix" in done.out
    assert "Answer with exactly one of these and nothing else: billing, bug, other." in done.out
    assert downroute("report", "--escalations", "--task", "none").out.startswith("no answer of")


def test_options_of_escalations_are_refused_elsewhere(work, downroute, recording):
    recording(3, large=0, small=0)
    assert downroute("import", "triage.jsonl", "--served", "large").code == 0
    done = downroute("report", "--task", "triage")
    assert done.code == 2 and "add --escalations" in done.err
    done = downroute("report", "--escalations")
    assert done.code == 0 and "no answer was judged" in done.out
