"""The recipes under deploy/, tried as far as they can be without a container engine: nginx runs,
and so do the image's commands, in a sandbox as its user on a root that cannot be written."""

from __future__ import annotations

import http.client
import itertools
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[1]
DEPLOY = ROOT / "deploy"
PATIENCE_S = 30.0
CHUNKS = 5
GAP_S = 0.15

needs_nginx = pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")
needs_bwrap = pytest.mark.skipif(shutil.which("bwrap") is None, reason="no bubblewrap")


class Answering(BaseHTTPRequestHandler):
    """An upstream that takes a moment, or drips a stream."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if asked.get("stream"):
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            for n in range(CHUNKS):
                self._chunk(b'data: {"choices":[{"index":0,"delta":{"content":"%d"}}]}\n\n' % n)
                time.sleep(GAP_S)
            self._chunk(b"data: [DONE]\n\n")
            self.wfile.write(b"0\r\n\r\n")
            return
        time.sleep(0.02)
        message = {"role": "assistant", "content": self.headers.get("x-request-id", "none")}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        body = json.dumps({"model": "large", "choices": [choice]}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        if asked.get("user") == "told a lot":
            for n in range(3):
                self.send_header(f"x-told-{n}", "t" * 8000)
        self.end_headers()
        self.wfile.write(body)

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
        self.wfile.flush()

    def log_message(self, *_: object) -> None: ...


class Upstream(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128


@pytest.fixture(scope="module")
def upstream() -> Iterator[str]:
    server = Upstream(("127.0.0.1", 0), Answering)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def running(*command: str, port: int, cwd: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not answers(port):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield process
    finally:
        process.terminate()
        try:
            process.communicate(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


class Fleet:
    """Two gateways and nginx with deploy/nginx.conf, its addresses replaced by this machine's."""

    def __init__(self, folder: Path, upstream: str, stack: ExitStack) -> None:
        self._folder, self._upstream, self._stack = folder, upstream, stack
        self.port = free_port()
        self.ports = {"gateway-a": free_port(), "gateway-b": free_port()}
        self.gateways = {name: self.gateway(name) for name in self.ports}
        text = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
        for name, port in self.ports.items():
            assert f"{name}:8080" in text
            text = text.replace(f"{name}:8080", f"127.0.0.1:{port}")
        text = text.replace("listen 8080", f"listen 127.0.0.1:{self.port}")
        text = text.replace("/tmp/", f"{folder}/")
        text = text.replace("worker_processes auto", "worker_processes 1")
        file = folder / "nginx.conf"
        file.write_text("daemon off;\n" + text)
        nginx = ("nginx", "-c", str(file), "-p", str(folder), "-e", str(folder / "errors"))
        stack.enter_context(running(*nginx, port=self.port, cwd=folder))

    def gateway(self, name: str) -> subprocess.Popen[bytes]:
        port = self.ports[name]
        command = (sys.executable, "-m", "downroute", "serve", "--port", str(port))
        more = ("--upstream", self._upstream, "--store", str(self._folder / "store"))
        return self._stack.enter_context(running(*command, *more, port=port, cwd=self._folder))


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory, upstream: str) -> Iterator[Fleet]:
    with ExitStack() as stack:
        yield Fleet(tmp_path_factory.mktemp("fleet"), upstream, stack)


def post(connection: http.client.HTTPConnection, **body: object) -> http.client.HTTPResponse:
    text = json.dumps({"model": "large", "messages": [], **body})
    connection.request("POST", "/v1/chat/completions", text, {"content-type": "application/json"})
    return connection.getresponse()


@needs_nginx
def test_streams_come_through_nginx_piece_by_piece(fleet: Fleet) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", fleet.port, timeout=PATIENCE_S)
    reply = post(connection, stream=True)
    came = [time.monotonic() for line in reply if line.startswith(b"data: {")]
    connection.close()
    gaps = [later - earlier for earlier, later in itertools.pairwise(came)]
    assert len(came) == CHUNKS and sum(gap > GAP_S / 3 for gap in gaps) == CHUNKS - 1, gaps


@needs_nginx
def test_connections_are_kept_and_requests_named_and_metrics_kept_inside(fleet: Fleet) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", fleet.port, timeout=PATIENCE_S)
    said = []
    for _ in range(30):
        reply = post(connection)
        assert reply.status == 200 and not reply.will_close
        said.append(json.loads(reply.read())["choices"][0]["message"]["content"])
        assert reply.headers["x-request-id"] == said[-1]
    assert len(set(said)) == 30 and all(re.fullmatch("[0-9a-f]{32}", name) for name in said)
    for path in ("/metrics", "/v1/metrics", "/metrics/", "/%6detrics//", "//v1//metrics/"):
        connection.request("GET", path)
        reply = connection.getresponse()
        assert (reply.status, b"downroute_" in reply.read()) == (404, False), path
    connection.close()
    assert sum(connections(port) for port in fleet.ports.values()) <= 4, "30 calls, few connections"


@needs_nginx
def test_heads_as_long_as_a_gateway_takes_them_come_through_nginx(fleet: Fleet) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", fleet.port, timeout=PATIENCE_S)
    headers = {"content-type": "application/json", "x-token": "t" * 20_000}
    body = json.dumps({"model": "large", "messages": [], "user": "told a lot"})
    connection.request("POST", "/v1/chat/completions", body, headers)
    reply = connection.getresponse()
    assert reply.status == 200 and len(reply.headers["x-told-2"]) == 8000
    connection.close()


def connections(port: int) -> int:
    """Those of clients, but for the one that asks."""
    asking = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    asking.request("GET", "/metrics")
    found = re.search(r"^downroute_connections (\S+)", asking.getresponse().read().decode(), re.M)
    asking.close()
    assert found is not None
    return int(float(found[1])) - 1


class Load:
    """Eight clients that call one after the other; each call with its beginning and status."""

    def __init__(self, port: int) -> None:
        self.calls: list[tuple[float, int]] = []
        self._port = port
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._call) for _ in range(8)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        self.wait(50)
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def wait(self, more: int) -> None:
        """Until so many more calls have ended."""
        until, deadline = len(self.calls) + more, time.monotonic() + PATIENCE_S
        while len(self.calls) < until:
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def _call(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE_S)
        while not self._over.is_set():
            began = time.monotonic()
            reply = post(connection)
            reply.read()
            self.calls.append((began, reply.status))
        connection.close()


@needs_nginx
def test_no_call_is_lost_where_a_gateway_is_stopped_and_only_those_under_way_where_it_is_killed(
    fleet: Fleet,
) -> None:
    with Load(fleet.port) as load:
        fleet.gateways["gateway-a"].send_signal(signal.SIGTERM)
        fleet.gateways["gateway-a"].wait(PATIENCE_S)
        load.wait(50)
        assert Counter(status for _, status in load.calls).keys() == {200}
        fleet.gateways["gateway-a"] = fleet.gateway("gateway-a")
        time.sleep(2.2)
        load.wait(50)
        killed = time.monotonic()
        fleet.gateways["gateway-b"].kill()
        fleet.gateways["gateway-b"].wait(PATIENCE_S)
        load.wait(100)
    fleet.gateways["gateway-b"] = fleet.gateway("gateway-b")
    lost = [(began - killed, status) for began, status in load.calls if status != 200]
    assert len(lost) <= 8 and all(began < 0.05 and status == 502 for began, status in lost), lost


def dockerfile() -> list[tuple[str, str]]:
    """Its instructions with their arguments."""
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    text = re.sub(r"^#.*\n", "", text, flags=re.M).replace("\\\n", "")
    lines = [line.strip().split(None, 1) for line in text.splitlines() if line.strip()]
    return [(name, argument) for name, argument in lines]


def last(instruction: str) -> str:
    return [argument for name, argument in dockerfile() if name == instruction][-1]


def test_the_image_is_slim_debian_run_by_nobody_special_from_files_that_are_there() -> None:
    bases = [argument.split()[0] for name, argument in dockerfile() if name == "FROM"]
    assert len(set(bases)) == 1 and re.fullmatch(r"python:3\.\d+-slim-\w+", bases[0])
    assert int(last("USER").split(":")[0]) > 0
    allowed = (DEPLOY / "Dockerfile.dockerignore").read_text().split()
    for name, argument in dockerfile():
        if name == "COPY" and not argument.startswith("--from"):
            for source in argument.split()[:-1]:
                assert (ROOT / source).exists() and f"!{source.removeprefix('./')}" in allowed


@pytest.mark.skipif(shutil.which("uv") is None, reason="uv is not installed")
def test_the_image_s_packages_are_those_of_the_lock_file(tmp_path: Path) -> None:
    (step,) = [a for name, a in dockerfile() if name == "RUN" and "uv sync" in a]
    setting, *command = shlex.split(step)
    name, _, _ = setting.partition("=")
    done = subprocess.run(
        [*command, "--dry-run", "--offline"],
        cwd=ROOT,
        env={**os.environ, name: str(tmp_path / "venv")},
        capture_output=True,
        text=True,
    )
    if done.returncode != 0 and "offline" in done.stderr.lower():
        pytest.skip("packages are not cached here")
    assert done.returncode == 0, done.stderr
    for package in ("downroute", "uvloop", "opentelemetry-sdk"):
        assert re.search(rf"^ \+ {package}", done.stderr, re.M), package
    assert " + pytest" not in done.stderr


@needs_bwrap
def test_the_image_s_command_serves_on_a_root_that_cannot_be_written_and_is_found_healthy(
    tmp_path: Path, upstream: str
) -> None:
    port = free_port()
    settings, state = tmp_path / "etc", tmp_path / "state"
    settings.mkdir()
    state.mkdir()
    (settings / "downroute.yaml").write_text(f"upstreams: {{up: {{base_url: '{upstream}'}}}}")
    here = {
        "/etc/downroute": str(settings),
        "/var/lib/downroute": str(state),
        "0.0.0.0": "127.0.0.1",
        "8080": str(port),
    }

    def replaced(argument: str) -> str:
        for image, this in here.items():
            argument = argument.replace(image, this)
        return argument

    assert json.loads(last("ENTRYPOINT")) == ["downroute"]
    serve = [replaced(argument) for argument in json.loads(last("CMD"))]
    user = last("USER").split(":")[0]
    sandbox = ("bwrap", "--ro-bind", "/", "/", "--tmpfs", "/tmp", "--dev", "/dev")
    root = str(Path(__file__).parents[1])
    for folder in {root, sys.prefix, sys.base_prefix}:  # which an empty /tmp may have hidden
        sandbox += ("--ro-bind", folder, folder)
    sandbox += ("--ro-bind", str(settings), str(settings), "--bind", str(state), str(state))
    sandbox += ("--unshare-user", "--uid", user, "--gid", user, "--die-with-parent")
    if subprocess.run([*sandbox, "true"], capture_output=True).returncode != 0:
        pytest.skip("bubblewrap may not make namespaces here")
    health = json.loads(re.split(r"\bCMD\b", last("HEALTHCHECK"))[1])
    health = [sys.executable, *(replaced(argument) for argument in health[1:])]
    assert subprocess.run(health, capture_output=True).returncode != 0
    command = (*sandbox, sys.executable, "-m", "downroute", *serve, "--workers", "1")
    with running(*command, port=port, cwd=state):
        assert subprocess.run(health, capture_output=True).returncode == 0
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
        assert post(connection).status == 200
        connection.close()
    assert (state / "store" / "store.db").exists()


def test_compose_starts_two_gateways_alike_that_nginx_finds_by_name() -> None:
    file = YAML(typ="safe").load(DEPLOY / "compose.yaml")
    nginx = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
    servers = re.findall(r"^\s+server (\S+):8080 ", nginx, re.M)
    services = file["services"]
    assert len(servers) == 2 and set(servers) == set(services) - {"nginx"}
    assert services[servers[0]] == services[servers[1]]
    for service in services.values():
        assert (
            service["read_only"]
            and service["cap_drop"] == ["ALL"]
            and "/tmp" in str(service["tmpfs"])
        )
    assert all(port.startswith("127.0.0.1:") for port in services["nginx"]["ports"])
    assert "ports" not in services[servers[0]]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze")
def test_the_unit_is_one_that_systemd_reads_and_finds_safe(tmp_path: Path) -> None:
    text = (DEPLOY / "downroute.service").read_text(encoding="utf-8")
    unit = tmp_path / "downroute.service"
    unit.write_text(text.replace("/opt/downroute/bin/downroute", shutil.which("true") or ""))
    read = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True)
    assert read.returncode == 0 and str(unit) not in read.stderr, read.stderr
    command = ["systemd-analyze", "security", "--offline=yes", "--threshold=20", str(unit)]
    safe = subprocess.run(command, capture_output=True, text=True)
    assert safe.returncode == 0, safe.stdout
