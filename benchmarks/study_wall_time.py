"""How long a study takes against the least it could: the sum of upstream latencies over the
concurrency.

    python benchmarks/study_wall_time.py

One task of 500 requests whose answers never decide before the last look, on `downroute replay`
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
REQUESTS, LATENCY_S, CONCURRENCY = 500, 0.5, 16


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        write_recording(work / "log.jsonl")
        run(work, "import", "log.jsonl", "--served", "large")
        server = subprocess.Popen(
            [*DOWNROUTE, "replay", "log.jsonl", "--port", "0", "--latency", str(LATENCY_S)],
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
    asked = json.loads(told)["tasks"][0]["examples"]
    least = asked * LATENCY_S / CONCURRENCY
    print("| pairs | latency | concurrency | least possible | wall time | ratio |")
    print("|---|---|---|---|---|---|")
    print(
        f"| {asked} | {LATENCY_S} s | {CONCURRENCY} | {least:.1f} s | {took:.1f} s | "
        f"{took / least:.2f} |"
    )


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
