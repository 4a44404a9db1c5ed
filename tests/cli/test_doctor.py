import json
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from downroute.records import Call
from downroute.store import Store

KEY = "sk-right-0123456789"


class Upstream(BaseHTTPRequestHandler):
    """Lists two models to whoever brings the key."""

    def do_GET(self) -> None:
        body = json.dumps({"object": "list", "data": [{"id": "small"}, {"id": "large"}]}).encode()
        right = self.headers.get("authorization") == f"Bearer {KEY}"
        self.send_response(200 if right and self.path == "/v1/models" else 401)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def upstream() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def configured(tmp_path: Path, upstream: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder where everything is in place."""
    monkeypatch.setenv("TEST_KEY", KEY)
    (tmp_path / "downroute.yaml").write_text(
        f"upstreams: {{main: {{base_url: '{upstream}', key: env:TEST_KEY}}}}\n"
        "models: {small: {}, large: {}}\n"
        "prices:\n"
        f"  small: {{input: 1, output: 2, date: {date.today().isoformat()!r}}}\n"
        f"  large: {{input: 1, output: 2, date: {date.today().isoformat()!r}}}\n"
    )
    (tmp_path / "policy.yaml").write_text(
        "version: 1\nroutes:\n"
        "  - {task: t, models: [small, large], checks: [not_empty], evidence: {study: s/1}}\n"
    )
    with Store.open(tmp_path / ".downroute") as store:
        store.calls.add([Call(id="1", source="test", model="large", fingerprint="f1")])
    return tmp_path


def found(downroute: Any, *arguments: str) -> tuple[int, dict[str, list[tuple[str, str]]], str]:
    done = downroute("doctor", "--json", *arguments)
    checks: dict[str, list[tuple[str, str]]] = {}
    for check in json.loads(done.out)["checks"]:
        checks.setdefault(check["what"], []).append((check["state"], check["says"]))
    return done.code, checks, done.out + done.err


@pytest.mark.usefixtures("configured")
def test_where_everything_is_in_place_nothing_fails_and_no_key_is_shown(downroute):
    code, checks, everything = found(downroute)
    assert code == 0
    states = {what: {state for state, _ in said} for what, said in checks.items()}
    for what in ("python", "packages", "config", "store", "upstream main", "policy", "prices"):
        assert states[what] == {"ok"}, checks[what]
    assert "2 models" in checks["upstream main"][0][1]
    assert "key env:TEST_KEY present" in checks["upstream main"][0][1]
    assert KEY not in everything


@pytest.mark.usefixtures("configured")
def test_a_wrong_key_a_missing_key_and_a_dead_upstream_fail_with_the_remedy(
    downroute, monkeypatch, tmp_path
):
    monkeypatch.setenv("TEST_KEY", "sk-wrong")
    code, checks, everything = found(downroute)
    assert code == 1
    assert checks["upstream main"][0][0] == "fail"
    assert "refuses the key (HTTP 401)" in checks["upstream main"][0][1]
    assert "sk-wrong" not in everything
    monkeypatch.delenv("TEST_KEY")
    code, checks, _ = found(downroute)
    assert code == 1
    assert "TEST_KEY is not set" in checks["upstream main"][0][1]
    (tmp_path / "downroute.yaml").write_text("upstreams: {gone: {base_url: http://127.0.0.1:9}}\n")
    code, checks, _ = found(downroute)
    assert code == 1
    assert "not reachable" in checks["upstream gone"][0][1]


def test_an_empty_folder_is_warned_of_and_fails_nothing(downroute):
    done = downroute("doctor")
    assert done.code == 0
    assert "FAIL" not in done.out
    for hint in ("downroute import PATH", "`study` writes one", "upstreams: {NAME"):
        assert hint in done.out


def test_what_is_wrong_in_files_is_named_by_line(downroute, configured):
    (configured / "policy.yaml").write_text("version: 1\nroutes:\n  - {task: t, modls: [a]}\n")
    code, checks, _ = found(downroute)
    assert code == 1
    assert {state for state, _ in checks["policy"]} == {"fail"}
    assert checks["policy"][0][1].startswith("policy.yaml:3:")
    (configured / "downroute.yaml").write_text("upstream: {}\n")
    code, checks, _ = found(downroute)
    assert code == 1
    assert checks["config"][0][1].startswith("downroute.yaml:1:1")
    assert "Traceback" not in str(checks)


def test_old_prices_unlisted_models_and_an_open_store_are_warned_of(downroute, configured):
    text = (configured / "downroute.yaml").read_text()
    text = text.replace("models: {small: {}", "models: {small: {}, typo-7b: {}")
    (configured / "downroute.yaml").write_text(text.replace(date.today().isoformat(), "2024-01-02"))
    (configured / ".downroute" / "store.db").chmod(0o644)
    (configured / "policy.yaml.off").touch()
    code, checks, _ = found(downroute)
    assert code == 0
    assert "read on 2024-01-02" in checks["price small"][0][1]
    assert "main does not list typo-7b" in checks["model typo-7b"][0][1]
    assert "unknown: add `prices: {typo-7b:" in checks["price typo-7b"][0][1]
    assert "mode 0644: chmod 600" in checks["store"][0][1]
    assert checks["policy"][0] == (
        "warn",
        "policy.yaml is off: `downroute policy on` follows it again",
    )


def test_a_file_that_is_no_store_fails(downroute, configured):
    for file in (configured / ".downroute").glob("store.db*"):
        file.unlink()
    (configured / ".downroute" / "store.db").write_bytes(b"no database at all, " * 300)
    code, checks, _ = found(downroute)
    assert code == 1
    assert checks["store"][-1][0] == "fail"
    assert "not a downroute store" in checks["store"][-1][1]


def test_outbound_hosts_are_those_of_the_upstreams_each_once(downroute, tmp_path):
    assert "no host" in downroute("doctor", "--outbound").out
    (tmp_path / "downroute.yaml").write_text(
        "telemetry: {otlp: 'http://collector:4318'}\n"
        "upstreams:\n  a: {base_url: 'https://api.example.com/v1'}\n"
        "  b: {base_url: 'http://[::1]:8801/v1'}\n  c: {base_url: 'https://api.example.com/v2'}\n"
    )
    done = downroute("doctor", "--outbound", "--json")
    hosts = json.loads(done.out)["hosts"]
    assert hosts == {
        "[::1]:8801": ["b"],
        "api.example.com:443": ["a", "c"],
        "collector:4318": ["telemetry"],
    }


def test_judges_traces_and_the_sandbox_are_looked_at(downroute, configured, monkeypatch):
    file = configured / "downroute.yaml"
    written = file.read_text()
    file.write_text(written + "judge: {model: large}\ntelemetry: {otlp: 'http://127.0.0.1:9'}\n")
    code, checks, _ = found(downroute)
    assert code == 0
    ((state, says),) = checks["judge large"]
    assert state == "warn" and "judge: {allow: [127.0.0.1]}" in says
    ((state, says),) = checks["traces"]
    assert state == "warn" and "refused" in says
    file.write_text(written + "judge: {model: large, allow: [127.0.0.1]}\n")
    monkeypatch.setenv("PATH", str(configured))
    _, checks, _ = found(downroute)
    assert checks["judge large"][0][0] == "ok" and "traces" not in checks
    ((state, says),) = checks["sandbox"]
    assert state == "warn" and "bubblewrap" in says


def test_keys_that_end_and_an_admin_key_that_is_none_are_said(downroute, configured, monkeypatch):
    def digest(n):
        return f"sha256:{n:064}"

    assert "whoever is on this machine" in found(downroute)[1]["keys"][0][1]
    soon = (datetime.now(UTC) + timedelta(days=3, hours=1)).isoformat()
    entries = {
        "soon": {"digest": digest(1), "expires": soon},
        "old": {"digest": digest(2), "expires": "2026-01-01"},
        "gone": {"digest": digest(3), "revoked": True},
    }
    gateway = {"admin_key": "env:ADMIN", "keys": entries}
    written = (configured / "downroute.yaml").read_text()
    (configured / "downroute.yaml").write_text(f"{written}gateway: {json.dumps(gateway)}\n")
    monkeypatch.setenv("ADMIN", "short")
    code, checks, _ = found(downroute)
    assert code == 1 and checks["keys"] == [("ok", "1 of 3 let in")]
    assert checks["key soon"] == [("warn", "ends in 3 days")]
    ((state, says),) = checks["admin key"]
    assert state == "fail" and "16 characters" in says and "key old" not in checks
