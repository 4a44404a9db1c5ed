"""What of people's words the gateway's log keeps."""

from __future__ import annotations

import pytest

from downroute.store.redaction import DROPPED

from .running import Start
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
