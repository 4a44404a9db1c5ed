"""CPU that the gateway's log thread takes for a call: its row, the count for /metrics, SQLite.

Rows of a plain call and of a cascade's are handed over as the event loop leaves them, 60 every
20 ms, with a 2 KB request. Usage:

    python benchmarks/log_cpu.py [--calls 12000] [--rounds 5]
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import tempfile
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

from downroute.config import parse
from downroute.gateway.call_id import new_call_id
from downroute.gateway.call_log import CallLog
from downroute.gateway.call_row import CallRow
from downroute.gateway.chat_body import ChatBody
from downroute.gateway.chat_wire import CHAT
from downroute.gateway.plan import Serving
from downroute.gateway.prices import Prices
from downroute.gateway.telemetry.counting import Counting
from downroute.gateway.telemetry.known_names import KnownNames
from downroute.gateway.telemetry.tally import Tally
from downroute.money.table import PriceTable, rates_per_million
from downroute.records import Attempt, Call, Decision, Usage
from downroute.store import Keeping, Store

AT_ONCE, EVERY_S = 60, 0.02
USAGE = Usage(420, 130)
SETTINGS = parse(
    'upstreams: {bench: {base_url: "http://127.0.0.1:1/v1"}}\n'
    "prices: {large: {input: 2.5, output: 10}, small: {input: 0.15, output: 0.6}}\n",
    "bench.yaml",
)
REQUEST = json.dumps(
    {
        "model": "large",
        "temperature": 0,
        "messages": [
            {"role": "system", "content": "Answer with a JSON object. " * 8},
            {"role": "user", "content": "The invoice was charged twice and nobody answers. " * 34},
        ],
    }
).encode()


def row(cascade: bool) -> CallRow:
    """A call that has just ended."""
    body = ChatBody.read(REQUEST)
    assert isinstance(body, ChatBody)
    checks: dict[str, bool | None] = {"not_empty": True, "json_valid": True} if cascade else {}
    model = "small" if cascade else "large"
    attempt = Attempt(
        model, status=200, usage=USAGE, cost_usd=1e-4, latency_s=0.012, first_byte_s=0.01,
        finish_reason="stop", snapshot="bench-2026", checks=checks,
    )  # fmt: skip
    now = time.time()
    call = Call(
        id=new_call_id(now), source="gateway", model=model, task="t", requested_model="large",
        snapshot="bench-2026", started_at=now, latency_s=0.013, first_byte_s=0.012, usage=USAGE,
        status=200, decision=Decision.ACCEPTED if cascade else Decision.DIRECT,
        reason="passed", policy_digest="64b628b38e9b1d43", attempts=(attempt,),
    )  # fmt: skip
    return CallRow(call, CHAT, body)


def measured(cascade: bool, calls: int, rounds: int) -> float:
    """µs a call, the best of some rounds: neighbours only add."""
    own = {"large": rates_per_million(2.5, 10), "small": rates_per_million(0.15, 0.6)}
    prices = Prices(lambda: PriceTable(at=datetime.now(UTC), own=own))
    serving = Serving()  # one, as long as no other policy comes
    counting = Counting(Tally(), KnownNames(lambda: SETTINGS, lambda: serving))
    best = float("inf")
    with tempfile.TemporaryDirectory() as folder:
        log = CallLog(
            lambda: Store.open(Path(folder, "store")),
            prices,
            Keeping(),
            observers=[counting.count],
        )
        log.start(["large", "small"])
        hand_over(log, cascade, 3000)  # what a quiet time has saved for the sample is spent
        thread = next(t for t in threading.enumerate() if t.name == "downroute-call-log")
        for _ in range(rounds):
            before = _cpu_s(thread)
            hand_over(log, cascade, calls)
            best = min(best, (_cpu_s(thread) - before) / calls * 1e6)
        log.close(10.0)
        assert log.lost == 0
    return best


def hand_over(log: CallLog, cascade: bool, calls: int) -> None:
    for _ in range(calls // AT_ONCE):
        for _ in range(AT_ONCE):
            log.add(row(cascade))
        time.sleep(EVERY_S)
    while log.waiting:
        time.sleep(EVERY_S)


def _cpu_s(thread: threading.Thread) -> float:
    """By the kernel's count of it, which is finer than its clock ticks."""
    path = Path(f"/proc/{os.getpid()}/task/{thread.native_id}/schedstat")
    return int(path.read_text().split()[0]) / 1e9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=12_000)
    parser.add_argument("--rounds", type=int, default=5)
    wished = parser.parse_args()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)  # as the gateway does
    for name, cascade in (("a plain call", False), ("a cascade's", True)):
        print(f"{name}: {measured(cascade, wished.calls, wished.rounds):.1f} µs")


if __name__ == "__main__":
    main()
