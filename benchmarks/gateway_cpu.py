"""CPU time per request of the gateway process, beside nginx as a plain proxy and a bare aiohttp
proxy, neither of which does anything but pass on.

Plain calls, a 2 KB request, a 1 KB reply, 64 connections. The task "escalated" has everything on: a
key of the gateway's own, a route, checks, and every tenth answer fails one and is escalated.
Upstream, gateway and load are processes of their own; what is counted is the gateway's user and
system time, in the best of five slices, because neighbours on the machine only ever add to it.
nginx has to be installed for its row:

    python benchmarks/gateway_cpu.py [--requests 20000]

prints a table in Markdown.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import itertools
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

CONNECTIONS = 64
WARM_UP = 2000
SLICES = 5

POLICY = """
version: 1
routes:
  - {task: switched, models: [small], baseline: large, unproven: true}
  - {task: cascaded, models: [small, large], checks: [not_empty, json_valid], unproven: true}
  - {task: escalated, models: [tenth, large], checks: [not_empty, json_valid], unproven: true}
"""
KEY = f"sk-downroute-{'5' * 64}"
KEYS = f"""
gateway: {{keys: {{bench: {{digest: "sha256:{hashlib.sha256(KEY.encode()).hexdigest()}"}}}}}}
"""
CONFIG = """
upstreams: {{bench: {{base_url: "http://127.0.0.1:{port}/v1"}}}}
prices:
  large: {{input: 2.5, output: 10}}
  small: {{input: 0.15, output: 0.6}}
  tenth: {{input: 0.15, output: 0.6}}
"""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--requests", type=int, default=20_000)
    arguments.add_argument("--role", choices=["upstream", "proxy"], help=argparse.SUPPRESS)
    arguments.add_argument("--to", type=int, help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.requests < 10_000:
        arguments.error("--requests: at least 10000; CPU is counted in hundredths of a second")
    if given.role == "upstream":
        _run(_upstream())
    elif given.role == "proxy":
        _run(_proxy(given.to))
    else:
        _measure(given.requests)


def _measure(requests: int) -> None:
    print("| served by | CPU per request | of nginx | requests/s |")
    print("|---|---|---|---|")
    with _process("--role", "upstream") as (_, upstream), tempfile.TemporaryDirectory() as folder:
        bare = None
        if shutil.which("nginx"):
            with _nginx(folder, upstream) as (pid, port):
                bare = _row("nginx, plain proxy", pid, port, {}, requests)
        with _process("--role", "proxy", "--to", str(upstream)) as (pid, port):
            _row("bare aiohttp proxy", pid, port, {}, requests, bare)
        Path(folder, "downroute.yaml").write_text(CONFIG.format(port=upstream))
        with _gateway(folder, "observe") as (pid, port):
            _row("downroute serve, observing", pid, port, {}, requests, bare)
        _all_logged(folder, "observe", requests)
        Path(folder, "policy.yaml").write_text(POLICY)
        with _gateway(folder, "route") as (pid, port):
            for task in ("switched", "cascaded"):
                header = {"x-downroute-task": task}
                _row(f"downroute serve, task {task}", pid, port, header, requests, bare)
        _all_logged(folder, "route", 2 * requests)
        with Path(folder, "downroute.yaml").open("a") as config:
            config.write(KEYS)
        with _gateway(folder, "all") as (pid, port):
            header = {"x-downroute-task": "escalated", "authorization": f"Bearer {KEY}"}
            _row("downroute serve, key and task escalated", pid, port, header, requests, bare)
        _all_logged(folder, "all", requests)


def _all_logged(folder: str, name: str, requests: int) -> None:
    """A call that is not logged costs less."""
    with closing(sqlite3.connect(Path(folder, name, "store.db"))) as store:
        (rows,) = store.execute("SELECT COUNT(*) FROM calls").fetchone()
    if rows < requests:
        raise SystemExit(f"{requests - rows} of {requests} calls are not in the log")


def _row(
    name: str,
    pid: int,
    port: int,
    headers: dict[str, str],
    requests: int,
    bare_us: float | None = None,
) -> float:
    asyncio.run(_load(port, headers, WARM_UP))
    slices = [_slice(pid, port, headers, requests // SLICES) for _ in range(SLICES)]
    each_us, rate = min(s[0] for s in slices), max(s[1] for s in slices)
    ratio = each_us / (bare_us or each_us)
    print(f"| {name} | {each_us:.0f} µs | {ratio:.2f} | {rate:,.0f} |", flush=True)
    return each_us


def _slice(pid: int, port: int, headers: dict[str, str], requests: int) -> tuple[float, float]:
    """CPU microseconds per request, what is done after the last reply too, and requests per
    second."""
    cpu, wall = _settled_cpu_s(pid), time.perf_counter()
    asyncio.run(_load(port, headers, requests))
    wall = time.perf_counter() - wall
    return (_settled_cpu_s(pid) - cpu) / requests * 1e6, requests / wall


def _settled_cpu_s(pid: int) -> float:
    """Once the process has nothing more to do: a log may be behind the replies."""
    before, now = -1.0, _cpu_s(pid)
    while now - before > 0.011:
        time.sleep(0.25)
        before, now = now, _cpu_s(pid)
    return now


async def _load(port: int, headers: dict[str, str], requests: int) -> None:
    words = "The invoice of last month was charged twice and nobody answers. " * 26
    body = json.dumps(
        {
            "model": "large",
            "temperature": 0,
            "messages": [
                {"role": "system", "content": "Answer with a JSON object. " * 8},
                {"role": "user", "content": words},
            ],
        }
    ).encode()
    sent = {"host": "bench", "content-type": "application/json", "content-length": len(body)}
    sent |= {"authorization": "Bearer none", "user-agent": "bench", "accept": "*/*", **headers}
    head = "".join(f"{k}: {v}\r\n" for k, v in sent.items())
    whole = f"POST /v1/chat/completions HTTP/1.1\r\n{head}\r\n".encode() + body
    left = iter(range(requests))

    async def connection() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in left:
            writer.write(whole)
            answered = await reader.readuntil(b"\r\n\r\n")
            if not answered.startswith(b"HTTP/1.1 200"):
                raise SystemExit(f"not answered: {answered.decode()}")
            length = answered.lower().split(b"content-length: ")[1].split(b"\r\n")[0]
            await reader.readexactly(int(length))
        writer.close()

    await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))


def completion_body() -> bytes:
    """A chat completion of 1 KB."""
    answer = json.dumps({"summary": "word " * 120})
    completion = {
        "id": "chatcmpl-bench",
        "object": "chat.completion",
        "created": 0,
        "model": "bench-2026",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": answer},
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 420, "completion_tokens": 130, "total_tokens": 550},
    }
    return json.dumps(completion).encode()


async def _upstream() -> None:
    body = completion_body()
    whole = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
    whole %= (len(body), body)

    failing = whole.replace(rb"{\"summary", rb"[\"summary")  # what it says is no JSON any more
    numbers = itertools.count()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
                asked = await reader.readexactly(length)
                fails = b'"tenth"' in asked and next(numbers) % 10 == 0
                writer.write(failing if fails else whole)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def _proxy(upstream: int) -> None:
    import aiohttp
    from aiohttp import web

    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
    url = f"http://127.0.0.1:{upstream}/v1/chat/completions"

    async def serve(request: web.BaseRequest) -> web.Response:
        body = await request.read()
        sent = {k: v for k, v in request.headers.items() if k.lower() not in ("host",)}
        async with session.post(url, data=body, headers=sent) as reply:
            return web.Response(status=reply.status, body=await reply.read())

    loop = asyncio.get_running_loop()
    server = await loop.create_server(web.Server(serve, access_log=None), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


NGINX = """
worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.log; daemon off;
events {{ worker_connections 1024; }}
http {{
  access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  keepalive_requests 1000000;
  upstream up {{ server 127.0.0.1:{upstream}; keepalive 128; keepalive_requests 1000000; }}
  server {{ listen 127.0.0.1:{port};
    location / {{ proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection ""; }}
  }}
}}
"""


@contextmanager
def _nginx(folder: str, upstream: int) -> Iterator[tuple[int, int]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    file = Path(folder, "nginx.conf")
    file.write_text(NGINX.format(folder=folder, upstream=upstream, port=port))
    process = subprocess.Popen(["nginx", "-c", str(file), "-p", folder])
    try:
        for _ in range(100):
            time.sleep(0.05)
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        yield int(children[0]), port
    finally:
        process.terminate()
        process.wait()


@contextmanager
def _gateway(folder: str, name: str) -> Iterator[tuple[int, int]]:
    command = "import sys; from downroute.cli.main import main; sys.exit(main(sys.argv[1:]))"
    process = subprocess.Popen(
        [sys.executable, "-c", command, "serve", "--port", "0", "--store", f"{folder}/{name}"],
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        yield process.pid, int(line.split("/v1")[0].rsplit(":", 1)[1])
    finally:
        process.terminate()
        process.wait()


@contextmanager
def _process(*arguments: str) -> Iterator[tuple[int, int]]:
    process = subprocess.Popen(
        [sys.executable, __file__, *arguments], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield process.pid, int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()


def _cpu_s(pid: int) -> float:
    """User and system time of a process, from Linux's /proc."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _run(serving: object) -> None:
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serving)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
