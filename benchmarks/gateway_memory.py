"""A gateway's memory over very many requests.

    python benchmarks/gateway_memory.py --requests 2000000 --minutes 20

One worker, under as much load as it takes. The requests are plain and streamed, passed on, switched
and in cascades (a tenth of them escalated), no two of them alike, and every one is a row in the
log; ``--minutes`` ends them earlier. Prints a table in Markdown; exits 1 where an answer is not
what it should be, or a row is missing.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import uvloop

from downroute.store import Store
from memory_upstream import QuickUpstream

CONNECTIONS = 32
CONFIG = """
upstreams: {{bench: {{base_url: "http://127.0.0.1:{port}/v1"}}}}
prices: {{large: {{input: 2.5, output: 10}}, small: {{input: 0.15, output: 0.6}}}}
"""
POLICY = """
version: 1
routes:
  - {task: switched, models: [small], baseline: large, unproven: true}
  - {task: cascaded, models: [small, large], checks: [not_empty, {regex: billing}], unproven: true}
"""
TASKS = ("switched", "cascaded", "none")


@dataclass
class Moment:
    requests: int
    at_s: float
    rss_kib: int
    files: int
    waiting: int
    """The most log rows that waited to be written since the moment before."""


@dataclass
class Watched:
    """A gateway process."""

    pid: int
    port: int
    folder: Path
    moments: list[Moment] = field(default_factory=list)
    waiting: int = 0

    def look(self, requests: int, began: float) -> Moment:
        status = Path(f"/proc/{self.pid}/status").read_text()
        rss_kib = int(status.split("VmRSS:")[1].split()[0])
        files = len(list(Path(f"/proc/{self.pid}/fd").iterdir()))
        moment = Moment(requests, time.monotonic() - began, rss_kib, files, self.waiting)
        self.waiting = 0
        self.moments.append(moment)
        return moment

    async def watch_the_log(self) -> None:
        """Note how many rows wait, for ever."""
        while True:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            writer.write(b"GET /metrics HTTP/1.1\r\nhost: b\r\nconnection: close\r\n\r\n")
            found = re.search(rb"\ndownroute_log_rows_waiting (\S+)", await reader.read())
            writer.close()
            if found:
                self.waiting = max(self.waiting, int(float(found[1])))
            await asyncio.sleep(0.3)


def request(number: int, task: str, *, streams: bool) -> bytes:
    stream = "true" if streams else "false"
    escalates = "perhaps" if task == "cascaded" and number // 3 % 10 == 0 else "surely"
    words = "The invoice of last month was charged twice. " * 10
    body = (
        f'{{"model":"large","stream":{stream},"messages":[{{"role":"system","content":"Sort."}},'
        f'{{"role":"user","content":"{words} {escalates} number {number}"}}]}}'
    ).encode()
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nhost: b\r\ncontent-type: application/json\r\n"
        f"x-downroute-task: {task}\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def flood(gateway: Watched, requests: int, until_s: float) -> tuple[int, int]:
    """How many were sent, and how many were not answered as they should be."""
    numbers, began, wrong, step = count(1), time.monotonic(), 0, max(1, requests // 200)
    sent = 0

    async def connection() -> None:
        nonlocal sent, wrong
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        while (number := next(numbers)) <= requests and time.monotonic() - began < until_s:
            streams = number % 5 == 0
            writer.write(request(number, TASKS[number % 3], streams=streams))
            answered = await _reply(reader)
            sent += 1
            wrong += f"number {number} billing".encode() not in answered
            if sent % step == 0:
                gateway.look(sent, began)
        writer.close()

    watching = asyncio.create_task(gateway.watch_the_log())
    await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))
    watching.cancel()
    gateway.look(sent, began)
    return sent, wrong


async def _reply(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise SystemExit(f"not answered: {head.decode()}")
    length = re.search(rb"content-length: (\d+)", head)
    if length:
        return await reader.readexactly(int(length[1]))
    body = b""
    while size := int(await reader.readuntil(b"\r\n"), 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readexactly(2)
    return body


def tell(gateway: Watched) -> None:
    print(
        "| requests | after | a second | MiB | open files | most log rows waiting |\n"
        "|---|---|---|---|---|---|"
    )
    step = max(1, len(gateway.moments) // 16)
    last = Moment(0, 0.0, 0, 0, 0)
    for at in range(0, len(gateway.moments), step):
        between = gateway.moments[at : at + step]
        moment = between[-1]
        rate = (moment.requests - last.requests) / (moment.at_s - last.at_s)
        print(
            f"| {moment.requests:,} | {moment.at_s:.0f} s | {rate:,.0f} "
            f"| {moment.rss_kib / 1024:.1f} | {moment.files} "
            f"| {max(one.waiting for one in between):,} |"
        )
        last = moment


async def measure(folder: Path, given: argparse.Namespace) -> bool:
    upstream = await asyncio.get_running_loop().create_server(QuickUpstream, "127.0.0.1", 0)
    port = upstream.sockets[0].getsockname()[1]
    (folder / "downroute.yaml").write_text(CONFIG.format(port=port))
    (folder / "policy.yaml").write_text(POLICY)
    command = [sys.executable, "-m", "downroute", "serve", "--port", "0"]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)  # noqa: ASYNC220
    try:
        assert process.stdout is not None
        line = await asyncio.to_thread(process.stdout.readline)
        found = re.search(r"http://127\.0\.0\.1:(\d+)/v1", line)
        assert found is not None
        gateway = Watched(process.pid, int(found[1]), folder)
        sent, wrong = await flood(gateway, given.requests, given.minutes * 60)
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait, 60)
        if process.stdout is not None:
            process.stdout.close()
        upstream.close()
    tell(gateway)
    with Store.open(folder / ".downroute") as store:
        rows = store.calls.count()
    missing = sent - rows
    print(f"\n{sent:,} requests, {wrong} answered wrongly, {missing} of their rows missing.")
    return not wrong and not missing


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--requests", type=int, default=2_000_000)
    arguments.add_argument("--minutes", type=float, default=20)
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as name:
        return 0 if uvloop.run(measure(Path(name), given)) else 1


if __name__ == "__main__":
    sys.exit(main())
