"""Streams held at once: a thousand calls are open before any of them gets further.

The upstream gives each stream its first event and holds the rest back until it has as many streams
open as were asked for; then it sends the rest. So none of them can be served one after the other,
and each has to get every event, in order. Printed is what the gateway's process held at its peak.
It is run with a task that is switched, whose events are passed on, and with a cascade, all of whose
first answers fail a check, so that each stream is held back and then asked for again.

    python benchmarks/gateway_streams.py [--streams 1000]

prints a table in Markdown.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import tempfile
import time
from pathlib import Path

from gateway_cpu import CONFIG, POLICY, _gateway, _run
from peers_servers import stand_in

EVENTS = 50
PAUSE_S = 0.02
TIMEOUT_S = 120.0


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--streams", type=int, default=1000)
    arguments.add_argument("--role", choices=["upstream"], help=argparse.SUPPRESS)
    given = arguments.parse_args()
    _allow_files(given.streams * 2 + 200)
    if given.role == "upstream":
        _run(_upstream(given.streams))
    else:
        _measure(given.streams)


def _allow_files(wanted: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise SystemExit(f"{wanted} open files are needed, at most {hard} are allowed (ulimit -Hn)")
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _measure(streams: int) -> None:
    print("| task | streams open at once | got every event | RSS before | at the peak | seconds |")
    print("|---|---|---|---|---|---|")
    for task in ("switched", "cascaded"):
        own = ("--role", "upstream", "--streams", str(streams))
        with (
            tempfile.TemporaryDirectory() as folder,
            stand_in("gateway_streams.py", *own) as upstream,
        ):
            Path(folder, "downroute.yaml").write_text(CONFIG.format(port=upstream))
            Path(folder, "policy.yaml").write_text(POLICY)
            with _gateway(folder, "store") as (pid, port):
                before, began = _held_mb(pid, "VmRSS"), time.perf_counter()
                whole = asyncio.run(_load(port, task, streams))
                took, peak = time.perf_counter() - began, _held_mb(pid, "VmHWM")
                most = _most(upstream)
        cells = [task, f"{most:,}", f"{whole:,}", f"{before:.0f} MB", f"{peak:.0f} MB"]
        print(f"| {' | '.join(cells)} | {took:.1f} |", flush=True)
        if not whole == most == streams:
            raise SystemExit("not every stream was held")


async def _load(port: int, task: str, streams: int) -> int:
    """How many streams got every event, in order."""
    message = _message(task)
    expected = [str(number) for number in range(EVENTS)]

    async def stream() -> bool:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(message)
        status = await reader.readuntil(b"\r\n")
        await reader.readuntil(b"\r\n\r\n")
        text = await _chunks(reader)
        writer.close()
        lines = [line for line in text.split(b"\n") if line.startswith(b"data: ")]
        events = [line.removeprefix(b"data: ") for line in lines]
        if b" 200 " not in status or not events or events.pop() != b"[DONE]":
            return False
        said = [json.loads(e)["choices"][0]["delta"].get("content", "") for e in events]
        return [word.strip() for word in said if word] == expected

    async with asyncio.timeout(TIMEOUT_S):
        return sum(await asyncio.gather(*(stream() for _ in range(streams))))


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    """A chunked body."""
    body = b""
    while size := int(await reader.readuntil(b"\r\n"), 16):
        body += (await reader.readexactly(size + 2))[:-2]
    return body


def _message(task: str) -> bytes:
    words = "The invoice of last month was charged twice and nobody answers. " * 26
    body = {"model": "large", "stream": True, "messages": [{"role": "user", "content": words}]}
    text = json.dumps(body).encode()
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n"
        f"x-downroute-task: {task}\r\ncontent-length: {len(text)}\r\n\r\n"
    )
    return head.encode() + text


async def _upstream(streams: int) -> None:
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    chunks = [_chunk(_event(number)) for number in range(EVENTS)]
    last = _chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n"
    open_now = most = 0
    all_open = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal open_now, most
        try:
            while True:
                asked = (await reader.readuntil(b"\r\n\r\n")).lower()
                if asked.startswith(b"get "):
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n%8d" % most)
                    continue
                length = int(asked.split(b"content-length:")[1].split(b"\r\n")[0])
                await reader.readexactly(length)
                open_now += 1
                most = max(most, open_now)
                if most == streams:
                    all_open.set()
                writer.write(head + chunks[0])
                await all_open.wait()
                for chunk in chunks[1:]:
                    await asyncio.sleep(PAUSE_S)
                    writer.write(chunk)
                writer.write(last)
                open_now -= 1
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def _event(number: int) -> bytes:
    delta = {"content": f"{number} "} if number else {"role": "assistant", "content": "0 "}
    ends = "stop" if number == EVENTS - 1 else None
    choice = {"index": 0, "delta": delta, "finish_reason": ends}
    said = {
        "id": "c",
        "object": "chat.completion.chunk",
        "created": 0,
        "model": "bench-2026",
        "choices": [choice],
    }
    return f"data: {json.dumps(said)}\n\n".encode()


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def _most(upstream: int) -> int:
    """The most streams that the upstream had open at a time."""

    async def ask() -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", upstream)
        writer.write(b"GET /most HTTP/1.1\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        number = int(await reader.readexactly(8))
        writer.close()
        return number

    return asyncio.run(ask())


def _held_mb(pid: int, what: str) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split(f"{what}:")[1].split()[0]) * 1024 / 1e6


if __name__ == "__main__":
    main()
