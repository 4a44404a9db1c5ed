"""The gateway of a soak: its settings and policy, how both change and break, and what its processes
hold; used by `gateway_soak.py`."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

CONFIG = """
upstreams:
  small: {{base_url: "http://127.0.0.1:{port}/s/v1", {limits}}}
  large: {{base_url: "http://127.0.0.1:{port}/l/v1", {limits}}}
  haiku: {{base_url: "http://127.0.0.1:{port}/h/v1", api: anthropic, {limits}}}
  opus: {{base_url: "http://127.0.0.1:{port}/o/v1", api: anthropic, {limits}}}
models:
  small: {{upstream: small}}
  large: {{upstream: large}}
  haiku: {{upstream: haiku}}
  opus: {{upstream: opus}}
prices:
  small: {{input: {price}, output: 2}}
  large: {{input: 10, output: 20}}
  haiku: {{input: 1, output: 2}}
  opus: {{input: 10, output: 20}}
store: {{bodies: redacted}}
log: {{durability: {durability}}}
serve: {{timeout_s: {timeout_s}, heartbeat_s: 1}}
"""
LIMITS = (
    "timeout_s: 9, timeouts: {connect_s: 3, first_byte_s: 3, between_chunks_s: 3, total_s: 9}, "
    "retries: {most: 2}, breaker: {failures: 10, open_s: 3}, in_flight: {most: 200, waiting: 200}"
)
OPEN_S = 3.0
ENDING_S = 60.0
_TROUBLE = r"internal|Traceback|worker_died code=[^0]|calls_lost"
"""A worker that is ended by SIGTERM ends with 0."""
POLICY = """
version: 1
routes:
  - {{task: switched, models: [small], baseline: large, unproven: true}}
  - {{task: claude-switched, models: [haiku], baseline: opus, unproven: true}}
  - task: cascade
    models: [small, large]
    checks: [not_empty, {{regex: "surely|^$"}}, tool_call_valid, {{min_chars: {chars}}}]
    unproven: true
  - task: claude-cascade
    models: [haiku, opus]
    checks: [not_empty, {{regex: "surely|^$"}}, tool_call_valid, {{min_chars: {chars}}}]
    unproven: true
"""


@dataclass(frozen=True)
class Sample:
    """What all workers hold at a moment. ``rss_mib`` and ``pids`` are by worker, oldest first."""

    at_s: float
    pids: tuple[int, ...]
    rss_mib: tuple[int, ...]
    files: int
    threads: int
    tasks: int
    connections: int
    upstream_connections: int
    in_flight: int
    waiting: int
    lost: int


class SoakGateway:
    """`downroute serve --workers` in ``folder``, in front of the upstream at ``port``."""

    def __init__(self, folder: Path, port: int, workers: int, durability: str) -> None:
        self._folder = folder
        self._port = port
        self._workers = workers
        self._durability = durability
        self._changes = 0
        self._ending = threading.Lock()
        self.write_config()
        self.write_policy()

    def start(self) -> str:
        """Its address."""
        self._errors = (self._folder / "stderr").open("w")
        command = [sys.executable, "-m", "downroute", "serve", "--port", "0"]
        self._process = subprocess.Popen(
            [*command, "--workers", str(self._workers)],
            cwd=self._folder,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        found = re.search(r"(http://127\.0\.0\.1:\d+)/v1", line)
        assert found is not None, (self._folder / "stderr").read_text()
        return found[1]

    def stop(self) -> int:
        """Its exit code."""
        self._process.terminate()
        code = self._process.wait(60)
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._errors.close()
        return code

    # what is done to it

    def write_config(self) -> None:
        """Another price, and another time-out."""
        self._changes += 1
        odd = self._changes % 2
        text = CONFIG.format(
            port=self._port,
            limits=LIMITS,
            price=1 + odd,
            timeout_s=25 + odd,
            durability=self._durability,
        )
        (self._folder / "downroute.yaml").write_text(text)

    def write_policy(self) -> None:
        """Another check, so that it is another policy."""
        self._changes += 1
        text = POLICY.format(chars=1 + self._changes % 3)
        (self._folder / "policy.yaml").write_text(text)

    def break_config(self) -> None:
        (self._folder / "downroute.yaml").write_text("upstreams: {small: {base_url: 7")

    def break_policy(self) -> None:
        (self._folder / "policy.yaml").write_text("version: 1\nroutes: [{task: x, models: ")

    def switch(self, to: str) -> None:
        """``off`` or ``on``."""
        # Named, because the settings may be broken at that moment.
        command = [sys.executable, "-m", "downroute", "policy", to, "--policy", "policy.yaml"]
        subprocess.run(command, cwd=self._folder, check=True, capture_output=True)

    def replace_workers(self) -> None:
        with self._ending:
            before = self.worker_pids()
            self._process.send_signal(signal.SIGHUP)
            self._gone(before)

    def end_a_worker(self) -> None:
        """As an administrator would; the others go on, and a new one takes its place."""
        with self._ending:
            first = self.worker_pids()[0]
            os.kill(first, signal.SIGTERM)
            self._gone([first])

    def _gone(self, pids: list[int]) -> None:
        """Wait until these workers have ended: told twice, one cuts off the calls under way."""
        until = time.monotonic() + ENDING_S
        while set(pids) & set(self.worker_pids()) and time.monotonic() < until:
            time.sleep(0.1)

    def lock_store(self, seconds: float) -> None:
        """As a backup or an analyst does."""
        database = sqlite3.connect(self._folder / ".downroute" / "store.db", isolation_level=None)
        try:
            database.execute("PRAGMA busy_timeout = 5000")
            database.execute("BEGIN IMMEDIATE")
            time.sleep(seconds)
            database.execute("ROLLBACK")
        finally:
            database.close()

    # what it holds

    def worker_pids(self) -> list[int]:
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [int(child) for child in children]

    def sample(self, at_s: float, metrics: str) -> Sample:
        """``metrics`` is what `/metrics` says."""
        statuses = {pid: Path(f"/proc/{pid}/status").read_text() for pid in self.worker_pids()}
        # One that has ended, and was not taken leave of yet, has no memory.
        running = {pid: text for pid, text in statuses.items() if _field(text, "VmRSS")}
        pids, states = list(running), list(running.values())

        def told(name: str) -> int:
            return sum(int(float(v)) for v in re.findall(rf"^{name} (\S+)$", metrics, re.M))

        return Sample(
            at_s=at_s,
            pids=tuple(pids),
            rss_mib=tuple(_field(state, "VmRSS") // 1024 for state in states),
            files=sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in pids),
            threads=sum(_field(state, "Threads") for state in states),
            tasks=told("downroute_tasks"),
            connections=told("downroute_connections"),
            upstream_connections=told("downroute_upstream_connections"),
            in_flight=told("downroute_requests_in_flight"),
            waiting=told("downroute_log_rows_waiting"),
            lost=told("downroute_log_rows_lost_total"),
        )

    def internal_errors(self) -> list[str]:
        lines = (self._folder / "stderr").read_text().splitlines()
        return [line for line in lines if re.search(_TROUBLE, line)]

    def rows(self) -> dict[str, list[int | None]]:
        """The statuses of the rows in the log, by the client's request id."""
        found: dict[str, list[int | None]] = {}
        database = sqlite3.connect(self._folder / ".downroute" / "store.db")
        try:
            for name, status in database.execute("SELECT request_id, status FROM calls"):
                found.setdefault(json.dumps(name).strip('"'), []).append(status)
        finally:
            database.close()
        return found


def _field(status: str, name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+)", status, re.M)
    return int(found[1]) if found else 0
