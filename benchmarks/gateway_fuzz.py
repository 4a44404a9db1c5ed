"""Mutated JSON bodies, mutated HTTP and mutated answers of upstreams through a gateway that runs.

    python benchmarks/gateway_fuzz.py --bodies 50000 --inputs 200000 --answers 20000 --seed 1

The upstreams answer every request, some with mutated JSON; for the third kind of input the requests
are good and half of the answers are not, head and framing included. Prints a table in Markdown;
exits 1 where the gateway answered with a 5xx of its own, hung, died, said that something internal
failed, grew, took what h11 refuses, gave a client another's answer, or left a call without its row.
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
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from downroute.store import Store
from fuzz_config import policy, settings
from fuzz_found import HEAD, Found
from fuzz_inputs import BODIES, EVERY_BODY, good_request, http_input, mutated, request
from fuzz_upstream import Upstream

CONNECTIONS = 24
PATIENCE_S = 20.0
SETTLING_S = 1.0
"""Until what ended is let go of and written down."""


async def fuzz(folder: Path, bodies: int, inputs: int, answers: int, seed: int) -> list[Found]:
    """All kinds of input through one gateway that serves in ``folder``."""
    draw = random.Random(seed)
    wild = False

    def upstream() -> Upstream:
        return Upstream(random.Random(draw.random()), wild=wild)

    server = await asyncio.get_running_loop().create_server(upstream, "127.0.0.1", 0)
    (folder / "downroute.yaml").write_text(settings(server.sockets[0].getsockname()[1]))
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
            gateway = Gateway(int(at[1]), process.pid, folder)
            changed = Found("JSON bodies")
            await gateway.take(changed, (_body(draw) for _ in range(bodies)), whole)
            broken = Found("HTTP inputs", oracle=True)
            await gateway.take(broken, (http_input(draw) for _ in range(inputs)), anything)
            wild = True
            answered = Found("upstreams' answers", wild=True)
            rows = await gateway.rows()
            good = (good_request(draw) for _ in range(answers))
            await gateway.take(answered, good, whole)
            answered.missing = answers - (await gateway.rows() - rows)
            assert process.poll() is None, f"the gateway died with {process.returncode}"
        finally:
            process.terminate()
            await asyncio.to_thread(process.wait, 60)
            if process.stdout is not None:
                process.stdout.close()
            server.close()
    assert process.returncode == 0, f"the gateway ended with {process.returncode}"
    return [changed, broken, answered]


def _body(draw: random.Random) -> bytes:
    path = draw.choice(tuple(BODIES))
    return request(draw, mutated(draw, draw.choice(BODIES[path]), EVERY_BODY), path)


Ask = Callable[[int, bytes], Awaitable[bytes]]


@dataclass
class Gateway:
    """One that serves at ``port`` in ``folder``."""

    port: int
    pid: int
    folder: Path

    async def take(self, found: Found, many: Iterable[bytes], ask: Ask) -> None:
        """Send ``many``, and note in ``found`` what came."""
        began, queue = time.monotonic(), list(many)
        tenth = max(1, len(queue) // 10)
        before = len(self._internal())
        found.files.append(self._open_files())

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
                    found.memory.append(self._memory_mib())

        await asyncio.gather(*(work() for _ in range(CONNECTIONS)))
        found.memory.append(self._memory_mib())
        found.seconds = time.monotonic() - began
        await asyncio.sleep(SETTLING_S)
        found.files.append(self._open_files())
        found.said = self._internal()[before:]

    async def rows(self) -> int:
        """Calls in the log, once what has been asked is written."""
        await asyncio.sleep(SETTLING_S)
        with Store.open(self.folder / ".downroute") as store:
            return store.calls.count()

    def _internal(self) -> list[str]:
        lines = (self.folder / "stderr").read_text().splitlines()
        return [line for line in lines if re.search(r"internal|Traceback|failed_to_run", line)]

    def _memory_mib(self) -> int:
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) // 1024

    def _open_files(self) -> int:
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))


async def whole(port: int, data: bytes) -> bytes:
    """What one request that is HTTP is answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**24)
    try:
        writer.write(data.replace(b"host: g", b"host: g\r\nconnection: close", 1))
        return await reader.read()
    except OSError:
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
    except OSError:
        return b""
    finally:
        writer.close()


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--bodies", type=int, default=50_000)
    arguments.add_argument("--inputs", type=int, default=200_000)
    arguments.add_argument("--answers", type=int, default=20_000)
    arguments.add_argument("--seed", type=int, default=1)
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as name:
        every = asyncio.run(fuzz(Path(name), given.bodies, given.inputs, given.answers, given.seed))
    print(f"seed {given.seed}\n\n{HEAD}")
    for found in every:
        print(found.row())
    for line in [line for found in every for line in found.samples()]:
        print(line, file=sys.stderr)
    return 0 if all(found.good for found in every) else 1


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main())
