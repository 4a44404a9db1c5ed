"""Gateways whose store cannot be written: real processes, real disks that are full or read-only, a
lock that another process holds, a file that is gone. All at the same time, because each waits."""

from __future__ import annotations

import http.client
import json
import os
import re
import resource
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from .running import PATIENCE_S, Loop, wait_until
from .upstream import Upstream, chat_body

CALLS = 5
LARGEST_DISK = 2**24
DISK_BYTES = 2 * 2**20


@dataclass
class Process:
    """A gateway process."""

    process: subprocess.Popen[bytes]
    port: int
    errors: Path

    def ask(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            connection.request(method, path, body, {"content-type": "application/json"})
            reply = connection.getresponse()
            return reply.status, reply.read()
        finally:
            connection.close()

    def call(self) -> tuple[int, bytes]:
        return self.ask("POST", "/v1/chat/completions", json.dumps(chat_body()).encode())

    def ready(self) -> dict[str, Any]:
        status, body = self.ask("GET", "/ready")
        facts: dict[str, Any] = {"http": status, **json.loads(body)}
        return facts

    def seen(self, path: Path) -> Path:
        """``path`` as the gateway sees it, which bubblewrap has started as a child."""
        pid = self.process.pid
        (child,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return Path(f"/proc/{child}/root{path}")


@contextmanager
def gateway(
    work: Path, url: str, *around: str, store: Path, sync: bool = False
) -> Iterator[Process]:
    """`downroute serve`, its command behind that of ``around``."""
    work.mkdir(exist_ok=True)
    log = f"log: {{durability: {'sync' if sync else 'async'}}}\n"
    (work / "downroute.yaml").write_text(f"upstreams: {{only: {{base_url: '{url}'}}}}\n" + log)
    command = [sys.executable, "-m", "downroute", "serve", "--port", "0", "--store", str(store)]
    with (work / "stderr").open("wb") as errors:
        process = subprocess.Popen(
            [*around, *command], cwd=work, stdout=subprocess.PIPE, stderr=errors
        )
    assert process.stdout is not None
    try:
        line = process.stdout.readline().decode()
        found = re.search(r":(\d+)/v1", line)
        assert found is not None, (work / "stderr").read_text()
        yield Process(process, int(found.group(1)), work / "stderr")
    finally:
        process.terminate()
        process.wait(PATIENCE_S)
        process.stdout.close()


def count(store: Path, work: Path) -> int:
    """The calls in a store, read from a copy: on a disk that only the gateway has, SQLite would not
    find its WAL."""
    copy = work / "copy"
    copy.mkdir()
    for file in store.glob("store.db*"):
        shutil.copy(file, copy)
    with closing(sqlite3.connect(copy / "store.db")) as reading:
        return int(reading.execute("SELECT count(*) FROM calls").fetchone()[0])


def goes_on(gateway: Process, fault: str, mend: Callable[[], object]) -> None:
    """Calls go on while the store cannot be written, everybody is told, and once it can be every
    row is written."""
    before = len(gateway.errors.read_text())
    statuses = [gateway.call()[0] for _ in range(CALLS)]
    wait_until(lambda: gateway.ready()["store_fault"] is not None)
    statuses += [gateway.call()[0] for _ in range(CALLS)]
    assert statuses == [200] * 2 * CALLS
    ready = gateway.ready()
    assert fault in ready["store_fault"]
    assert (ready["http"], ready["lost_log_rows"]) == (200, 0)
    assert ready["waiting_log_rows"] > 0
    metrics = gateway.ask("GET", "/metrics")[1].decode()
    assert "downroute_store_fault 1" in metrics
    said = gateway.errors.read_text()
    assert said.count("store_not_writable") == said.count("store_writable_again") + 1
    assert fault in said
    mend()
    wait_until(lambda: gateway.ready()["store_fault"] is None)
    wait_until(lambda: gateway.ready()["waiting_log_rows"] == 0)
    assert gateway.ready()["lost_log_rows"] == 0
    assert "store_writable_again" in gateway.errors.read_text()[before:]


def full_disk(work: Path, url: str) -> None:
    small = work / "small"
    small.mkdir()
    with gateway(work, url, *bubble(small), store=small / "store") as process:
        filler = fill(process.seen(small))
        goes_on(process, "disk is full", filler.unlink)
        assert count(process.seen(small / "store"), work) == 2 * CALLS


def full_disk_in_sync_mode(work: Path, url: str) -> None:
    small = work / "small"
    small.mkdir()
    with gateway(work, url, *bubble(small), store=small / "store", sync=True) as process:
        assert process.call()[0] == 200
        filler = fill(process.seen(small))
        for _ in range(2):
            status, body = process.call()
            assert (status, json.loads(body)["error"]["code"]) == (503, "log_unwritten")
        ready = process.ready()
        assert (ready["http"], ready["status"]) == (503, "refusing")
        filler.unlink()
        wait_until(lambda: process.ready()["http"] == 200)
        assert process.call()[0] == 200
        # The second call that was refused was refused before anybody was asked.
        assert count(process.seen(small / "store"), work) == 3


def read_only_disk(work: Path, url: str) -> None:
    disk, other, link = work / "disk", work / "other", work / "link"
    disk.mkdir(), other.mkdir()
    link.symlink_to(disk)

    def mend() -> None:
        link.unlink()
        link.symlink_to(other)

    around = [*BUBBLE, "--ro-bind", str(disk), str(disk)]
    with gateway(work, url, *around, store=link / "store") as process:
        goes_on(process, "Read-only file system", mend)
        assert count(other / "store", work) == 2 * CALLS


def one_fault_after_the_other(work: Path, url: str) -> None:
    """A lock; a limit on the size of files, as if a disk failed in the middle of a write; and the
    file deleted."""
    (work / "policy.yaml").write_text("version: 1\nroutes: []\n")
    with gateway(work, url, store=work / "store") as process:
        with closing(sqlite3.connect(work / "store" / "store.db", isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            goes_on(process, "another process has been writing", lambda: other.execute("ROLLBACK"))
        pid, no_limit = process.process.pid, resource.RLIM_INFINITY
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (4096, no_limit))
        goes_on(
            process,
            "the disk",
            lambda: resource.prlimit(pid, resource.RLIMIT_FSIZE, (no_limit, no_limit)),
        )
        assert count(work / "store", work) == 4 * CALLS
        shutil.rmtree(work / "store")
        assert [process.call()[0] for _ in range(CALLS)] == [200] * CALLS
        wait_until((work / "store" / "store.db").exists)
        wait_until(lambda: process.ready()["waiting_log_rows"] == 0)
        assert "store_file_gone" in process.errors.read_text()
        with closing(sqlite3.connect(work / "store" / "store.db")) as reading:
            assert reading.execute("SELECT count(*) FROM calls").fetchone() == (CALLS,)
            assert reading.execute("SELECT count(*) FROM policies").fetchone() == (1,)
            assert reading.execute("PRAGMA integrity_check").fetchone() == ("ok",)


BUBBLE = ["bwrap", "--die-with-parent", "--dev-bind", "/", "/"]


def bubble(disk: Path) -> list[str]:
    """A small disk that only the process has."""
    return [*BUBBLE, "--size", str(DISK_BYTES), "--tmpfs", str(disk)]


def fill(disk: Path) -> Path:
    """Leave no room; the file that takes it all. Only ever on the small disk of a test, and never
    more than that holds."""
    whole = os.statvfs(disk)
    assert whole.f_blocks * whole.f_frsize <= DISK_BYTES, "this is the machine's own disk"
    filler = disk / "filler"
    with pytest.raises(OSError, match="No space left"), filler.open("wb", buffering=0) as file:
        for _ in range(DISK_BYTES // 4096 + 1):
            file.write(b"x" * 4096)
    return filler


BROKEN: dict[str, Callable[[Path, str], None]] = {
    "full disk": full_disk,
    "full disk in sync mode": full_disk_in_sync_mode,
    "read-only disk": read_only_disk,
    "lock, failing writes, deleted file": one_fault_after_the_other,
}
NEED_A_BUBBLE = {"full disk", "full disk in sync mode", "read-only disk"}


@pytest.fixture(scope="module")
def ways(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[None]]]:
    loop, upstream = Loop(), Upstream()
    loop.run(upstream.start())
    with ThreadPoolExecutor(len(BROKEN)) as pool:
        yield {
            name: pool.submit(way, tmp_path_factory.mktemp("broken"), upstream.url)
            for name, way in BROKEN.items()
            if name not in NEED_A_BUBBLE or bubbles()
        }
    loop.run(upstream.stop())
    loop.close()


def bubbles() -> bool:
    try:
        return subprocess.run([*BUBBLE, "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("name", BROKEN)
def test_calls_go_on_and_their_rows_are_kept(ways: dict[str, Future[None]], name: str) -> None:
    if name not in ways:
        pytest.skip("bubblewrap, which makes the disk, does not run here")
    ways[name].result(60)
