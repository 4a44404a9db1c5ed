"""How long other threads of the gateway stand still while a long text is redacted: in the process
beside it, and, for comparison, where it is.

    python benchmarks/redaction_stalls.py [--characters 400000]
"""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Callable
from pathlib import Path

from downroute.store import Redaction
from downroute.store.redaction_rules import redacted

PROSE = Path(__file__).parent.parent / "docs" / "gateway.md"
TEXTS = 20


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--characters", type=int, default=400_000)
    length = arguments.parse_args().characters
    prose = PROSE.read_text(encoding="utf-8")
    text = (prose * (length // len(prose) + 1))[:length]
    redaction = Redaction()
    redaction.text(text)
    for name, redact in (("beside", redaction.text), ("here", redacted)):
        stall_s, cpu_s = measured(lambda redact=redact: redact(text))
        print(
            f"{name}: longest stall {stall_s * 1000:.0f} ms, own CPU {cpu_s * 1000:.0f} ms a text"
        )
    redaction.close()


def measured(work: Callable[[], object]) -> tuple[float, float]:
    """The longest another thread waited for its turn, and this process's CPU a text."""
    gaps: list[float] = []
    over = threading.Event()

    def tick() -> None:
        last = time.perf_counter()
        while not over.is_set():
            time.sleep(0.001)
            now = time.perf_counter()
            gaps.append(now - last)
            last = now

    thread = threading.Thread(target=tick)
    thread.start()
    began = time.process_time()
    for _ in range(TEXTS):
        work()
    cpu_s = (time.process_time() - began) / TEXTS
    over.set()
    thread.join()
    return max(gaps), cpu_s


if __name__ == "__main__":
    main()
