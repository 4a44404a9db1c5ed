"""The gateways that `gateway_peers.py` measures, each started with one worker in front of the same
upstream, and what a process tree has used."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from downroute.gateway.keys import digest_of, new_key
from gateway_cpu import NGINX

START_S = 300.0
"""The longest a gateway may take until it answers: LiteLLM can take a minute."""

POLICY = """
version: 1
routes:
  - {task: orders, when: {input_words: {max: 50}}, models: [small], baseline: large, unproven: true}
  - {task: orders, models: [small, large], checks: [not_empty, not_refusal, json_valid],
     unproven: true}
  - {task: other, models: [small], baseline: large, unproven: true}
"""
CONFIG = """
upstreams: {{bench: {{base_url: "http://127.0.0.1:{upstream}/v1"}}}}
prices: {{large: {{input: 2.5, output: 10}}, small: {{input: 0.15, output: 0.6}}}}
gateway: {{keys: {{bench: {{digest: "sha256:{digest}"}}}}}}
"""
TENSORZERO = """
[gateway]
observability.enabled = false
[models.large]
routing = ["bench"]
[models.large.providers.bench]
type = "openai"
api_base = "http://127.0.0.1:{upstream}/v1/"
model_name = "large"
api_key_location = "none"
"""
TENSORZERO_SERVES = """
import signal, sys, tensorzero
served = tensorzero._start_http_gateway(
    config_file=sys.argv[1], clickhouse_url=None, postgres_url=None, valkey_url=None,
    async_setup=False)
print(served.base_url, flush=True)
signal.pause()
"""
LITELLM = """
model_list:
  - model_name: large
    litellm_params:
      {{model: openai/large, api_base: "http://127.0.0.1:{upstream}/v1", api_key: none}}
litellm_settings: {{set_verbose: false, request_timeout: 600}}
general_settings: {{master_key: sk-bench}}
"""


class NotServedError(Exception):
    """Why a gateway cannot be measured here."""


@dataclass(frozen=True)
class Served:
    """A gateway that answers. ``ready_s`` is from its start to its first answer."""

    name: str
    pid: int
    port: int
    ready_s: float
    path: str = "/v1/chat/completions"
    model: str = "large"
    headers: dict[str, str] = field(default_factory=dict)


@contextmanager
def nginx(folder: Path, upstream: int) -> Iterator[Served]:
    if shutil.which("nginx") is None:
        raise NotServedError("nginx is not installed: the others are measured beside it")
    folder.mkdir(exist_ok=True)
    port = free_port()
    text = NGINX.format(folder=folder, upstream=upstream, port=port)
    Path(folder, "nginx.conf").write_text(text)
    version = subprocess.run(["nginx", "-v"], capture_output=True, text=True).stderr
    name = f"nginx {version.strip().rsplit('/', 1)[1]}, plain proxy"
    command = ["nginx", "-c", str(folder / "nginx.conf"), "-p", str(folder)]
    with _started(command, folder, port) as (process, ready_s):
        yield Served(name, process.pid, port, ready_s)


@contextmanager
def downroute(folder: Path, upstream: int, python: str = sys.executable) -> Iterator[Served]:
    """With a key, two routes by size for the task, three checks, and its log."""
    folder.mkdir(exist_ok=True)
    key, port = new_key(), free_port()
    settings = CONFIG.format(upstream=upstream, digest=digest_of(key).hex())
    Path(folder, "downroute.yaml").write_text(settings)
    Path(folder, "policy.yaml").write_text(POLICY)
    command = [python, "-m", "downroute", "serve", "--port", str(port)]
    headers = {"authorization": f"Bearer {key}", "x-downroute-task": "orders"}
    with _started(command, folder, port, "/ready") as (process, ready_s):
        yield Served("downroute", process.pid, port, ready_s, headers=headers)


@contextmanager
def tensorzero(folder: Path, upstream: int, venv: Path) -> Iterator[Served]:
    """The gateway that its wheel starts for `patch_openai_client`: the whole HTTP gateway, without
    its log."""
    folder.mkdir(exist_ok=True)
    Path(folder, "tensorzero.toml").write_text(TENSORZERO.format(upstream=upstream))
    version = _version(venv, "tensorzero")
    command = [str(venv / "bin" / "python"), "-c", TENSORZERO_SERVES, f"{folder}/tensorzero.toml"]
    with _spawned(command, folder) as (process, began):
        while not (said := re.search(r"^http://[^:]+:(\d+)(/\S*)$", _said(folder), re.M)):
            _still_coming(process, began, folder, f"tensorzero {version}: its wheel serves no HTTP")
        path = f"{said[2].rstrip('/')}/chat/completions"
        ready_s, model = time.perf_counter() - began, "tensorzero::model_name::large"
        yield Served(f"TensorZero {version}", process.pid, int(said[1]), ready_s, path, model)


@contextmanager
def litellm(folder: Path, upstream: int, venv: Path) -> Iterator[Served]:
    """The proxy with one worker and a master key, without a database."""
    folder.mkdir(exist_ok=True)
    Path(folder, "litellm.yaml").write_text(LITELLM.format(upstream=upstream))
    name, port = f"LiteLLM {_version(venv, 'litellm')}", free_port()
    command = [str(venv / "bin" / "litellm"), "--host", "127.0.0.1", "--port", str(port)]
    command += ["--num_workers", "1", "--config", str(folder / "litellm.yaml")]
    quiet = {
        "LITELLM_MODE": "PRODUCTION",
        "LITELLM_LOG": "ERROR",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    }
    headers = {"authorization": "Bearer sk-bench"}
    with _started(command, folder, port, "/health/liveliness", quiet) as (process, ready_s):
        yield Served(name, process.pid, port, ready_s, headers=headers)


@contextmanager
def _started(
    command: list[str], folder: Path, port: int, ready: str | None = None, more: dict | None = None
) -> Iterator[tuple[subprocess.Popen[bytes], float]]:
    """The process once it takes connections, or answers ``ready`` with 200, and how long that
    took."""
    with _spawned(command, folder, more) as (process, began):
        while not _answers(port, ready):
            _still_coming(process, began, folder, f"{command[0]} does not start")
        yield process, time.perf_counter() - began


@contextmanager
def _spawned(
    command: list[str], folder: Path, more: dict | None = None
) -> Iterator[tuple[subprocess.Popen[bytes], float]]:
    """The process, what it says in the folder, and when it began; ended afterwards."""
    if shutil.which(command[0]) is None:
        raise NotServedError(f"{command[0]} is not installed")
    with Path(folder, "said").open("wb") as said:
        began = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, env={**os.environ, **(more or {})}, stdout=said, stderr=said
        )
    try:
        yield process, began
    finally:
        process.terminate()
        process.wait()


@contextmanager
def stand_in(script: str, *arguments: str) -> Iterator[int]:
    """The port of an upstream of our own, which says it in its first line; ended afterwards."""
    command = [sys.executable, str(Path(__file__).with_name(script)), *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()


def _said(folder: Path) -> str:
    return Path(folder, "said").read_text(errors="replace").strip()


def _still_coming(
    process: subprocess.Popen[bytes], began: float, folder: Path, otherwise: str
) -> None:
    if process.poll() is not None or time.perf_counter() - began > START_S:
        raise NotServedError(f"{otherwise}: {_said(folder)[-500:]}")
    time.sleep(0.002)


def _answers(port: int, path: str | None) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.connect()
        if path is None:
            return True
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def _version(venv: Path, package: str) -> str:
    ask = f"import importlib.metadata as m; print(m.version({json.dumps(package)}))"
    command = [str(venv / "bin" / "python"), "-c", ask]
    try:
        answer = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        raise NotServedError(f"{venv} is no venv") from None
    if answer.returncode:
        raise NotServedError(f"{venv} has no {package}")
    return answer.stdout.strip()


def cpu_s(pid: int) -> float:
    """User and system seconds of a process and of all below it, from Linux's /proc."""
    ticks = 0
    for each in tree(pid):
        fields = Path(f"/proc/{each}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def rss_mb(pid: int, what: str = "VmRSS") -> float:
    """Megabytes that a process and all below it hold in memory."""
    held = 0
    for each in tree(pid):
        status = Path(f"/proc/{each}/status").read_text()
        held += int(status.split(f"{what}:")[1].split()[0])
    return held * 1024 / 1e6


def tree(pid: int) -> list[int]:
    pids = [pid]
    for thread in Path(f"/proc/{pid}/task").iterdir():
        for child in (thread / "children").read_text().split():
            pids += tree(int(child))
    return pids
