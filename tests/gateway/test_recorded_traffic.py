"""Recorded traffic of real models through the gateway: only what was proven is routed."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from downroute.providers.replay.recordings import load
from downroute.providers.replay.server import serving

from .running import Loop, Start

RECORDED = Path(__file__).resolve().parents[2] / ".." / "shared" / "recorded"
TASKS = ("gsm", "numersense", "rag-json")
ROWS = 25
POLICY = """
version: 1
routes:
  - {task: gsm, models: [gpt-4o-mini], baseline: gpt-4o, unproven: true}
"""

pytestmark = pytest.mark.skipif(
    not all((RECORDED / f"{task}.jsonl.gz").exists() for task in TASKS),
    reason="the recordings are not beside this checkout",
)


def rows(task: str) -> list[Any]:
    with gzip.open(RECORDED / f"{task}.jsonl.gz") as file:
        return [json.loads(line) for line in islice(file, ROWS)]


@pytest.fixture(scope="module")
def recorded(loop: Loop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    file = tmp_path_factory.mktemp("recorded") / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for task in TASKS for row in rows(task)))
    server = serving(load([file]))
    yield loop.run(server.__aenter__())
    loop.run(server.__aexit__(None, None, None))


@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize(
    ("task", "declared", "model"),
    [
        ("gsm", "gsm", "gpt-4o-mini"),
        ("gsm", None, "gpt-4o"),
        ("numersense", "numersense", "gpt-4o"),
        ("numersense", None, "gpt-4o"),
    ],
)
def test_recorded_requests_are_answered_by_the_model_their_task_was_proven_for(
    start: Start, recorded: str, task: str, declared: str | None, model: str, streamed: bool
) -> None:
    gateway = start(POLICY, f"upstreams: {{replay: {{base_url: '{recorded}'}}}}")
    with gateway.client() as client:
        for row in rows(task):
            answer = client.chat.completions.with_raw_response.create(
                model="gpt-4o",
                messages=row["request"]["messages"],
                stream=streamed,
                extra_headers={"x-downroute-task": declared} if declared else {},
            )
            parsed: Any = answer.parse()
            if streamed:
                said = "".join(c.choices[0].delta.content or "" for c in parsed)
            else:
                said = parsed.choices[0].message.content
            wanted = row["responses"][model]["completion"]["choices"][0]["message"]["content"]
            assert said == wanted
            assert answer.headers["x-downroute-model"] == model
    assert {c.model for c in gateway.calls(ROWS)} == {model}


SCHEMAS = """
version: 1
routes:
  - {task: rag-json, models: [llama-3-8b, gpt-4o], unproven: true}
"""


@pytest.mark.parametrize("streamed", [True, False])
def test_no_malformed_answer_reaches_who_asked_by_schema_but_the_last_model_s_own(
    start: Start, recorded: str, streamed: bool
) -> None:
    gateway = start(SCHEMAS, f"upstreams: {{replay: {{base_url: '{recorded}'}}}}")
    small, caught = {True: 0, False: 0}, 0
    with gateway.client() as client:
        for row in rows("rag-json"):
            schema = {"name": "row", "schema": row["schema"]}
            answer = client.chat.completions.with_raw_response.create(
                model="gpt-4o",
                messages=row["request"]["messages"],
                response_format={"type": "json_schema", "json_schema": schema},
                stream=streamed,
                extra_headers={"x-downroute-task": "rag-json"},
            )
            parsed: Any = answer.parse()
            said = (
                "".join(c.choices[0].delta.content or "" for c in parsed)
                if streamed
                else parsed.choices[0].message.content
            )
            model = answer.headers["x-downroute-model"]
            follows = row["responses"]["llama-3-8b"]["score"] == 1.0
            small[follows] += 1
            caught += model == "gpt-4o"
            assert (model == "llama-3-8b") is follows
            sent = row["responses"][model]["completion"]["choices"][0]["message"]["content"]
            assert said == sent
    assert min(small.values()) > 0 and caught == small[False]
