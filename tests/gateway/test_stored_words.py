"""What of people's words the gateway's log keeps."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from downroute.gateway.expiry import Expiry
from downroute.records import Call
from downroute.store import Store
from downroute.store.redaction import DROPPED
from downroute.store_settings import StoreSettings

from .running import Start, wait_until
from .upstream import chat_body

TRAP = "a" * 60 + "!"


def test_a_pattern_that_never_ends_holds_up_no_call_and_costs_its_text_only(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = start(None, "store: {bodies: redacted, redact: ['(a+)+$', 'ORD-[0-9]+']}")
    for text in (TRAP, "where is ORD-7?"):
        assert gateway.chat(chat_body(text)).status == 200
    said = [c.request["messages"][-1]["content"] for c in gateway.calls(2, with_bodies=True)]
    assert said == [DROPPED, "where is [custom]?"]
    lines = [r.message for r in caplog.records if "text_dropped" in r.message]
    assert lines and "store.redact" in lines[0] and "aaa" not in lines[0]


PER_TASK = """
store: {bodies: none}
tasks:
  triage: {bodies: full}
  letters: {bodies: redacted}
  health: {bodies: none}
"""


def test_each_task_keeps_what_it_says_and_all_else_nothing(start: Start) -> None:
    gateway = start(None, PER_TASK)
    ids = {
        task: gateway.chat(chat_body(f"I am {task}@example.org"), task).said("call-id")
        for task in ("triage", "letters", "health", "unnamed", None)
    }
    kept = {c.id: c for c in gateway.calls(5, with_bodies=True)}
    said = {
        task: request and request["messages"][-1]["content"]
        for task, request in ((task, kept[str(id)].request) for task, id in ids.items())
    }
    assert said == {
        "triage": "I am triage@example.org",
        "letters": "I am [email]",
        "health": None,
        "unnamed": None,
        None: None,
    }
    data = b"".join(file.read_bytes() for file in gateway.store.iterdir())
    assert [task for task in ids if f"{task}@example.org".encode() in data] == ["triage"]


def test_comments_follow_the_task_of_their_call_and_the_strictest_before_it_is_known(
    start: Start,
) -> None:
    gateway = start(None, PER_TASK)
    ids = {
        task: gateway.chat(chat_body("x"), task).said("call-id") for task in ("triage", "health")
    }
    gateway.calls(2)
    for call_id in (*ids.values(), "call-" + "0" * 24):
        body = json.dumps({"call_id": call_id, "score": 1, "comment": "said"}).encode()
        assert gateway.request("POST", "/v1/feedback", body).status == 202

    def comments() -> dict[str, str | None]:
        with Store.open(gateway.store) as store:
            return {f.call: f.comment for f in store.feedback.each()}

    wait_until(lambda: len(comments()) == 3)
    expected = {ids["triage"]: "said", ids["health"]: None, "call-" + "0" * 24: None}
    assert comments() == expected


def test_what_was_kept_for_long_enough_is_deleted_while_the_gateway_runs(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    days = 0.2 / 86_400
    gateway = start(None, f"store: {{bodies: full, keep_days: {days}}}")
    sent = gateway.chat(chat_body("the whale is called Ishbel"), **{"x-session-id": "s-Ishbel"})

    def gone() -> bool:
        with Store.open(gateway.store) as store:
            calls = list(store.calls.each(with_bodies=True))
            return bool(calls) and calls[0].request is None and calls[0].session is None

    wait_until(gone)
    wait_until(lambda: any("expired_words_deleted" in r.message for r in caplog.records))
    assert all(b"Ishbel" not in file.read_bytes() for file in gateway.store.iterdir())
    (call,) = gateway.calls(1)
    assert (call.id, call.cost_usd is not None) == (sent.said("call-id"), True)


def test_of_several_workers_one_deletes_and_a_store_that_is_not_there_is_none_s_fault(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Expiry(StoreSettings(path=tmp_path / "none")).delete(5.0)
    assert "not_deleted" in caplog.text
    with Store.open(tmp_path) as store:
        store.calls.add([Call("c", "test", "m", request={"messages": []})], at=1.0)
        with store.lock("purge"):
            Expiry(StoreSettings(path=tmp_path)).delete(5.0)
            assert store.purge.kept().bodies == 1
        Expiry(StoreSettings(path=tmp_path)).delete(5.0)
        assert store.purge.kept().bodies == 0
