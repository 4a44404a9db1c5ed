"""What the gateway's own keys cost: CPU of one request's key, and how long a revoked key still lets
in. `python benchmarks/keys.py` prints the figures of docs/security.md.
"""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import sys
import tempfile
import threading
import time
import timeit
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from downroute.gateway.door import Door
from downroute.gateway.kept_headers import KeptHeaders
from downroute.gateway.keys import digest_of, new_key
from downroute.gateway.message import Request
from downroute.gateway_settings import GatewaySettings

BODY = json.dumps({"model": "large", "messages": [{"role": "user", "content": "x" * 2000}]})
TIMES = 20_000
REVOCATIONS = 8
WATCHED_S = 2.0


def main() -> None:
    for what, count, limits in (
        ("one key", 1, {}),
        ("10,000 keys", 10_000, {}),
        ("with a rate", 1, {"requests_per_minute": 1_000_000}),
        ("with models", 1, {"models": ["large"]}),
    ):
        print(f"{what:12} {cpu_us(count, limits):.1f} µs CPU a request")
    for count in (10, 100, 500):
        waits = revocation_s(count)
        print(f"{count:3} keys: let in for {min(waits):.2f} to {max(waits):.2f} s after the change")


def cpu_us(count: int, limits: dict[str, object]) -> float:
    """Least of 15 runs."""
    keys = [new_key() for _ in range(count)]
    entries = {f"k{n}": {"digest": told(key), **limits} for n, key in enumerate(keys)}
    door = Door(GatewaySettings.model_validate({"keys": entries}))
    headers = [("host", "g"), ("accept", "*/*"), ("content-type", "application/json")]
    headers += [("user-agent", "OpenAI/Python"), ("content-length", str(len(BODY)))]
    headers.append(("authorization", f"Bearer {keys[-1]}"))
    request = Request("POST", "/v1/chat/completions", KeptHeaders(headers), BODY.encode())
    admitted = door.admit(request, "/chat/completions")
    assert isinstance(admitted, Request) and admitted.key is not None

    def admit() -> None:
        door.admit(request, "/chat/completions")

    runs = timeit.repeat(admit, number=TIMES, repeat=15, timer=time.process_time)
    return min(runs) / TIMES * 1e6


class Upstream(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        body = b'{"model": "large", "choices": []}'
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


def revocation_s(count: int) -> list[float]:
    """With two workers: seconds from each change of the file to the last call let in."""
    upstream = ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    threading.Thread(target=upstream.serve_forever, daemon=True).start()
    keys = [new_key() for _ in range(count)]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "downroute.yaml")
        text = f"upstreams: {{a: {{base_url: 'http://127.0.0.1:{upstream.server_port}'}}}}\n"
        text += "gateway:\n  keys:\n"
        for n, key in enumerate(keys):
            text += f"    k{n}:\n      digest: {told(key)}\n      tasks: [a, b]\n"
        file.write_text(text)
        command = [sys.executable, "-m", "downroute", "serve", "--port", "0", "--workers", "2"]
        gateway = subprocess.Popen(
            command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert gateway.stdout is not None
        found = re.search(r":(\d+)/v1", gateway.stdout.readline())
        assert found is not None
        port, waits = int(found[1]), []
        for n in range(REVOCATIONS):
            text = text.replace(f"    k{n}:\n", f"    k{n}:\n      revoked: true\n")
            new = file.with_name("new")
            new.write_text(text)
            new.replace(file)
            waits.append(let_in_s(port, keys[n]))
        gateway.terminate()
        gateway.wait()
    upstream.shutdown()
    return waits


def let_in_s(port: int, key: str) -> float:
    began = last = time.monotonic()
    while time.monotonic() - began < WATCHED_S:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        headers = {"authorization": f"Bearer {key}", "x-downroute-task": "a"}
        connection.request("POST", "/v1/chat/completions", BODY, headers)
        if connection.getresponse().status == 200:
            last = time.monotonic()
        connection.close()
        time.sleep(0.003)
    return last - began


def told(key: str) -> str:
    return f"sha256:{digest_of(key).hex()}"


if __name__ == "__main__":
    main()
