"""A bounded load on a real gateway in front of a real `downroute replay`: a given number of
requests a second over kept connections, a part of them streamed, a part on a cascade. What
benchmarks that kill, stop and reload the gateway have in common.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

DOWNROUTE = [sys.executable, "-m", "downroute"]
REQUESTS = 200
POLICY = """
version: 1
routes:
  - {task: numbers, models: [small, large], checks: [{one_of: ["yes"]}], unproven: true}
"""


def write_recording(path: Path) -> None:
    """One answer in ten of `small` does not pass the check."""
    rows = []
    for number in range(REQUESTS):
        texts = {"large": "yes", "small": "no" if number % 10 == 0 else "yes"}
        responses = {
            model: {"completion": completion(model, text)} for model, text in texts.items()
        }
        row = {"id": str(number), "task": "numbers", "request": {"messages": messages(number)}}
        rows.append(json.dumps({**row, "reference": "yes", "responses": responses}))
    path.write_text("\n".join(rows) + "\n")


def completion(model: str, text: str) -> dict[str, object]:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}}
    return {
        "model": model,
        "choices": [{**choice, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 20, "completion_tokens": 1, "total_tokens": 21},
    }


def messages(number: int) -> list[dict[str, str]]:
    return [{"role": "user", "content": f"Is {number} a number? " + "Think of it. " * 100}]


@contextmanager
def replaying(work: Path, latency_s: float) -> Iterator[str]:
    """The URL of a replay server; ``downroute.yaml`` and ``policy.yaml`` lead there."""
    write_recording(work / "log.jsonl")
    command = [*DOWNROUTE, "replay", "log.jsonl", "--port", "0", "--latency", str(latency_s)]
    with process(command, work) as (_, line):
        yield address(line)


def configure(work: Path, url: str, more: str = "") -> None:
    (work / "policy.yaml").write_text(POLICY)
    (work / "downroute.yaml").write_text(
        f"upstreams: {{replay: {{base_url: '{url}'}}}}\n"
        "prices: {large: {input: 2, output: 8}, small: {input: 0.2, output: 0.8}}\n" + more
    )


@contextmanager
def process(command: list[str], work: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process, and the line it says once it is there. It is ended with the block."""
    with (work / "stderr.txt").open("a") as errors:
        started = subprocess.Popen(
            command, cwd=work, stdout=subprocess.PIPE, stderr=errors, text=True
        )
    assert started.stdout is not None
    try:
        line = started.stdout.readline()
        if not line:
            raise SystemExit((work / "stderr.txt").read_text())
        yield started, line
    finally:
        if started.poll() is None:
            started.terminate()
            with suppress(subprocess.TimeoutExpired):
                started.wait(30)
            started.kill()
        started.wait()
        started.stdout.close()


def serving(work: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    return process([*DOWNROUTE, "serve", "--port", "0", *options], work)


def address(line: str) -> str:
    url = re.search(r"http://127\.0\.0\.1:\d+/v1", line)
    assert url is not None, line
    return url.group()


def port_of(line: str) -> int:
    return int(address(line).split(":")[2].split("/")[0])


@dataclass(frozen=True)
class Reply:
    """A whole reply; ``at`` is when its last byte was read, on the clock of `time.monotonic`."""

    call: str
    status: int
    at: float
    took_s: float
    streamed: bool


@dataclass
class Load:
    """``failures`` counts calls that were sent and got no whole reply, by why; ``refused``
    connections that nobody took. ``stalled_s`` is the longest that the machine kept this process
    from running: the gateway may have waited as long."""

    port: int
    rate: float
    connections: int = 64
    seed: int = 1
    replies: list[Reply] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    sent: int = 0
    stalled_s: float = 0.0

    async def run(self, over: asyncio.Event) -> None:
        """Until ``over``; what has been sent by then is waited for."""
        turns: asyncio.Queue[int | None] = asyncio.Queue()
        clients = [asyncio.create_task(self._client(turns)) for _ in range(self.connections)]
        began, given = time.monotonic(), 0
        while not over.is_set():
            due = int((time.monotonic() - began) * self.rate)
            for _ in range(min(due - given, self.connections - turns.qsize())):
                turns.put_nowait(given)
                given += 1
            given = max(given, due - self.connections)
            slept = time.monotonic()
            await asyncio.sleep(0.002)
            self.stalled_s = max(self.stalled_s, time.monotonic() - slept - 0.002)
        for _ in clients:
            turns.put_nowait(None)
        await asyncio.gather(*clients)

    async def _client(self, turns: asyncio.Queue[int | None]) -> None:
        """As every HTTP client does it opens another connection where the last one has ended, or
        said that it will."""
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        while (turn := await turns.get()) is not None:
            if streams is not None and streams[0].at_eof():
                streams[1].close()
                streams = None
            try:
                streams = streams or await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:
                self.refused += 1
                await asyncio.sleep(0.01)
                continue
            self.sent += 1
            try:
                ends = await self._call(*streams, turn)
            except (OSError, asyncio.IncompleteReadError, ValueError) as fault:
                self.failures[type(fault).__name__] += 1
                ends = True
            if ends:
                streams[1].close()
                streams = None
        if streams is not None:
            streams[1].close()

    async def _call(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, turn: int
    ) -> bool:
        """Make one call; whether the connection ends after it."""
        began = time.monotonic()
        chance = random.Random(self.seed * 1_000_003 + turn)
        streamed, routed = chance.random() < 0.3, chance.random() < 0.5
        writer.write(request(chance.randrange(REQUESTS), streamed=streamed, routed=routed))
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        fields = dict(line.lower().split(": ", 1) for line in head.splitlines()[1:] if line)
        if "content-length" in fields:
            await reader.readexactly(int(fields["content-length"]))
        else:
            body = b""
            while size := int(await reader.readuntil(b"\r\n"), 16):
                body += await reader.readexactly(size)
                await reader.readexactly(2)
            await reader.readexactly(2)
            if b"data: [DONE]" not in body:
                raise ValueError("a stream without its end")
        at, status = time.monotonic(), int(head.split()[1])
        call = fields.get("x-downroute-call-id", "")
        if status == 200:
            self.replies.append(Reply(call, status, at, at - began, streamed))
        else:
            self.failures[f"HTTP {status}"] += 1
        return fields.get("connection") == "close"


def request(number: int, *, streamed: bool, routed: bool) -> bytes:
    asked = {"model": "large", "messages": messages(number), "stream": streamed}
    body = json.dumps(asked).encode()
    head = "POST /v1/chat/completions HTTP/1.1\r\nhost: load\r\ncontent-type: application/json\r\n"
    head += "x-downroute-task: numbers\r\n" if routed else ""
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body
