"""The whole loop on real recorded answers, among them tasks that look alike to the gateway."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import urllib.request
from pathlib import Path

import openai
import pytest

from downroute.store import Store

RECORDED = Path(__file__).resolve().parents[1] / ".." / "shared" / "recorded"
LOOK_ALIKE = ("gsm", "math-l5", "numersense", "finance-code", "translate")
SERVED = {"translate": "claude-3.5-sonnet"}

pytestmark = pytest.mark.skipif(not RECORDED.is_dir(), reason="no recordings beside the checkout")


@pytest.fixture
def prices(work):
    listed = json.loads((RECORDED / "prices.json").read_text())["models"]
    lines = [f"  {name}: {json.dumps(price)}" for name, price in listed.items()]
    (work / "downroute.yaml").write_text("prices:\n" + "\n".join(lines) + "\n")
    return {m: (p["input"] / 1e6, p["output"] / 1e6) for m, p in listed.items()}


def rows(task):
    with gzip.open(RECORDED / f"{task}.jsonl.gz", "rt") as file:
        return [json.loads(line) for line in file]


def test_a_proven_task_moves_and_its_look_alikes_do_not(work, prices, downroute, replay, serve):
    files = {task: str(RECORDED / f"{task}.jsonl.gz") for task in LOOK_ALIKE}
    for task, file in files.items():
        assert downroute("import", file, "--served", SERVED.get(task, "gpt-4o")).code == 0
    with replay(*files.values(), "--log", "asked.jsonl") as upstream:
        done = downroute(
            "study", "--task", "gsm", "--task", "numersense", "--baseline", "gpt-4o",
            "--candidate", "gpt-4o-mini", "--scorer", "recorded", "--upstream", upstream,
            "--no-cascade", "--yes", "--json",
        )  # fmt: skip
        verdicts = {t["task"]: t for t in json.loads(done.out)["tasks"]}
        assert verdicts["gsm"]["verdict"] == "route"
        assert verdicts["numersense"]["verdict"] != "route"
        assert "x-downroute-task" not in (work / "policy.yaml").read_text()
        before = len((work / "asked.jsonl").read_text().splitlines())
        with serve("--upstream", upstream) as gateway:
            seen = asyncio.run(traffic(gateway))
        report = json.loads(downroute("report", "--json").out)
    assert seen == {
        ("gsm", "declared"): {"gpt-4o-mini"},
        ("gsm", "bare"): {"gpt-4o"},
        ("numersense", "declared"): {"gpt-4o"},
        ("numersense", "bare"): {"gpt-4o"},
    }
    with Store.open(work / ".downroute") as store:
        assert sum(call.source == "gateway" for call in store.calls.each()) == 1000
    lines = (work / "asked.jsonl").read_text().splitlines()[before:]
    asked = [json.loads(line) for line in lines]
    spent = sum(
        line["usage"]["prompt_tokens"] * prices[line["model"]][0]
        + line["usage"]["completion_tokens"] * prices[line["model"]][1]
        for line in asked
    )
    assert len(asked) == 1000
    assert report["spent_usd"] == pytest.approx(spent, rel=1e-9)


async def traffic(gateway):
    """1,000 calls at concurrency 32; which model answered each kind of call."""
    slots = asyncio.Semaphore(32)
    seen: dict[tuple[str, str], set[str]] = {}

    async def ask(client, task, row, declared, stream):
        async with slots:
            reply = await client.chat.completions.with_raw_response.create(
                model="gpt-4o",
                messages=row["request"]["messages"],
                stream=stream,
                extra_headers={"x-downroute-task": task} if declared else {},
            )
            model = reply.headers["x-downroute-model"]
            seen.setdefault((task, "declared" if declared else "bare"), set()).add(model)
            said = row["responses"][model]["completion"]["choices"][0]["message"]["content"]
            if stream:
                pieces = [c.choices[0].delta.content or "" async for c in reply.parse()]
                assert "".join(pieces) == said
            else:
                assert reply.parse().choices[0].message.content == said

    async with openai.AsyncOpenAI(base_url=gateway, api_key="none", max_retries=0) as client:
        calls = [
            ask(client, task, row, number % 2 == 0, number % 5 == 0)
            for task in ("gsm", "numersense")
            for number, row in enumerate(rows(task)[:500])
        ]
        await asyncio.gather(*calls)
    return seen


def test_a_reply_is_the_upstreams_byte_for_byte(work, downroute, replay, serve):
    row = rows("gsm")[0]
    body = json.dumps({"model": "gpt-4o", "messages": row["request"]["messages"]}).encode()

    def post(url):
        request = urllib.request.Request(
            f"{url}/v1/chat/completions", body, {"content-type": "application/json"}
        )
        with urllib.request.urlopen(request) as reply:
            return reply.read()

    with replay(str(RECORDED / "gsm.jsonl.gz")) as upstream, serve("--upstream", upstream) as url:
        direct, through = post(upstream), post(url)
    # Each reply has an id and a time of its own; every other byte is the upstream's.
    own = re.compile(rb'"id": ?"[^"]*"|"created": ?\d+')
    assert own.sub(b"", through) == own.sub(b"", direct)
    assert len(own.findall(through)) == 2
