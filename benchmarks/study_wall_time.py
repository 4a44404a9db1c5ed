"""How long a study takes against the least it could: the sum of upstream latencies over the
concurrency.

    python benchmarks/study_wall_time.py

One task of 400 requests whose answers never decide before the last look, on `downroute replay`
with a fixed latency, through the real command line; start-up and reading the log included.
"""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

DOWNROUTE = [sys.executable, "-m", "downroute"]
REQUESTS, LATENCIES_S, CONCURRENCY = 400, (0.5, 1.0, 2.0), 16


def main() -> None:
    print("| pairs | latency | concurrency | least possible | wall time | ratio |")
    print("|---|---|---|---|---|---|")
    for latency_s in LATENCIES_S:
        with tempfile.TemporaryDirectory() as folder:
            asked, took = measure(Path(folder), latency_s)
        least = asked * latency_s / CONCURRENCY
        print(
            f"| {asked} | {latency_s} s | {CONCURRENCY} | {least:.1f} s | {took:.1f} s | "
            f"{took / least:.2f} |",
            flush=True,
        )


def measure(work: Path, latency_s: float) -> tuple[int, float]:
    """How many pairs were measured, and in how many seconds."""
    write_recording(work / "log.jsonl")
    run(work, "import", "log.jsonl", "--served", "large")
    server = subprocess.Popen(
        [*DOWNROUTE, "replay", "log.jsonl", "--port", "0", "--latency", str(latency_s)],
        cwd=work, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert server.stdout is not None
        url = re.search(r"http://[\d.:]+", server.stdout.readline())
        assert url is not None
        began = time.monotonic()
        told = run(
            work, "study", "--baseline", "large", "--candidate", "small", "--upstream",
            url.group(), "--yes", "--json", "--concurrency", str(CONCURRENCY),
        )  # fmt: skip
        took = time.monotonic() - began
    finally:
        server.terminate()
        server.wait()
    return json.loads(told)["tasks"][0]["examples"], took


def write_recording(path: Path) -> None:
    """Right and wrong answers spread so that neither bound is crossed before the last look."""
    chance = random.Random(5)
    lines = []
    for number in range(REQUESTS):
        draw = chance.random()
        wrong = {"small": draw < 0.09, "large": 0.09 <= draw < 0.15}
        responses = {}
        for model in ("large", "small"):
            text = "no" if wrong[model] else "yes"
            message = {"role": "assistant", "content": text}
            completion = {
                "model": model,
                "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 20, "completion_tokens": 1, "total_tokens": 21},
            }
            responses[model] = {"completion": completion, "score": float(not wrong[model])}
        request = {"messages": [{"role": "user", "content": f"Is {number} a number?"}]}
        row = {"id": str(number), "task": "numbers", "request": request, "reference": "yes"}
        lines.append(json.dumps({**row, "responses": responses}))
    path.write_text("\n".join(lines) + "\n")


def run(work: Path, *arguments: str) -> str:
    done = subprocess.run([*DOWNROUTE, *arguments], cwd=work, capture_output=True, text=True)
    if done.returncode not in (0, 100, 101):
        raise SystemExit(done.stderr)
    return done.stdout


if __name__ == "__main__":
    main()
