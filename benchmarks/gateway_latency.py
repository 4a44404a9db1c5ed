"""What the gateway adds to the time of a call and of a stream's first event, and what an event
costs it, beside nginx as a plain proxy.

The upstream answers after 50 ms. Calls are sent at a steady rate whether or not earlier ones are
back; the times of calls sent straight to the upstream are taken off percentile by percentile.
Rounds of all three take turns, so that a busy moment of the machine meets all of them; of each
number the median over the rounds is printed. nginx has to be installed:

    python benchmarks/gateway_latency.py [--seconds 10] [--rounds 5]

prints tables in Markdown.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from gateway_cpu import CONFIG, POLICY, _cpu_s, _gateway, _nginx, _run, completion_body

DELAY_S = 0.05
RATE = 200
EVENTS = 100
PAUSE_S = 0.01
STREAMS = 100


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--seconds", type=float, default=10)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--role", choices=["upstream"], help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.role == "upstream":
        _run(_upstream())
    else:
        _measure(given.seconds, given.rounds)


def _measure(seconds: float, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        upstream = stack.enter_context(_process())
        Path(folder, "downroute.yaml").write_text(CONFIG.format(port=upstream))
        Path(folder, "policy.yaml").write_text(POLICY)
        nginx = stack.enter_context(_nginx(folder, upstream))
        gateway = stack.enter_context(_gateway(folder, "store"))
        ports = {"upstream": upstream, "nginx": nginx[1], "downroute": gateway[1]}
        for title, task in (("one model", "switched"), ("cascade with checks", "cascaded")):
            print(f"\n### Calls, {title}\n")
            _table(ports, rounds, lambda port, t=task: _calls(port, t, seconds))
        print("\n### First event of a stream\n")
        _table(ports, rounds, lambda port: _first_events(port, seconds))
        print("\n### CPU of a stream's event\n")
        cost = {"nginx": _event_cost(*nginx), "downroute": _event_cost(*gateway)}
        print("| served by | µs an event | of nginx |\n|---|---|---|")
        for name, each in cost.items():
            print(f"| {name} | {each:.1f} | {each / cost['nginx']:.2f} |")


def _table(ports: dict[str, int], rounds: int, times: Callable[[int], list[float]]) -> None:
    added: dict[str, dict[int, list[float]]] = {n: {50: [], 99: []} for n in ports}
    for _ in range(rounds):
        found = {name: times(port) for name, port in ports.items()}
        for name, taken in found.items():
            for part in (50, 99):
                base = _percentile(found["upstream"], part)
                added[name][part].append(_percentile(taken, part) - base)
    print("| served by | adds to p50 (ms) | of nginx | adds to p99 (ms) | of nginx |")
    print("|---|---|---|---|---|")
    middle = {n: {p: statistics.median(v) for p, v in a.items()} for n, a in added.items()}
    for name in ("nginx", "downroute"):
        cells = []
        for part in (50, 99):
            bare_s = middle["nginx"][part]
            # Less than nothing is noise, and so is what is divided by it.
            ratio = f"{middle[name][part] / bare_s:.2f}" if bare_s > 0 else "–"
            cells += [f"{middle[name][part] * 1e3:.2f}", ratio]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def _percentile(values: list[float], part: int) -> float:
    return statistics.quantiles(values, n=100)[part - 1]


def _calls(port: int, task: str, seconds: float) -> list[float]:
    return asyncio.run(_steadily(port, _message(task, stream=False), seconds, _whole))


def _first_events(port: int, seconds: float) -> list[float]:
    return asyncio.run(_steadily(port, _message("switched", stream=True), seconds, _first, 50))


async def _steadily(
    port: int, message: bytes, seconds: float, take: Callable, rate: int = RATE
) -> list[float]:
    """Seconds that each of the calls took, sent at ``rate`` a second."""
    free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
    taken: list[float] = []

    async def one() -> None:
        reader, writer = free.pop() if free else await asyncio.open_connection("127.0.0.1", port)
        began = time.perf_counter()
        writer.write(message)
        taken.append(await take(reader, began))
        free.append((reader, writer))

    loop, under_way = asyncio.get_running_loop(), set()
    start = loop.time()
    for number in range(int(rate * (seconds + 1))):
        await asyncio.sleep(max(0.0, start + number / rate - loop.time()))
        under_way.add(asyncio.create_task(one()))
    await asyncio.gather(*under_way)
    for _, writer in free:
        writer.close()
    return taken[rate:]  # the first second opens connections


async def _whole(reader: asyncio.StreamReader, began: float) -> float:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    await reader.readexactly(int(head.split(b"content-length: ")[1].split(b"\r\n")[0]))
    return time.perf_counter() - began


async def _first(reader: asyncio.StreamReader, began: float) -> float:
    await reader.readuntil(b"\r\n\r\n")
    await reader.readuntil(b"data: ")
    first = time.perf_counter() - began
    await reader.readuntil(b"0\r\n\r\n")
    return first


def _event_cost(pid: int, port: int) -> float:
    """CPU microseconds of a process for each event, with 100 streams at a time."""
    message = _message("switched", stream=True)

    async def all_streams() -> None:
        async def stream() -> None:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            for _ in range(4):
                writer.write(message)
                await reader.readuntil(b"0\r\n\r\n")
            writer.close()

        await asyncio.gather(*(stream() for _ in range(STREAMS)))

    best = float("inf")
    for _ in range(3):
        before = _cpu_s(pid)
        asyncio.run(all_streams())
        best = min(best, (_cpu_s(pid) - before) / (4 * STREAMS * EVENTS) * 1e6)
    return best


def _message(task: str, *, stream: bool) -> bytes:
    words = "The invoice of last month was charged twice and nobody answers. " * 26
    body = {
        "model": "large",
        "stream": stream,
        "messages": [
            {"role": "system", "content": "Answer with a JSON object. " * 8},
            {"role": "user", "content": words},
        ],
    }
    text = json.dumps(body).encode()
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n"
        f"authorization: Bearer none\r\nx-downroute-task: {task}\r\n"
        f"content-length: {len(text)}\r\n\r\n"
    )
    return head.encode() + text


async def _upstream() -> None:
    body = completion_body()
    whole = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
    whole %= (len(body), body)
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n"
        b"X-Accel-Buffering: no\r\n\r\n"
    )
    delta = {"index": 0, "delta": {"content": "word "}, "finish_reason": None}
    event = json.dumps(
        {"id": "c", "object": "chat.completion.chunk", "model": "bench-2026", "choices": [delta]}
    )
    events = [f"data: {event}\n\n".encode()] * (EVENTS - 1) + [b"data: [DONE]\n\n"]
    chunks = [b"%x\r\n%s\r\n" % (len(e), e) for e in events]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                asked = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = int(asked.split(b"content-length:")[1].split(b"\r\n")[0])
                sent = await reader.readexactly(length)
                await asyncio.sleep(DELAY_S)
                if b'"stream":true' not in sent.replace(b": ", b":"):
                    writer.write(whole)
                    continue
                writer.write(head + chunks[0])
                for chunk in chunks[1:]:
                    await asyncio.sleep(PAUSE_S)
                    writer.write(chunk)
                writer.write(b"0\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextmanager
def _process() -> Iterator[int]:
    command = [sys.executable, __file__, "--role", "upstream"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    main()
