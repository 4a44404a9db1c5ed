"""Mutated JSON bodies and mutated HTTP through a gateway that runs, in front of upstreams that
answer every request, some with mutated JSON of their own.

    python benchmarks/gateway_fuzz.py [--bodies 50000] [--inputs 200000] [--seed 1]

prints a table in Markdown; exits 1 where the gateway answered with a 5xx of its own, hung, died,
said that something internal failed, or grew.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from fuzz_inputs import BODIES, EVERY_BODY, ROUTES, http_input, mutated, request
from fuzz_upstream import Upstream

CONNECTIONS = 24
PATIENCE_S = 15.0
GROWTH_MIB = 16
"""More than that from the first half of a load to its end is growth: what is remembered on purpose
(conversations, schemas, prices) is there by then, or bounded."""
_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")

CONFIG = """
upstreams:
  chat: {{base_url: "http://127.0.0.1:{port}/v1"}}
  claude: {{base_url: "http://127.0.0.1:{port}/v1", api: anthropic}}
models:
  small: {{upstream: chat, drop: [user], rename: {{max_tokens: max_completion_tokens}}}}
  large: {{upstream: chat, set: {{seed: 7}}}}
  haiku: {{upstream: claude}}
  opus: {{upstream: claude, set: {{metadata: {{user_id: x}}}}}}
prices: {{small: {{input: 1, output: 2}}, large: {{input: 10, output: 20}}}}
store: {{bodies: redacted}}
"""
CHECKS = (
    "[not_empty, not_truncated, not_refusal, json_valid]",
    "[json_valid, tool_call_valid, code_parses, {regex: '[a-z]'}, {max_words: 3}]",
    "[numbers_in_context, quotes_in_context, citations, {script: request}, {language: request}]",
    "[{one_of: [billing, bug]}, {min_chars: 2}]",
)
SCORE = """
    escalate:
      score: {{intercept: 0.1, words_out: 0.01, question_words: 0.01, tools_offered: 0.1,
               schema_fields: 0.1, question_turns: 0.1}}
      impute: {{words_out: 1}}
      ask: {{{second}: {helper}, between: [0.0, 0.6], above: 0.5, score: {{{paid}: -1}}}}
"""


assert len(CHECKS) == ROUTES


def policy() -> str:
    """Routes of both shapes, with every kind of check, score and second opinion."""
    lines = ["version: 1", "baseline: large", "routes:"]
    for shape, (small, large) in {"c": ("small", "large"), "m": ("haiku", "opus")}.items():
        for index, checks in enumerate(CHECKS):
            lines.append(f"  - task: {shape}{index}")
            lines.append(
                f"    models: [{small}, {large}]\n    checks: {checks}\n    unproven: true"
            )
            second, paid = ("helper", "agreement") if index % 2 else ("self_check", "self_check")
            lines.append(SCORE.format(second=second, paid=paid, helper=small).rstrip())
    return "\n".join(lines) + "\n"


@dataclass
class Found:
    """``faults`` are inputs that were answered with a 5xx; ``hangs`` those that were not answered,
    and whose connection was not ended, in time."""

    what: str
    sent: int = 0
    seconds: float = 0.0
    statuses: Counter[str] = field(default_factory=Counter)
    faults: list[bytes] = field(default_factory=list)
    hangs: list[bytes] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    """Lines on stderr that speak of something internal."""

    @property
    def good(self) -> bool:
        return not (self.faults or self.hangs or self.said or self.grown_mib > GROWTH_MIB)

    @property
    def grown_mib(self) -> int:
        return self.memory[-1] - self.memory[len(self.memory) // 2]

    def take(self, data: bytes, reply: bytes | None) -> None:
        self.sent += 1
        if reply is None:
            self.hangs.append(data)
            return
        statuses = [s.decode() for s in _STATUS.findall(reply) if s != b"100"]
        self.statuses[statuses[0] if statuses else "ended"] += 1
        if any(status >= "500" for status in statuses):
            self.faults.append(data)

    def row(self) -> str:
        told = ", ".join(f"{k}: {v:,}" for k, v in sorted(self.statuses.items()))
        tenth, half, end = self.memory[0], self.memory[len(self.memory) // 2], self.memory[-1]
        memory = f"{tenth}, {half}, {end}"
        return (
            f"| {self.what} | {self.sent:,} | {self.seconds:.0f} s | {told} | {len(self.faults)} | "
            f"{len(self.hangs)} | {len(self.said)} | {memory} |"
        )


HEAD = (
    "| mutated | sent | in | answered | 5xx | hung | internal errors "
    "| MiB after a tenth, half, all |\n"
    "|---|---|---|---|---|---|---|---|"
)


async def fuzz(folder: Path, bodies: int, inputs: int, seed: int) -> list[Found]:
    """Both kinds of input through one gateway that serves in ``folder``."""
    draw = random.Random(seed)
    loop = asyncio.get_running_loop()
    upstream = await loop.create_server(lambda: Upstream(random.Random(seed)), "127.0.0.1", 0)
    port = upstream.sockets[0].getsockname()[1]
    (folder / "downroute.yaml").write_text(CONFIG.format(port=port))
    (folder / "policy.yaml").write_text(policy())
    with (folder / "stderr").open("w") as errors:
        command = [sys.executable, "-m", "downroute", "serve", "--port", "0"]
        process = subprocess.Popen(  # noqa: ASYNC220 - before anything else is under way
            command, cwd=folder, stdout=subprocess.PIPE, stderr=errors, text=True
        )
        try:
            assert process.stdout is not None
            line = await asyncio.to_thread(process.stdout.readline)
            at = re.search(r"http://127\.0\.0\.1:(\d+)/v1", line)
            assert at is not None, (folder / "stderr").read_text()
            gateway = Gateway(int(at[1]), process.pid, folder / "stderr")
            found = [
                await gateway.take("JSON bodies", (_body(draw) for _ in range(bodies)), whole),
                await gateway.take(
                    "HTTP inputs", (http_input(draw) for _ in range(inputs)), anything
                ),
            ]
            assert process.poll() is None, f"the gateway died with {process.returncode}"
        finally:
            process.terminate()
            await asyncio.to_thread(process.wait, 60)
            if process.stdout is not None:
                process.stdout.close()
            upstream.close()
    assert process.returncode == 0, f"the gateway ended with {process.returncode}"
    return found


def _body(draw: random.Random) -> bytes:
    path = draw.choice(tuple(BODIES))
    return request(draw, mutated(draw, draw.choice(BODIES[path]), EVERY_BODY), path)


Ask = Callable[[int, bytes], Awaitable[bytes]]


@dataclass
class Gateway:
    port: int
    pid: int
    errors: Path

    async def take(self, what: str, many: Iterable[bytes], ask: Ask) -> Found:
        found, began = Found(what), time.monotonic()
        queue = list(many)
        tenth = max(1, len(queue) // 10)
        before = len(self._internal())

        async def work() -> None:
            while queue:
                data = queue.pop()
                try:
                    async with asyncio.timeout(PATIENCE_S):
                        reply: bytes | None = await ask(self.port, data)
                except TimeoutError:
                    reply = None
                found.take(data, reply)
                if found.sent % tenth == 0:
                    found.memory.append(memory_mib(self.pid))

        await asyncio.gather(*(work() for _ in range(CONNECTIONS)))
        found.memory.append(memory_mib(self.pid))
        found.seconds = time.monotonic() - began
        found.said = self._internal()[before:]
        return found

    def _internal(self) -> list[str]:
        lines = self.errors.read_text().splitlines()
        return [line for line in lines if re.search(r"internal|Traceback|failed_to_run", line)]


async def whole(port: int, data: bytes) -> bytes:
    """What one request that is HTTP is answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**24)
    try:
        writer.write(data.replace(b"host: g", b"host: g\r\nconnection: close", 1))
        return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def anything(port: int, data: bytes) -> bytes:
    """What bytes are answered, when nothing follows them."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**24)
    try:
        writer.write(data)
        writer.write_eof()
        return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


def memory_mib(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) // 1024


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--bodies", type=int, default=50_000)
    arguments.add_argument("--inputs", type=int, default=200_000)
    arguments.add_argument("--seed", type=int, default=1)
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as name:
        every = asyncio.run(fuzz(Path(name), given.bodies, given.inputs, given.seed))
    print(HEAD)
    for found in every:
        print(found.row())
    for found in every:
        for kind, inputs in (("5xx", found.faults), ("hung", found.hangs)):
            for data in inputs[:5]:
                print(f"{kind}: {data[:2000]!r}", file=sys.stderr)
        print("\n".join(found.said[:5]), file=sys.stderr)
    return 0 if all(found.good for found in every) else 1


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main())
