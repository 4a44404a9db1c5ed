"""`downroute serve` as a process: what it says, how it ends, and what it refuses."""

from __future__ import annotations

import http.client
import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from downroute.cli.main import main
from downroute.gateway.built import built
from downroute.store import Store

PATIENCE_S = 30.0
ANSWER = {
    "model": "large-2026",
    "choices": [{"message": {"role": "assistant", "content": "bug"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 5, "completion_tokens": 1},
}
POLICY = """
version: 1
routes:
  - {task: triage, models: [small], baseline: large, unproven: true}
"""


NOT_NEEDED = (
    *("typer", "click", "rich", "ruamel.yaml", "jinja2", "aiohttp", "genai_prices", "difflib"),
    *("numpy", "scipy", "sklearn", "duckdb", "rapidfuzz", "jsonschema_rs", "opentelemetry"),
    *("downroute.store.journal", "downroute.store.purge", "downroute.store.blinding"),
    *("downroute.store.redaction_rules", "downroute.store.summary", "downroute.usercode"),
    *("downroute.answers.syntax", "downroute.routing.form_checks"),
    *("downroute.routing.content_checks", "downroute.answers.refusal", "downroute.scoring"),
)


class Answering(BaseHTTPRequestHandler):
    """An upstream; ``go`` lets it answer."""

    go: ClassVar[threading.Event]
    asked: ClassVar[threading.Event]

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.asked.set()
        self.go.wait(PATIENCE_S)
        body = json.dumps(ANSWER).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def upstream() -> Iterator[str]:
    Answering.go, Answering.asked = threading.Event(), threading.Event()
    Answering.go.set()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    Answering.go.set()
    server.shutdown()
    thread.join()
    server.server_close()


class Serving:
    """A gateway process that listens."""

    def __init__(self, process: subprocess.Popen[str], line: str) -> None:
        self.process = process
        self.line = line
        found = re.search(r"http://127\.0\.0\.1:(\d+)/v1", line)
        assert found is not None, process.communicate()
        self.port = int(found.group(1))

    def call(self, task: str = "triage") -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        body = json.dumps({"model": "large", "messages": []})
        connection.request("POST", "/v1/chat/completions", body, {"x-downroute-task": task})
        reply = connection.getresponse()
        reply.read()
        connection.close()
        return reply

    def said(self) -> str:
        """The next line on stderr."""
        assert self.process.stderr is not None
        return self.process.stderr.readline()

    def end(self, number: signal.Signals) -> tuple[int, str]:
        """Send a signal; the exit code and what stood on stderr."""
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, errors


@contextmanager
def serving(folder: Path, *arguments: str, limit: str = "") -> Iterator[Serving]:
    """``limit`` are options of the shell's ``ulimit`` under which it is started."""
    command = [sys.executable, "-m", "downroute", "serve", "--port", "0", *arguments]
    if limit:
        command = ["sh", "-c", f'ulimit {limit}; exec "$@"', "sh", *command]
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield Serving(process, process.stdout.readline())
    finally:
        process.kill()
        process.communicate()


def test_it_says_where_it_listens_and_what_it_does(tmp_path: Path, upstream: str) -> None:
    with serving(tmp_path, "--upstream", upstream) as gateway:
        assert "observing (no policy)" in gateway.line
        assert gateway.call().headers["x-downroute-decision"] == "observed"
    (tmp_path / "policy.yaml").write_text(POLICY)
    (tmp_path / "policy.yaml.off").touch()
    with serving(tmp_path, "--upstream", upstream, "--store", "elsewhere") as gateway:
        reply = gateway.call()
        assert reply.headers["x-downroute-decision"] == "bypassed"
        digest = reply.headers["x-downroute-policy"]
        assert f"routing 1 route · policy {digest} · switched off" in gateway.line
        assert gateway.line.rstrip().endswith(f"store elsewhere · {built()}")


def test_until_it_is_ready_it_loads_nothing_that_it_does_not_need(
    tmp_path: Path, upstream: str
) -> None:
    """Modules that took a tenth of its start or more, and what only studies want of the store."""
    settings = f"upstreams: {{test: {{base_url: {upstream}}}}}\n"
    settings += "prices: {large: {input: 2.5, output: 10}, small: {input: 0.15, output: 0.6}}\n"
    (tmp_path / "downroute.yaml").write_text(settings)
    (tmp_path / "policy.yaml").write_text(
        POLICY + "  - {task: other, models: [small, large], checks: [not_refusal, json_valid],\n"
        "     escalate: {score: {words_out: 1}, above: 9}, unproven: true}\n"
    )
    code = f"""
import sys
from downroute.cli import serve_start
from downroute.cli.main import main
def ready(started):
    loaded = {{*sys.modules}} & {{*{NOT_NEEDED!r}}}
    print(started.serving.digest, sorted(loaded), flush=True)
    sys.exit(0)
serve_start._announce = ready
main(["serve", "--port", "0"])
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True)
    digest, loaded = done.stdout.decode().split(" ", 1)
    assert len(digest) == 16, done.stderr.decode()
    assert loaded == "[]\n"


def health(sockets: list[socket.socket]) -> list[bytes]:
    """What each connection is answered, none of them ended before all have asked."""
    for each in sockets:
        each.sendall(b"GET /health HTTP/1.1\r\nhost: g\r\n\r\n")
    return [each.recv(4096)[:12] for each in sockets]


def test_it_holds_more_connections_than_it_was_given_files_at_first(
    tmp_path: Path, upstream: str
) -> None:
    with ExitStack() as stack:
        gateway = stack.enter_context(serving(tmp_path, "--upstream", upstream, limit="-Sn 64"))
        address = ("127.0.0.1", gateway.port)
        many = [
            stack.enter_context(socket.create_connection(address, PATIENCE_S)) for _ in range(150)
        ]
        assert health(many) == [b"HTTP/1.1 200"] * 150


def test_where_it_may_open_no_more_files_it_serves_on_with_those_it_has(
    tmp_path: Path, upstream: str
) -> None:
    with ExitStack() as stack:
        gateway = stack.enter_context(
            serving(tmp_path, "--upstream", upstream, limit="-Sn 64; ulimit -Hn 64")
        )
        address = ("127.0.0.1", gateway.port)
        first = [stack.enter_context(socket.create_connection(address)) for _ in range(8)]
        assert health(first) == [b"HTTP/1.1 200"] * 8
        with ExitStack() as others:
            for _ in range(100):
                others.enter_context(socket.create_connection(address))
            time.sleep(0.3)
            assert health(first) == [b"HTTP/1.1 200"] * 8
        time.sleep(0.3)
        assert gateway.call().status == 200


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop_it_finishes_the_calls_under_way_and_the_log(
    tmp_path: Path, upstream: str, number: signal.Signals
) -> None:
    Answering.go.clear()
    with serving(tmp_path, "--upstream", upstream) as gateway:
        statuses: list[int] = []
        calling = threading.Thread(target=lambda: statuses.append(gateway.call().status))
        calling.start()
        assert Answering.asked.wait(PATIENCE_S)
        gateway.process.send_signal(number)
        wait_until_refused(gateway.port)
        Answering.go.set()
        calling.join()
        _, errors = gateway.process.communicate(timeout=PATIENCE_S)
    assert statuses == [200]
    assert gateway.process.returncode == 0
    assert "Traceback" not in errors
    with Store.open(tmp_path / ".downroute") as store:
        assert [c.status for c in store.calls.each()] == [200]


def test_told_twice_it_does_not_wait(tmp_path: Path, upstream: str) -> None:
    Answering.go.clear()

    def cut_off() -> None:
        with pytest.raises(OSError):
            gateway.call()

    with serving(tmp_path, "--upstream", upstream) as gateway:
        calling = threading.Thread(target=cut_off)
        calling.start()
        assert Answering.asked.wait(PATIENCE_S)
        gateway.process.send_signal(signal.SIGTERM)
        wait_until_refused(gateway.port)
        code, errors = gateway.end(signal.SIGTERM)
        calling.join()
    assert code == 0
    assert "Traceback" not in errors
    with Store.open(tmp_path / ".downroute") as store:
        assert [c.error for c in store.calls.each()] == ["cancelled"]


def test_told_by_sighup_it_reads_its_settings_again_and_goes_on(
    tmp_path: Path, upstream: str
) -> None:
    file = tmp_path / "downroute.yaml"
    file.write_text(f"upstreams: {{only: {{base_url: '{upstream}'}}}}\n")
    with serving(tmp_path) as gateway:
        file.write_text("upstreams: [")
        gateway.process.send_signal(signal.SIGHUP)
        assert gateway.call().status == 200
        line = gateway.said()
        assert "config_not_taken" in line and "downroute.yaml:1:13" in line
        file.write_text(f"upstreams: {{other: {{base_url: '{upstream}'}}}}\n")
        gateway.process.send_signal(signal.SIGHUP)
        assert "config_taken" in gateway.said()
        assert gateway.call().status == 200
        assert gateway.end(signal.SIGTERM)[0] == 0


def wait_until_refused(port: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            return
        time.sleep(0.02)
    raise AssertionError("it goes on listening")


def test_it_is_quiet_and_gives_nothing_away(
    tmp_path: Path, upstream: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_KEY", "sk-very-secret")
    (tmp_path / "downroute.yaml").write_text(
        f"upstreams: {{only: {{base_url: '{upstream}', key: env:SOME_KEY}}}}\n"
    )
    (tmp_path / "policy.yaml").write_text(POLICY)
    with serving(tmp_path) as gateway:
        for _ in range(3):
            gateway.call()
        code, errors = gateway.end(signal.SIGTERM)
    assert code == 0
    assert [line.split()[2] for line in errors.splitlines()] == ["policy_served", "stopping"]
    assert "secret" not in errors + gateway.line


Refused = Callable[..., tuple[int, str]]


@pytest.fixture
def refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Refused:
    """Runs the command, which does not come as far as to serve; its exit code and stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str]:
        code = main(["serve", "--port", "0", *arguments])
        out, errors = capsys.readouterr()
        assert out == ""
        return code, errors

    return run


@pytest.mark.parametrize(
    ("files", "arguments", "code", "said"),
    [
        ({}, [], 1, "no upstream"),
        ({}, ["--upstream", "nonsense"], 1, "--upstream"),
        ({}, ["--policy", "absent.yaml"], 1, "absent.yaml: there is no such policy"),
        ({}, ["--config", "absent.yaml"], 1, "absent.yaml: there is no such file"),
        ({}, ["--host", "0.0.0.0"], 2, "--allow-remote"),
        ({"downroute.yaml": "nonsense: 1"}, [], 1, "downroute.yaml:1:1"),
        (
            {"downroute.yaml": "upstreams: {a: {base_url: 'http://a', key: env:NOT_SET}}"},
            [],
            1,
            "NOT_SET is not set",
        ),
        (
            {
                "downroute.yaml": "upstreams: {a: {base_url: 'http://a'}}",
                "policy.yaml": "version: 1\nroutes: [{task: t, models: [m]}]",
            },
            [],
            1,
            "policy.yaml:2:",
        ),
        (
            {
                "downroute.yaml": "upstreams: {a: {base_url: 'http://a'}, "
                "b: {base_url: 'http://b', api: anthropic}}\n"
                "models: {m: {upstream: a}, n: {upstream: b}}",
                "policy.yaml": "version: 1\nroutes: [{task: t, models: [m, n], unproven: true}]",
            },
            [],
            1,
            "policy.yaml:2:29: m is asked at 'a', which is openai-shaped, but n is asked at 'b'",
        ),
    ],
)
def test_what_cannot_work_is_one_clear_line(
    refused: Refused,
    tmp_path: Path,
    files: dict[str, str],
    arguments: list[str],
    code: int,
    said: str,
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    exit_code, errors = refused(*arguments)
    assert exit_code == code
    (line,) = errors.splitlines()
    assert line.startswith("error: ")
    assert said in line
    assert not (tmp_path / ".downroute").exists()


def test_a_port_in_use_is_one_clear_line(refused: Refused, upstream: str) -> None:
    port = upstream.rsplit(":", 1)[1].removesuffix("/v1")
    assert refused("--upstream", upstream, "--port", port) == (
        1,
        f"error: port {port} on 127.0.0.1 is in use; end what listens there or choose another "
        "--port\n",
    )


def test_lines_on_stderr_are_objects_where_that_is_asked_for_one_for_each_call_too(
    tmp_path: Path, upstream: str
):
    arguments = ("--upstream", upstream, "--log-format", "json", "--log-calls")
    with serving(tmp_path, *arguments) as gateway:
        assert gateway.call("canary-task").status == 200
        code, errors = gateway.end(signal.SIGTERM)
    lines = [json.loads(line) for line in errors.splitlines()]
    (said,) = [line for line in lines if line["event"] == "call"]
    assert said["decision"] == "observed" and said["output_tokens"] == 1
    assert said["model"] == "large" and said["task"] == "canary-task" and "bug" not in errors
    assert code == 0 and lines[-1]["event"] in ("stopping", "call")


def test_the_first_reply_says_its_cost_by_the_list_too(tmp_path: Path, upstream: str) -> None:
    (tmp_path / "downroute.yaml").write_text("models: {gpt-4o: {}, gpt-4o-mini: {}}\n")
    (tmp_path / "policy.yaml").write_text(
        "version: 1\n"
        "routes: [{task: triage, models: [gpt-4o-mini], baseline: gpt-4o, unproven: true}]\n"
    )
    with serving(tmp_path, "--upstream", upstream) as gateway:
        connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=PATIENCE_S)
        body = json.dumps({"model": "gpt-4o", "messages": []})
        connection.request("POST", "/v1/chat/completions", body, {"x-downroute-task": "triage"})
        reply = connection.getresponse()
        reply.read()
        connection.close()
    assert reply.headers["x-downroute-model"] == "gpt-4o-mini"
    assert float(reply.headers["x-downroute-cost-usd"]) > 0
