"""Does ``policy test`` say what the gateway then does? The same requests of six recorded tasks are
simulated, then served by ``downroute serve`` over ``downroute replay``; decision, model and cost
are compared request by request:

    python benchmarks/policy_test_parity.py ../shared/recorded

prints a table in Markdown and every request on which the two differ.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp

from downroute.importers.recording import read_recordings
from downroute.records import Call

POLICY = """
version: 1
routes:
  - task: mmlu
    models: [gpt-4o-mini, gpt-4o]
    escalate: {score: {intercept: 0, min_logprob: -1}, above: 0.4}
    unproven: true
  - task: triviaqa
    models: [gpt-4o-mini, gpt-4o]
    escalate:
      score: {intercept: 0}
      ask: {self_check: gpt-4o-mini, between: [-1, 1], score: {intercept: 1, self_check: -1},
            above: 0.3}
    unproven: true
  - task: gsm
    models: [claude-3-haiku, gpt-4o]
    escalate:
      score: {intercept: 0}
      ask: {helper: gpt-4o-mini, between: [-1, 1], score: {intercept: 1, agreement: -1}, above: 0.5}
    unproven: true
  - {task: tools-simple, models: [gpt-4o-mini], baseline: gpt-4o, unproven: true}
  - {task: tools-complex, models: [gpt-4o-mini, gpt-4o], checks: [tool_call_valid], unproven: true}
  - {task: rag-json, models: [llama-3-8b, gpt-4o], checks: [json_schema], unproven: true}
"""
PRICES = """
prices: {llama-3-8b: {input: 0.2, output: 0.2}, claude-3-haiku: {input: 0.25, output: 1.25}}
"""
TASKS = ("mmlu", "triviaqa", "gsm", "tools-simple", "tools-complex", "rag-json")
AT_ONCE = 16
EQUAL_USD = 1e-9


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("recorded", type=Path)
    recorded = arguments.parse_args().recorded.resolve()
    files = [recorded / f"{task}.jsonl.gz" for task in TASKS]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "policy.yaml").write_text(POLICY)
        (folder / "downroute.yaml").write_text(PRICES)
        simulated = _simulated(folder, files)
        with (
            _serving(folder, "replay", *map(str, files), "--port", "0") as upstream,
            _serving(folder, "serve", "--upstream", f"{upstream}/v1", "--port", "0") as gateway,
        ):
            served = asyncio.run(_served(gateway, files))
    _report(simulated, served)


def _simulated(folder: Path, files: list[Path]) -> dict[str, dict[str, Any]]:
    command = [sys.executable, "-m", "downroute", "policy", "test", "policy.yaml", *map(str, files)]
    subprocess.run(
        [*command, "--each", "each.jsonl"], cwd=folder, check=True, stdout=subprocess.DEVNULL
    )
    rows = map(json.loads, (folder / "each.jsonl").read_text().splitlines())
    return {row["id"]: row for row in rows}


async def _served(gateway: str, files: list[Path]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    calls = [c for c in read_recordings(files, "gpt-4o") if isinstance(c, Call)]
    left = iter(calls)

    async def client(session: aiohttp.ClientSession) -> None:
        for call in left:
            async with session.post(
                f"{gateway}/v1/chat/completions",
                json={**(call.request or {}), "model": "gpt-4o"},
                headers={"x-downroute-task": str(call.task)},
            ) as reply:
                await reply.read()
                said = reply.headers
                found[f"{call.task}/{call.row}"] = {
                    "task": call.task,
                    "decision": said["x-downroute-decision"],
                    "model": said["x-downroute-model"],
                    "cost_usd": float(said["x-downroute-cost-usd"]),
                }

    async with aiohttp.ClientSession() as session:
        await asyncio.gather(*(client(session) for _ in range(AT_ONCE)))
    return found


def _report(simulated: dict[str, dict[str, Any]], served: dict[str, dict[str, Any]]) -> None:
    print("| task | requests | same decision, model | same cost | simulated | served |")
    print("|---|---|---|---|---|---|")
    differing = []
    for task in TASKS:
        rows = [i for i, row in simulated.items() if row["task"] == task]
        told: Counter[str] = Counter()
        spent = [0.0, 0.0]
        for row in rows:
            ours, theirs = simulated[row], served[row]
            told["way"] += all(ours[k] == theirs[k] for k in ("decision", "model"))
            told["cost"] += abs(ours["cost_usd"] - theirs["cost_usd"]) < EQUAL_USD
            spent[0] += ours["cost_usd"]
            spent[1] += theirs["cost_usd"]
            if any(ours[k] != theirs[k] for k in ("decision", "model")):
                differing.append((row, ours, theirs))
        print(
            f"| {task} | {len(rows):,} | {told['way']:,} | {told['cost']:,} | ${spent[0]:.6f} "
            f"| ${spent[1]:.6f} |"
        )
    for row, ours, theirs in differing:
        print(f"- {row}: simulated {ours}, served {theirs}")


@contextmanager
def _serving(folder: Path, *arguments: str) -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "downroute", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        found = re.search(r"http://[\d.:]+", process.stdout.readline())
        assert found is not None
        yield found.group()
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    main()
