"""`serve --workers`: several processes on one port, replaced under load, mended, stopped."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from .test_serve import PATIENCE_S, Answering, serving, upstream

__all__ = ["upstream"]

BODY = b'{"model": "large", "messages": []}'
REQUEST = (
    b"POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\ncontent-type: application/json\r\n"
    b"content-length: %d\r\n\r\n%b" % (len(BODY), BODY)
)


def children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in listed]


def until(true) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def replaced(pid: int, before: list[int]) -> None:
    """Wait until none of the workers ``before`` is there any more."""
    until(lambda: not set(before) & set(children(pid)))


async def client(port: int, over: asyncio.Event, seen: Counter[str]) -> None:
    """Calls one after the other on kept connections, as every HTTP client does: it opens another
    connection where the last one said that it ends."""
    reader = writer = None
    while not over.is_set():
        if writer is None:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(REQUEST)
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
            seen["ok" if b"http/1.1 200 " in head else "refused"] += 1
            ends = b"connection: close" in head
        except (OSError, asyncio.IncompleteReadError) as fault:
            seen[repr(fault)] += 1
            ends = True
        if ends:
            writer.close()
            writer = None
        await asyncio.sleep(0.02)
    if writer is not None:
        writer.close()


def test_workers_are_replaced_under_load_without_losing_a_call(tmp_path: Path, upstream: str):
    seen: Counter[str] = Counter()

    async def load(port: int, process) -> None:
        over = asyncio.Event()
        clients = [asyncio.create_task(client(port, over, seen)) for _ in range(8)]
        before = children(process.pid)
        for _ in range(2):
            await asyncio.sleep(0.3)
            process.send_signal(signal.SIGHUP)
            await asyncio.to_thread(replaced, process.pid, before)
            before = children(process.pid)
        over.set()
        await asyncio.gather(*clients)

    with serving(tmp_path, "--upstream", upstream, "--workers", "2") as gateway:
        assert gateway.line.rstrip().endswith("2 workers")
        asyncio.run(load(gateway.port, gateway.process))
        code, errors = gateway.end(signal.SIGTERM)
    assert set(seen) == {"ok"} and seen["ok"] > 20
    assert code == 0 and errors.count(" reloaded ") == 2


def test_stopped_under_load_they_answer_everybody_whom_they_took(tmp_path: Path, upstream: str):
    seen: Counter[str] = Counter()

    async def calls(port: int) -> None:
        """Each on a connection of its own, until none is taken any more."""
        while True:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                return
            try:
                writer.write(REQUEST.replace(b"host: g", b"host: g\r\nconnection: close"))
                reply = await reader.read()
                seen["ok" if reply.startswith(b"HTTP/1.1 200 ") else "refused"] += 1
            except OSError as fault:
                seen[repr(fault)] += 1
            writer.close()

    async def load(port: int, process: subprocess.Popen[str]) -> None:
        clients = [asyncio.create_task(calls(port)) for _ in range(16)]
        await asyncio.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        await asyncio.gather(*clients)

    with serving(tmp_path, "--upstream", upstream, "--workers", "2") as gateway:
        asyncio.run(load(gateway.port, gateway.process))
        assert gateway.process.wait(PATIENCE_S) == 0
    assert set(seen) == {"ok"} and seen["ok"] > 20


def test_stopped_while_workers_are_being_replaced_they_answer_those_whom_the_old_ones_took(
    tmp_path: Path, upstream: str
):
    replies: list[int] = []
    with serving(tmp_path, "--upstream", upstream, "--workers", "1") as gateway:
        Answering.go.clear()
        (old,) = children(gateway.process.pid)
        calling = threading.Thread(target=lambda: replies.append(gateway.call().status))
        calling.start()
        assert Answering.asked.wait(PATIENCE_S)
        gateway.process.send_signal(signal.SIGHUP)
        until(lambda: len(children(gateway.process.pid)) == 2)
        while "reloaded" not in gateway.said():
            pass
        gateway.process.send_signal(signal.SIGTERM)
        until(lambda: len(children(gateway.process.pid)) == 1)
        assert children(gateway.process.pid) == [old]
        Answering.go.set()
        calling.join(PATIENCE_S)
        assert gateway.process.wait(PATIENCE_S) == 0
    assert replies == [200]


def test_a_worker_that_dies_is_replaced(tmp_path: Path, upstream: str):
    with serving(tmp_path, "--upstream", upstream, "--workers", "2") as gateway:
        first, second = children(gateway.process.pid)
        os.kill(first, signal.SIGKILL)
        until(lambda: len(set(children(gateway.process.pid)) - {first}) == 2)
        assert {gateway.call().status for _ in range(8)} == {200}
        assert second in children(gateway.process.pid)
        _, errors = gateway.end(signal.SIGTERM)
    assert "worker_died code=-9" in errors


def test_workers_do_not_outlive_their_parent(tmp_path: Path, upstream: str):
    with serving(tmp_path, "--upstream", upstream, "--workers", "2") as gateway:
        workers = children(gateway.process.pid)
        gateway.process.kill()
        until(
            lambda: (
                not any(
                    Path(f"/proc/{pid}/cmdline").read_bytes()
                    for pid in workers
                    if Path(f"/proc/{pid}").exists()
                )
            )
        )


@pytest.mark.parametrize("policy", ["nonsense: [", "version: 2"])
def test_settings_that_do_not_hold_are_not_reloaded(tmp_path: Path, upstream: str, policy: str):
    with serving(tmp_path, "--upstream", upstream, "--workers", "1") as gateway:
        before = children(gateway.process.pid)
        (tmp_path / "downroute.yaml").write_text(policy)
        gateway.process.send_signal(signal.SIGHUP)
        time.sleep(0.5)
        until(lambda: children(gateway.process.pid) == before)
        assert gateway.call().status == 200
        _, errors = gateway.end(signal.SIGTERM)
    assert "not_reloaded" in errors


def test_a_port_that_is_in_use_is_said_to_be(tmp_path: Path, upstream: str):
    with serving(tmp_path, "--upstream", upstream, "--workers", "1") as first:
        command = [sys.executable, "-m", "downroute", "serve", "--workers", "2"]
        done = subprocess.run(
            [*command, "--upstream", upstream, "--port", str(first.port)],
            cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE_S,
        )  # fmt: skip
    assert done.returncode == 1 and "in use" in done.stderr and "Traceback" not in done.stderr


def counted(port: int) -> float:
    with urlopen(f"http://127.0.0.1:{port}/metrics") as reply:
        lines = reply.read().decode().splitlines()
    return sum(
        float(line.split()[-1]) for line in lines if line.startswith("downroute_calls_total")
    )


def test_metrics_are_the_sum_over_workers_those_that_are_gone_included(
    tmp_path: Path, upstream: str
):
    with serving(tmp_path, "--upstream", upstream, "--workers", "2") as gateway:
        before = children(gateway.process.pid)
        url = f"http://127.0.0.1:{gateway.port}/v1/chat/completions"
        for times in (10, 20):
            for _ in range(10):
                urlopen(Request(url, data=BODY)).close()
            until(lambda times=times: counted(gateway.port) == times)
            if times == 10:
                gateway.process.send_signal(signal.SIGHUP)
                replaced(gateway.process.pid, before)
