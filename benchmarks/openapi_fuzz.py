"""schemathesis on the published document of a gateway that runs in front of a replay server and a
stand-in of Anthropic's API: every check, every phase, as many examples as are asked for.

    python benchmarks/openapi_fuzz.py [--examples 500] [--seed 1]

ends with what was tried and the gateway's memory before and after; exits as schemathesis does.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

MODEL = "claude-sonnet-4-5"
POLICY = """
version: 1
routes:
  - task: support-triage
    models: [small, gpt-4o]
    checks: [{one_of: [billing, bug]}]
    unproven: true
"""
CONFIG = """
upstreams:
  replay: {{base_url: "{replay}"}}
  anthropic: {{base_url: "{anthropic}", api: anthropic}}
"""


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--examples", type=int, default=500)
    arguments.add_argument("--seed", type=int, default=1)
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "recording.jsonl").write_text(json.dumps(recording()))
        (folder / "policy.yaml").write_text(POLICY)
        anthropic = ThreadingHTTPServer(("127.0.0.1", 0), Anthropic)
        threading.Thread(target=anthropic.serve_forever, daemon=True).start()
        with running(folder, "replay", "recording.jsonl", "--port", "0") as (_, replay):
            at = {"replay": replay, "anthropic": f"http://127.0.0.1:{anthropic.server_port}"}
            (folder / "downroute.yaml").write_text(CONFIG.format(**at))
            with running(folder, "serve", "--port", "0") as (pid, url):
                before = memory_mib(pid)
                document = url.removesuffix("/v1") + "/openapi.json"
                command = [sys.executable, "-m", "schemathesis.cli", "run", document]
                command += ["--checks", "all", "--seed", str(given.seed), "--no-color"]
                command += ["--max-examples", str(given.examples), "--continue-on-failure"]
                command += ["--generation-database", "none"]
                code = subprocess.run(command, cwd=folder).returncode
                print(f"gateway's memory: {before} MiB before, {memory_mib(pid)} MiB after")
    return code


class Anthropic(BaseHTTPRequestHandler):
    """Refuses what Anthropic's API refuses of the members that the document names."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.reply(*answer(body))

    def reply(self, status: int, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


def answer(body: bytes) -> tuple[int, object]:
    try:
        asked = json.loads(body)
        messages, longest, model = asked["messages"], asked["max_tokens"], asked["model"]
        whole = type(longest) in (int, float) and longest >= 1 and longest == int(longest)
        good = whole and bool(messages) and isinstance(messages, list)
        good = good and all({"role", "content"} <= message.keys() for message in messages)
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError):
        good, model = False, None
    if not good or model != MODEL:
        status, kind = (400, "invalid_request_error") if not good else (404, "not_found_error")
        return status, {"type": "error", "error": {"type": kind, "message": "refused"}}
    content = [{"type": "text", "text": "bug"}]
    return 200, {"type": "message", "role": "assistant", "model": MODEL, "content": content}


def recording() -> object:
    def said(text: str) -> object:
        message = {"role": "assistant", "content": text}
        return {"completion": {"choices": [{"message": message, "finish_reason": "stop"}]}}

    request = {"messages": [{"role": "user", "content": "ticket 1"}]}
    return {"id": "r", "request": request, "responses": {"gpt-4o": said("bug"), "small": said("?")}}


@contextmanager
def running(folder: Path, *arguments: str) -> Iterator[tuple[int, str]]:
    command = [sys.executable, "-m", "downroute", *arguments]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        found = re.search(r"http://\S+/v1", process.stdout.readline())
        assert found is not None
        yield process.pid, found[0]
    finally:
        process.terminate()
        process.wait()


def memory_mib(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) // 1024


if __name__ == "__main__":
    sys.exit(main())
