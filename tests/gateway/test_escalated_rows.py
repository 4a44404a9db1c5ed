"""What the log keeps of an escalation, and checks that are the user's own code."""

from __future__ import annotations

from pathlib import Path

import pytest

from downroute.routing.question import QUESTION

from .running import Start
from .test_chat import CASCADE, small_fails_on_crashes
from .test_streams import small_fails_on_crashes as streamed_fails_on_crashes
from .upstream import Answered, Asked, Upstream, chat_body, plain

MINE = """
import time

def polite(answer, request):
    assert request["messages"][0]["role"] == "system"
    return "please" in answer["text"]

def slow(answer, request):
    time.sleep(30)
"""
OWN = """
version: 1
routes:
  - task: triage
    models: [small, large]
    checks: [not_empty, {python: FUNCTION}]
    unproven: true
"""


@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize("bodies", ["full", "redacted", "none"])
def test_both_answers_of_an_escalation_are_kept_where_words_are(
    start: Start, upstream: Upstream, bodies: str, streamed: bool
) -> None:
    gateway = start(CASCADE, f"store: {{bodies: {bodies}}}")
    answer = streamed_fails_on_crashes if streamed else small_fails_on_crashes

    def with_address(asked: Asked) -> Answered:
        answered = answer(asked)
        if asked.model == "small":
            change = (b"no idea", b"ask ann@example.org")
            answered.body = answered.body.replace(*change)
            if answered.pieces is not None:
                answered.pieces = [
                    p.replace(b"idea", b"ann@example.org") if isinstance(p, bytes) else p
                    for p in answered.pieces
                ]
        return answered

    upstream.answer = with_address
    gateway.chat(chat_body("it crashes", stream=streamed), "triage")
    (call,) = gateway.calls(1, with_bodies=True)
    rejected, sent = call.attempts
    assert rejected.checks == {"one_of": False}
    assert set(QUESTION) <= set(rejected.signals) and rejected.signals["question_words"] == 2
    assert sent.answer is None
    if bodies == "none":
        assert call.answer is None and rejected.answer is None
    else:
        assert call.answer is not None and call.answer.text == "bug"
        said = "" if rejected.answer is None else str(rejected.answer.text)
        assert ("ann@example.org" in said) is (bodies == "full")
        assert said.startswith("no " if streamed else "ask ")


def test_a_call_without_a_cascade_gains_no_features(start: Start, upstream: Upstream) -> None:
    gateway = start()
    gateway.chat(chat_body())
    (call,) = gateway.calls(1)
    assert call.attempts[0].signals == {}


@pytest.mark.parametrize(
    ("function", "text", "decision", "passed"),
    [
        ("mine:polite", "yes please", "accepted", True),
        ("mine:polite", "no", "escalated", False),
        ("{function: mine:slow, timeout_s: 0.2}", "no", "accepted", None),
        ("nowhere:f", "no", "accepted", None),
    ],
)
def test_a_user_s_own_function_judges_within_its_time(
    start: Start,
    upstream: Upstream,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    function: str,
    text: str,
    decision: str,
    passed: bool | None,
) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    monkeypatch.chdir(tmp_path)
    gateway = start(OWN.replace("FUNCTION", function))
    upstream.answer = lambda asked: plain(asked.model, text)
    assert gateway.chat(chat_body(), "triage").said("decision") == decision
    (call,) = gateway.calls(1)
    assert call.attempts[0].checks["python"] is passed
    assert ("check_cannot_tell" in caplog.text) is (passed is None)


def test_a_user_s_function_is_not_asked_where_the_answer_fails_anyway(
    start: Start, upstream: Upstream
) -> None:
    gateway = start(OWN.replace("FUNCTION", "nowhere:f"))
    upstream.answer = lambda asked: plain(asked.model, "" if asked.model == "small" else "x")
    assert gateway.chat(chat_body(), "triage").said("decision") == "escalated"
    (call,) = gateway.calls(1)
    assert call.attempts[0].checks == {"not_empty": False, "python": None}
