"""Requests per second and CPU per request of the gateway beside other gateways.

Chat calls of 2,048 bytes, replies of 1,024, 64 connections, every server with one worker on one
core, the upstream and wrk, which makes the load, on another. downroute has a key, rules, checks,
its log and an escalation of 10 %; the others pass on (LiteLLM checks a key). Slices of all take
turns, so that a busy moment of the machine meets all of them; of each the best is printed, since
neighbours only ever take away. nginx and wrk have to be installed; the peers are looked for in
venvs of their own:

    uv venv /tmp/litellm && uv pip install --python /tmp/litellm/bin/python 'litellm[proxy]'
    uv venv /tmp/tensorzero && uv pip install --python /tmp/tensorzero/bin/python tensorzero
    python benchmarks/gateway_peers.py --litellm /tmp/litellm --tensorzero /tmp/tensorzero

prints tables in Markdown; a peer that is not there or does not serve is left out, with the reason.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import peers_servers
from peers_servers import NotServedError, Served, cpu_s, rss_mb
from peers_upstream import ANSWER, REPLY_BYTES

CONNECTIONS = 64
REQUEST_BYTES = 2048
ENOUGH = 20 * CONNECTIONS
"""Requests of a slice, so that those cut off at its end weigh little: a slow server gets longer
slices, and fewer."""
LONGEST_S = 120
STARTS = 7
HEAD = """\
| served by | requests/s | downroute's to it | CPU each | to downroute's | requests | RSS | ready |
|---|---|---|---|---|---|---|---|"""
CALLS_BEFORE_RSS = 10_000


@dataclass
class Measured:
    """The slices of one server: requests per second, CPU microseconds per request; and how many
    requests they were in all."""

    rates: list[float] = field(default_factory=list)
    each_us: list[float] = field(default_factory=list)
    requests: int = 0


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--litellm", type=Path, metavar="VENV")
    arguments.add_argument("--tensorzero", type=Path, metavar="VENV")
    arguments.add_argument("--seconds", type=float, default=10, help="a slice")
    arguments.add_argument("--rounds", type=int, default=5)
    given = arguments.parse_args()
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is not installed: it makes the load")
    cores = sorted(os.sched_getaffinity(0))
    served_on, loaded_from = {cores[0]}, set(cores[1:2] or cores)
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        folder = Path(scratch)
        with on(loaded_from):
            upstream = stack.enter_context(peers_servers.stand_in("peers_upstream.py"))
        wanted: list[AbstractContextManager[Served]] = [
            peers_servers.nginx(folder / "nginx", upstream),
            peers_servers.downroute(folder / "downroute", upstream),
        ]
        if given.tensorzero:
            wanted.append(
                peers_servers.tensorzero(folder / "tensorzero", upstream, given.tensorzero)
            )
        if given.litellm:
            wanted.append(peers_servers.litellm(folder / "litellm", upstream, given.litellm))
        servers = []
        for each in wanted:
            try:
                with on(served_on):
                    servers.append(stack.enter_context(each))
                _check(servers[-1], upstream)
            except NotServedError as reason:
                if not servers or each is wanted[1]:
                    raise SystemExit(str(reason)) from None
                print(f"left out: {reason}", file=sys.stderr)
        with on(loaded_from):
            _compare(servers, upstream, folder, given.rounds, given.seconds)
        with on(served_on):
            _starts(folder, upstream)


def _compare(
    servers: list[Served], upstream: int, folder: Path, rounds: int, seconds: float
) -> None:
    found = {server.name: Measured() for server in servers}
    escalated, lasts = 0.0, {server.name: seconds for server in servers}
    for server in servers:
        warm = Measured()
        _slice(server, upstream, folder, seconds, warm)
        lasts[server.name] = max(seconds, min(ENOUGH / warm.rates[0], LONGEST_S))
    for number in range(rounds):
        for server in servers:
            if number > 1 and lasts[server.name] > 3 * seconds:
                continue
            before = _asked(upstream)
            _slice(server, upstream, folder, lasts[server.name], found[server.name])
            if server.name == "downroute":
                after = _asked(upstream)
                escalated = (after["large"] - before["large"]) / (after["small"] - before["small"])
    ours = next(found[s.name] for s in servers if s.name == "downroute")
    print(f"escalated: {escalated:.1%}\n")
    print(
        "| served by | requests/s | downroute's to it | CPU per request | to downroute's |", end=""
    )
    print(" requests | RSS | ready in |")
    print("|---|---|---|---|---|---|---|---|")
    for server in servers:
        its = found[server.name]
        rate, each_us = max(its.rates), min(its.each_us)
        cells = [server.name, f"{rate:,.0f}", f"{max(ours.rates) / rate:.2f}"]
        cells += [f"{each_us:,.0f} µs", f"{each_us / min(ours.each_us):.2f}"]
        cells += [f"{its.requests:,}", f"{rss_mb(server.pid):,.0f} MB", f"{server.ready_s:.2f} s"]
        print(f"| {' | '.join(cells)} |", flush=True)


def _slice(server: Served, upstream: int, folder: Path, seconds: float, into: Measured) -> None:
    script = folder / "post.lua"
    script.write_text(_lua(server))
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds:.0f}s", "--timeout", "60s"]
    command += ["-s", str(script), f"http://127.0.0.1:{server.port}{server.path}"]
    asked, cpu = sum(_asked(upstream).values()), cpu_s(server.pid)
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    cpu, asked = cpu_s(server.pid) - cpu, sum(_asked(upstream).values()) - asked
    requests = int(_number(r"(\d+) requests in", said))
    if "Non-2xx" in said or "Socket errors" in said or asked < requests:
        raise SystemExit(f"{server.name}: not every call was answered by the upstream:\n{said}")
    into.rates.append(_number(r"Requests/sec:\s+([\d.]+)", said))
    into.each_us.append(cpu / requests * 1e6)
    into.requests += requests


def _lua(server: Served) -> str:
    headers = {"content-type": "application/json", **server.headers}
    lines = [f"wrk.headers[{json.dumps(k)}] = {json.dumps(v)}" for k, v in headers.items()]
    body = request(server.model)
    return "\n".join(['wrk.method = "POST"', f"wrk.body = [==[{body}]==]", *lines])


def request(model: str) -> str:
    """A chat request of ``REQUEST_BYTES`` bytes."""
    words = "The invoice of last month was charged twice and nobody answers. " * 40
    body: dict[str, object] = {"model": model, "temperature": 0}
    system = {"role": "system", "content": "Answer with a JSON object. " * 8}
    body["messages"] = [system, {"role": "user", "content": words}]
    over = len(json.dumps(body)) - REQUEST_BYTES
    body["messages"] = [system, {"role": "user", "content": words[:-over]}]
    text = json.dumps(body)
    assert len(text) == REQUEST_BYTES
    return text


def _check(server: Served, upstream: int) -> None:
    """That a call is answered by the upstream, through the server."""
    before = sum(_asked(upstream).values())
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    headers = {"content-type": "application/json", **server.headers}
    connection.request("POST", server.path, request(server.model), headers)
    reply = connection.getresponse()
    body = reply.read()
    connection.close()
    if reply.status != 200:
        raise NotServedError(f"{server.name} answers {reply.status}: {body[:300]!r}")
    if ANSWER not in json.loads(body)["choices"][0]["message"]["content"]:
        raise NotServedError(
            f"{server.name} gives another answer than the upstream's: {body[:300]!r}"
        )
    if sum(_asked(upstream).values()) == before:
        raise NotServedError(f"{server.name} did not ask the upstream")


def _starts(folder: Path, upstream: int) -> None:
    """downroute alone, started again and again: how soon it is ready and what it holds."""
    ready, cpu, fresh, used = [], [], [], []
    for number in range(STARTS):
        with peers_servers.downroute(folder / f"start-{number}", upstream) as server:
            ready.append(server.ready_s)
            cpu.append(cpu_s(server.pid))
            fresh.append(rss_mb(server.pid))
            if number == 0:
                _calls(server, CALLS_BEFORE_RSS)
                used.append(rss_mb(server.pid))
    print(f"\nReady, best of {STARTS}: {min(ready):.2f} s, of which {min(cpu):.2f} s CPU.")
    print(
        f"RSS: {min(fresh):.1f} MB when ready, {used[0]:.1f} MB after {CALLS_BEFORE_RSS:,} calls."
    )


def _calls(server: Served, calls: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    headers = {"content-type": "application/json", **server.headers}
    body = request(server.model)
    for _ in range(calls):
        connection.request("POST", server.path, body, headers)
        reply = connection.getresponse()
        if reply.status != 200 or len(reply.read()) != REPLY_BYTES:
            raise SystemExit(f"downroute: answered {reply.status}")
    connection.close()


def _asked(upstream: int) -> dict[str, int]:
    connection = http.client.HTTPConnection("127.0.0.1", upstream, timeout=60)
    connection.request("GET", "/asked")
    numbers: dict[str, int] = json.loads(connection.getresponse().read())
    connection.close()
    return numbers


def _number(pattern: str, text: str) -> float:
    found = re.search(pattern, text)
    if found is None:
        raise SystemExit(f"wrk said something else than expected:\n{text}")
    return float(found.group(1))


@contextmanager
def on(cores: set[int]) -> Iterator[None]:
    """What is started meanwhile runs on these cores only, and takes them for all there are."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


if __name__ == "__main__":
    main()
