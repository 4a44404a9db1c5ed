"""`POST /v1/feedback`, from the client to the store."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import openai
import pytest

from downroute.gateway.backlog import Bound
from downroute.gateway.call_log import CallLog
from downroute.gateway.error_reply import Refusal
from downroute.gateway.feedback import read_feedback
from downroute.store import Feedback, Keeping, Store

from .running import PATIENCE_S, Gateway, Start, wait_until
from .test_call_log import Door, prices, row
from .test_keys import serve
from .upstream import chat_body

CALL = "call-" + "0f" * 12


def send(gateway: Gateway, value: object) -> Any:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return gateway.request("POST", "/v1/feedback", body, {"content-type": "application/json"})


def kept(path: Path, expected: int) -> list[Feedback]:
    found: list[Feedback] = []

    def there() -> bool:
        with Store.open(path) as store:
            found[:] = store.feedback.each()
        return len(found) >= expected

    wait_until(there)
    return found


def test_what_is_said_of_a_reply_s_call_id_reaches_the_store_with_the_call(start: Start) -> None:
    gateway = start()
    client = gateway.client()
    raw = client.chat.completions.with_raw_response.create(**chat_body("hello"))
    call_id = raw.headers["x-downroute-call-id"]
    body = {"call_id": call_id, "verdict": "bad", "comment": "not what I asked", "grader": "ada"}
    told = client.post("/feedback", cast_to=object, body=body)
    assert told == {
        "object": "feedback",
        "call_id": call_id,
        "score": 0.0,
        "grader": "ada",
        "status": "accepted",
    }
    (call,) = gateway.calls(1)
    (said,) = kept(gateway.store, 1)
    assert (said.call, said.score, said.grader) == (call.id, 0.0, "ada")
    assert said.comment is None, "nothing of what is said is kept by default"


def test_a_grader_s_second_word_replaces_the_first_and_others_stand_beside_it(start: Start) -> None:
    gateway = start()
    for body in (
        {"call_id": CALL, "score": 0.2, "grader": "ada"},
        {"call_id": CALL, "verdict": "good"},
        {"call_id": CALL, "score": 0.9, "grader": "ada", "comment": None},
    ):
        assert send(gateway, body).status == 202
    found = {said.grader: said.score for said in kept(gateway.store, 2)}
    wait_until(lambda: {s.grader: s.score for s in kept(gateway.store, 2)} != {"ada": 0.2, "": 1.0})
    found = {said.grader: said.score for said in kept(gateway.store, 2)}
    assert found == {"ada": 0.9, "": 1.0}


@pytest.mark.parametrize(
    ("bodies", "expected"), [("redacted", "ask [email]"), ("full", "ask ann@example.org")]
)
def test_a_comment_is_kept_as_words_are(start: Start, bodies: str, expected: str) -> None:
    gateway = start(None, f"store: {{bodies: {bodies}}}")
    send(gateway, {"call_id": CALL, "score": 1, "comment": "ask ann@example.org"})
    assert [said.comment for said in kept(gateway.store, 1)] == [expected]


@pytest.mark.parametrize(
    ("value", "param", "words"),
    [
        (b"{", None, "not JSON"),
        ([1], None, "JSON object"),
        ({"call_id": "17", "score": 1}, "call_id", "x-downroute-call-id"),
        ({"score": 1}, "call_id", "x-downroute-call-id"),
        ({"call_id": CALL}, "score", "one of score"),
        ({"call_id": CALL, "score": 1, "verdict": "good"}, "score", "one of score"),
        ({"call_id": CALL, "score": 1.01}, "score", "0 (bad) to 1"),
        ({"call_id": CALL, "score": 10**400}, "score", "0 (bad) to 1"),
        ({"call_id": CALL, "score": True}, "score", "0 (bad) to 1"),
        ({"call_id": CALL, "verdict": ["good"]}, "verdict", '"good" or "bad"'),
        ({"call_id": CALL, "score": 1, "comment": "x" * 10_001}, "comment", "10,000"),
        ({"call_id": CALL, "score": 1, "grader": 7}, "grader", "200"),
        ({"call_id": CALL, "score": 1, "rating": 5}, "rating", "unknown"),
    ],
)
def test_what_is_no_feedback_is_refused_with_the_member_that_is_wrong(
    value: object, param: str | None, words: str
) -> None:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    refusal = read_feedback(body, 1.0)
    assert isinstance(refusal, Refusal)
    assert (refusal.status, refusal.type, refusal.param) == (400, "invalid_request_error", param)
    assert words in refusal.message


def test_an_official_client_raises_its_own_error_for_a_refusal(start: Start) -> None:
    with pytest.raises(openai.BadRequestError, match="call_id"):
        start().client().post("/feedback", cast_to=object, body={"score": 1})


def test_where_there_are_keys_feedback_needs_one_and_is_by_its_name_unless_it_says_whose(
    start: Start,
) -> None:
    gateway, key = serve(start)
    for said in ({"call_id": CALL, "score": 1}, {"call_id": CALL, "score": 0, "grader": "ada"}):
        body, named = json.dumps(said).encode(), {"authorization": f"Bearer {key}"}
        assert gateway.request("POST", "/v1/feedback", body).status == 401
        assert gateway.request("POST", "/v1/feedback", body, named).status == 202
    assert {f.grader: f.score for f in kept(gateway.store, 2)} == {"app": 1.0, "ada": 0.0}


def test_feedback_waits_while_the_store_cannot_be_written_and_comes_after_its_call(
    tmp_path: Path,
) -> None:
    door = Door(tmp_path)
    log = CallLog(door, prices(), Keeping())
    log.start()
    assert asyncio.run(log.add_feedback(Feedback("call-1", 1.0, 5.0)))
    log.add(row(1))
    wait_until(lambda: log.fault is not None)
    door.open.set()
    log.close(PATIENCE_S)
    with Store.open(tmp_path) as store:
        assert store.feedback.scores() == {"call-1": 1.0}
    assert (log.lost, log.waiting) == (0, 0)


def test_feedback_that_finds_the_log_full_is_told_so_and_not_lost_quietly(tmp_path: Path) -> None:
    log = CallLog(Door(tmp_path), prices(), Keeping(), Bound(rows=1))
    log.start()
    assert asyncio.run(log.add_feedback(Feedback(CALL, 1.0, 5.0)))
    assert not asyncio.run(log.add_feedback(Feedback(CALL, 0.0, 6.0)))
    log.close(PATIENCE_S)
    assert log.lost == 1
