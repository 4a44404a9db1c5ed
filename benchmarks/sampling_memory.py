"""What sampling a long log takes: time and peak memory of 100,000 calls, near duplicates found.

    python benchmarks/sampling_memory.py [CALLS]

The calls are made as they are read, so that only what the sampler keeps is measured: 200 words
each behind one system prompt, a tenth exact repeats, a tenth near duplicates.
"""

from __future__ import annotations

import random
import resource
import sys
import time
from collections.abc import Iterator

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
