"""`downroute study` with two candidates, or one asked twice: a ladder where that saves more."""

from __future__ import annotations

import json
import math
import random
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import openai
import pytest
from tests.cli.test_study_cascades import LABELS, lines, response

ROWS = 400
WRONG = {"small": 0.35, "middle": 0.07}


def said(model, right, other, chance):
    """An answer whose logprob tells nearly always whether it is right."""
    fails = chance.random() < WRONG[model]
    sure = 0.97 - 0.1 * chance.random()
    doubt = (1 - sure if chance.random() < 0.97 else sure) if fails else sure
    text = other if fails else right
    found = response(model, text, float(not fails))
    token = {"token": text, "logprob": math.log(doubt), "top_logprobs": []}
    found["completion"]["choices"][0]["logprobs"] = {"content": [token]}
    return found


def write(work):
    chance = random.Random(3)
    rows = []
    for number in range(ROWS):
        right, other = LABELS[number % 3], LABELS[(number + 1) % 3]
        responses = {"large": response("large", right, 1.0)}
        responses |= {model: said(model, right, other, chance) for model in WRONG}
        messages = [
            {"role": "system", "content": "Sort the ticket: billing, bug or other."},
            {"role": "user", "content": f"Ticket number {number}"},
        ]
        row = {"id": f"triage/{number}", "task": "triage", "request": {"messages": messages}}
        rows.append({**row, "reference": right, "responses": responses})
    (work / "triage.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    text = (work / "downroute.yaml").read_text()
    (work / "downroute.yaml").write_text(text + "  middle: {input: 0.6, output: 2.4}\n")
    return rows


def studied(downroute, url, *options):
    done = downroute(
        "study", "--baseline", "large", "--candidate", "small", "--upstream", url, "--yes",
        "--json", *options,
    )  # fmt: skip
    assert done.code in (0, 100, 101), done.err
    (task,) = json.loads(done.out)["tasks"]
    return task


def test_two_candidates_make_a_ladder_which_serves_what_was_simulated(
    work, downroute, replay, serve
):
    rows = write(work)
    assert downroute("import", "triage.jsonl", "--served", "large").code == 0
    with replay("triage.jsonl") as url:
        two = studied(downroute, url)
        task = studied(downroute, url, "--candidate", "middle", "--html", "page.html")
        assert two["models"] == ["small", "large"]
        assert task["models"] == ["small", "middle", "large"]
        assert task["saving_share"] > two["saving_share"] + 0.05
        answered = task["cascade"]["answered"]
        assert sum(answered) == pytest.approx(1.0)
        assert answered[0] > 0.5 > answered[1] > answered[2]
        assert {o["candidate"] for o in task["others"]} == {"middle"}
        assert {"small", "middle", "large"} <= set(task["evidence"]["mean_cost_usd"])
        assert set(task["evidence"]["snapshots"]) == {"small", "middle"}
        page = " ".join((work / "page.html").read_text().split())
        assert "small answers first, then middle" in page
        assert downroute("policy", "check", "--policy", "policy.yaml").code == 0

        tested = downroute(
            "policy", "test", "policy.yaml", "triage.jsonl", "--each", "each", "--json"
        )
        assert tested.code == 0, tested.err
        wanted = {line["id"]: line for line in lines(work / "each")}
        with (
            serve("--upstream", url) as gateway,
            openai.OpenAI(base_url=gateway, api_key="none", max_retries=0) as client,
        ):
            for row in rows[:40]:
                got = client.chat.completions.with_raw_response.create(
                    model="large",
                    messages=row["request"]["messages"],
                    extra_headers={"x-downroute-task": "triage"},
                ).headers
                line = wanted[row["id"]] if row["id"] in wanted else wanted[f"triage/{row['id']}"]
                assert got["x-downroute-model"] == line["model"]
                assert got["x-downroute-decision"] == line["decision"]
                cost = float(got["x-downroute-cost-usd"])
                assert math.isclose(cost, line["cost_usd"], abs_tol=1e-9)
    served = Counter(line["model"] for line in wanted.values())
    for model, share in zip(task["models"], answered, strict=True):
        assert served[model] / ROWS == pytest.approx(share, abs=0.02)


def test_an_answer_given_twice_makes_a_retry_where_that_saves_more(work, downroute):
    write(work)
    assert downroute("import", "triage.jsonl", "--served", "large").code == 0
    with moody(work) as url:
        once = studied(downroute, url)
        task = studied(downroute, url, "--repeats", "2")
    assert once["models"] == ["small", "large"]
    assert task["models"] == ["small", "small", "large"]
    assert task["saving_share"] > once["saving_share"]


@contextmanager
def moody(work) -> Iterator[str]:
    """An upstream that answers anew each time it is asked the same."""
    rows = [json.loads(line) for line in (work / "triage.jsonl").read_text().splitlines()]
    rights = {row["request"]["messages"][1]["content"]: row["reference"] for row in rows}
    asked: Counter[str] = Counter()
    lock = threading.Lock()

    class Answers(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            question = body["messages"][1]["content"]
            with lock:
                asked[question] += 1
                chance = random.Random(f"{question} {asked[question]}")
            right = rights[question]
            other = LABELS[(LABELS.index(right) + 1) % 3]
            told = {"id": "c", "object": "chat.completion", "created": 0,
                    **said("small", right, other, chance)["completion"]}  # fmt: skip
            sent = json.dumps(told).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
