"""What sampling a long log takes: time and peak memory of 100,000 calls, near duplicates found.

    python benchmarks/sampling_memory.py [CALLS]

The calls are made as they are read, so that only what the sampler keeps is measured: 200 words
each behind one system prompt, a tenth exact repeats, a tenth near duplicates.
"""

from __future__ import annotations

import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from downroute.records import Answer, Call
from downroute.study.sampling import Sampler

WORDS = 200


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    before = peak_mib()
    began = time.perf_counter()
    sampler = Sampler("task", "large")
    for call in calls(count):
        sampler.see(call)
    seen = time.perf_counter()
    drawn = sampler.draw(500, 0)
    done = time.perf_counter()
    print(
        "| calls | distinct | seconds to read | seconds to draw | MiB more at the peak | left out |"
    )
    print("|---|---|---|---|---|---|")
    print(
        f"| {count:,} | {sampler.distinct:,} | {seen - began:.1f} | {done - seen:.1f} | "
        f"{peak_mib() - before:.0f} | {dict(sampler.left_out)} |"
    )
    assert len(drawn) == 500
    del sampler
    whole_plan(count)


def whole_plan(count: int) -> None:
    """The same calls imported, and `study --plan` over them, as a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        with (work / "log.jsonl").open("w") as log:
            for call in calls(count):
                assert call.request is not None
                said = [*call.request["messages"], {"role": "assistant", "content": "yes"}]
                log.write(json.dumps({"model": "large", "messages": said}) + "\n")
        command = [sys.executable, "-m", "downroute"]
        quiet = {"cwd": work, "stdout": subprocess.DEVNULL, "check": True}
        subprocess.run([*command, "import", "log.jsonl"], **quiet)
        began = time.perf_counter()
        subprocess.run([*command, "study", "--baseline", "large", "--candidate", "small",
                        "--plan"], **quiet)  # fmt: skip
        took = time.perf_counter() - began
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        print(f"`study --plan` over them: {took:.1f} s, peak {peak:.0f} MiB")


def calls(count: int) -> Iterator[Call]:
    chance = random.Random(1)
    vocabulary = ["".join(chance.choices("abcdefghij", k=5)) for _ in range(20_000)]
    texts: list[str] = []
    for number in range(count):
        kind = number % 10
        if kind == 8 and texts:
            text = chance.choice(texts)
        elif kind == 9 and texts:
            text = chance.choice(texts) + " thanks"
        else:
            text = " ".join(chance.choices(vocabulary, k=WORDS))
            if len(texts) < 5000:
                texts.append(text)
        said = [{"role": "system", "content": "Answer in one word."}]
        request = {"messages": [*said, {"role": "user", "content": text}]}
        yield Call(f"c{number}", "made", "large", request=request, answer=Answer("yes"),
                   started_at=float(number))  # fmt: skip


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
