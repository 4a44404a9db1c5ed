"""`downroute replay` as a process of its own."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest

from downroute.cli.main import main

COMMAND = "from downroute.cli.main import run; run()"

MESSAGES = [{"role": "user", "content": "hi"}]


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    message = {"role": "assistant", "content": "ho"}
    completion = {"choices": [{"message": message, "finish_reason": "stop"}]}
    row = {
        "id": "1",
        "request": {"messages": MESSAGES},
        "responses": {m: {"completion": completion} for m in ("big", "small")},
    }
    file = tmp_path / "recording.jsonl"
    file.write_text(json.dumps(row) + "\n")
    return file


@contextmanager
def running(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, "replay", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def ready_line(process: subprocess.Popen[str]) -> str:
    output: IO[str] | None = process.stdout
    assert output is not None
    return output.readline()


def url_in(line: str) -> str:
    found = re.search(r"http://\S+", line)
    assert found, line
    return found[0]


def ask(url: str) -> Any:
    body = json.dumps({"model": "big", "messages": MESSAGES}).encode()
    request = urllib.request.Request(f"{url}/chat/completions", body)
    with urllib.request.urlopen(request, timeout=30) as reply:
        return reply.read()


def cut_off(url: str) -> None:
    with pytest.raises(OSError):
        ask(url)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_when_it_listens_answers_and_stops_at_once_amid_a_reply(
    recording: Path, number: signal.Signals, tmp_path: Path
) -> None:
    log = tmp_path / "served.jsonl"
    with running(recording, "--port", 0, "--latency", 3600, "--log", log) as process:
        line = ready_line(process)
        assert re.fullmatch(
            r"replay listens on http://127\.0\.0\.1:\d+/v1 · 1 rows · models: big, small\n", line
        )
        address = re.search(r"([\d.]+):(\d+)", line)
        assert address
        waiting = threading.Thread(target=cut_off, args=(url_in(line),))
        waiting.start()
        with urllib.request.urlopen(url_in(line) + "/models", timeout=30) as models:
            assert models.status == 200
        time.sleep(0.2)
        process.send_signal(number)
        assert process.wait(timeout=10) == 0
        waiting.join(10)
        with socket.socket() as probe:
            assert probe.connect_ex((address[1], int(address[2]))) != 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_a_reply_is_served_and_bad_rows_are_reported(recording: Path) -> None:
    with recording.open("a") as file:
        file.write("{oops\n")
    with running(recording, "--port", 0) as process:
        reply = json.loads(ask(url_in(ready_line(process))))
        assert reply["choices"][0]["message"]["content"] == "ho"
        process.terminate()
        assert process.stderr is not None
        assert f"{recording}:2: left out: not JSON" in process.stderr.read()


def test_a_port_in_use_is_one_clear_line(
    recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code = main(["replay", str(recording), "--port", str(port)])
    output, errors = capsys.readouterr()
    assert (code, output, errors.count("\n")) == (1, "", 1)
    assert errors.startswith(f"error: port {port} on 127.0.0.1 is in use")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--latency", "fast"], 2, "--latency fast: give seconds (say 0.5) or 'recorded'"),
        (["--latency", "-1"], 2, "--latency -1: give seconds"),
        (["--fail", "1.5"], 2, "--fail"),
        (["--log", "/"], 2, "cannot write --log /"),
        (["/nowhere.jsonl"], 1, "cannot read the recording /nowhere.jsonl"),
    ],
)
def test_what_cannot_work_is_said(
    recording: Path,
    arguments: list[str],
    code: int,
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["replay", str(recording), "--port", "0", *arguments]) == code
    output, errors = capsys.readouterr()
    assert output == ""
    assert said in errors
