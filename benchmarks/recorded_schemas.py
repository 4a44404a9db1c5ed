"""Recorded answers to requests that bring a JSON Schema, served by a cascade without any check of
its own: which malformed answers are caught, and what reaches the client.

    python benchmarks/recorded_schemas.py ../shared/recorded/rag-json.jsonl.gz

Serves the recording with `downroute replay` behind `downroute serve` and asks every request plain
and streamed with the official client, the row's schema as its `response_format`. What is malformed
is what the recording's own source says. Prints Markdown.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai

DOWNROUTE = [sys.executable, "-m", "downroute"]
POLICY = "version: 1\nroutes:\n  - {task: rag, models: [SMALL, LARGE], unproven: true}\n"
COLUMNS = (
    *("requests", "malformed", "caught", "false alarms"),
    *("sent malformed", "of the last model"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recording", type=Path)
    parser.add_argument("--small", default="llama-3-8b")
    parser.add_argument("--large", default="gpt-4o")
    options = parser.parse_args()
    with gzip.open(options.recording) as lines:
        rows = [json.loads(line) for line in lines]
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        policy = POLICY.replace("SMALL", options.small).replace("LARGE", options.large)
        (work / "policy.yaml").write_text(policy)
        recording = str(options.recording.resolve())
        with (
            _running(work, "replay", recording, "--port", "0") as upstream,
            _running(work, "serve", "--upstream", upstream, "--port", "0") as url,
            openai.OpenAI(base_url=url, api_key="any", max_retries=0) as client,
        ):
            print(f"| asked | {' | '.join(COLUMNS)} |")
            print("|---" * (1 + len(COLUMNS)) + "|")
            for stream in (False, True):
                found = Counter[str]()
                for row in rows:
                    found.update(_outcome(client, row, options.small, options.large, stream))
                print(_line("streamed" if stream else "plain", found))


def _outcome(
    client: openai.OpenAI, row: Any, small: str, large: str, stream: bool
) -> Iterator[str]:
    wanted = {"type": "json_schema", "json_schema": {"name": "row", "schema": row["schema"]}}
    reply = client.chat.completions.with_raw_response.create(
        model=large,
        messages=row["request"]["messages"],
        response_format=wanted,
        stream=stream,
        extra_headers={"x-downroute-task": "rag"},
    )
    for _ in reply.parse() if stream else ():
        pass
    model = reply.headers["x-downroute-model"]
    good = {name: answer["score"] == 1.0 for name, answer in row["responses"].items()}
    yield "requests"
    if not good[small]:
        yield "malformed"
    if model == large:
        yield "false alarms" if good[small] else "caught"
    if not good[model]:
        yield "sent malformed"
        if model == large:
            yield "of the last model"


def _line(name: str, found: Counter[str]) -> str:
    return f"| {name} | {' | '.join(str(found[column]) for column in COLUMNS)} |"


@contextlib.contextmanager
def _running(work: Path, *command: str) -> Iterator[str]:
    """A downroute command that serves, on a free port; yields the URL it prints."""
    server = subprocess.Popen(
        [*DOWNROUTE, *command],
        cwd=work,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert server.stdout is not None
        for line in server.stdout:
            urls = [word for word in line.split() if word.startswith("http://")]
            if urls:
                yield urls[0].rstrip(",;")
                break
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
