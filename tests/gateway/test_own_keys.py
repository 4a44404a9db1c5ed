"""Upstreams that quote the key they were sent in what they refuse it with."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from downroute.gateway.own_keys import MaskedEvents, OwnKeys

from .anthropic_upstream import message_events
from .running import Gateway, Start
from .upstream import Answered, Asked, Upstream, chat_body, plain, stream, stream_events

KEY, OTHER = "sk-quoted/01+a4be89cd", "canary_other_5512"
EVENTS = {"content-type": "text/event-stream"}
CONFIG = f"""
upstreams:
  main: {{base_url: UPSTREAM, key: env:MAIN_KEY, retries: {{most: 0}}}}
  other: {{base_url: 'UPSTREAM?key={OTHER}', api: anthropic, headers: {{x-api-key: {OTHER}}}}}
models: {{large: {{}}, small: {{}}, claude: {{upstream: other}}}}
store: {{bodies: full}}
"""
LISTED = """
upstreams: {main: {base_url: UPSTREAM, key: env:MAIN_KEY}}
store: {bodies: none}
"""
CASCADE = """
version: 1
routes:
  - {task: triage, models: [small, large], checks: [{one_of: [bug]}], unproven: true}
"""


def refusal(asked: Asked) -> Answered:
    key = KEY if KEY in str(asked.headers) else OTHER
    error = {"message": f"Incorrect API key provided: {key}.", "code": key, "type": "auth"}
    headers = {"content-type": "application/json", "x-seen": f"Bearer {key}"}
    return Answered(json.dumps({"error": error}).encode(), 401, headers)


def error_event(escaped: str = KEY) -> bytes:
    return f'data: {{"error": {{"message": "bad key {escaped} ", "code": 401}}}}\n\n'.encode()


def found_in(folder: Path, *secrets: bytes) -> list[Path]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    wanted = secrets or (KEY.encode(), OTHER.encode())
    return [p for p in files if any(secret in p.read_bytes() for secret in wanted)]


@pytest.fixture
def gateway(start: Start) -> Gateway:
    return start(CASCADE, CONFIG, MAIN_KEY=KEY)


@pytest.mark.parametrize(
    ("path", "model", "more"),
    [
        ("/v1/chat/completions", "large", {}),
        ("/v1/chat/completions", "large", {"stream": True}),
        ("/v1/messages", "claude", {"max_tokens": 5}),
        ("/v1/embeddings", "large", {}),
        ("/v1/responses", "large", {"stream": True}),
    ],
)
def test_a_refusal_that_quotes_our_key_reaches_the_client_without_it(
    gateway: Gateway, upstream: Upstream, path: str, model: str, more: dict[str, object]
) -> None:
    upstream.answer = refusal
    body = json.dumps(chat_body(model=model, **more)).encode()
    got = gateway.request("POST", path, body, {"content-type": "application/json"})
    assert got.status == 401
    assert got.json["error"]["message"] == "Incorrect API key provided: ***."
    assert got.headers["x-seen"] == "Bearer ***"
    assert int(got.headers["content-length"]) == len(got.body)
    (call,) = gateway.calls(1, with_bodies=True)
    assert call.error in ("HTTP 401", "HTTP 401 (auth)")
    assert KEY not in str(call) and OTHER not in str(call)
    assert found_in(gateway.store.parent) == []
    assert OTHER not in gateway.request("GET", "/metrics").body.decode()


@pytest.mark.parametrize("first", [True, False])
def test_an_error_event_that_quotes_our_key_is_passed_on_and_kept_without_it(
    gateway: Gateway, upstream: Upstream, first: bool
) -> None:
    before = [] if first else stream_events("large", ("bil",))[:2]
    pieces: list[bytes | float] = [*before, error_event(KEY.replace("/", "\\/"))]
    upstream.answer = lambda _: Answered(pieces=pieces, headers=EVENTS)
    got = gateway.chat(chat_body(stream=True))
    assert got.body.startswith(b"".join(before))
    assert b'"bad key *** "' in got.body and b"a4be89cd" not in got.body
    gateway.calls(1, with_bodies=True)
    assert found_in(gateway.store.parent) == []


def test_neither_does_a_cascade_whose_stream_is_held_back_let_it_out(
    gateway: Gateway, upstream: Upstream
) -> None:
    upstream.answer = lambda _: Answered(pieces=[error_event()], headers=EVENTS)
    got = gateway.chat(chat_body(stream=True), task="triage")
    assert b"bad key ***" in got.body and KEY.encode() not in got.body
    gateway.calls(1)
    assert found_in(gateway.store.parent) == []


def test_a_good_status_with_an_error_in_it_is_masked_too(
    gateway: Gateway, upstream: Upstream
) -> None:
    said = json.dumps({"error": {"message": KEY}}).encode()
    upstream.answer = lambda _: Answered(said)
    for path in ("/v1/chat/completions", "/v1/responses"):
        got = gateway.request("POST", path, json.dumps(chat_body()).encode())
        assert (got.status, got.json) == (200, {"error": {"message": "***"}})


def test_an_error_event_of_a_stream_passed_through_is_masked_however_it_is_cut(
    gateway: Gateway, upstream: Upstream
) -> None:
    good = b'event: response.output_text.delta\ndata: {"delta": "' + KEY.encode() + b'"}\n\n'
    bad = f'event: error\ndata: {{"message": "key {KEY}", "type": "error"}}\n\n'.encode()
    at = bad.index(b"quoted")
    pieces: list[bytes | float] = [good, bad[:at], 0.02, bad[at:]]
    upstream.answer = lambda _: Answered(pieces=pieces, headers=EVENTS)
    body = json.dumps({"model": "large", "input": "x", "stream": True}).encode()
    got = gateway.request("POST", "/v1/responses", body)
    assert got.body == good + bad.replace(KEY.encode(), b"***")


def test_a_text_that_is_no_json_and_the_list_of_models_are_masked(
    start: Start, upstream: Upstream
) -> None:
    gateway = start(None, LISTED, MAIN_KEY=KEY)
    said = Answered(f"no such key: {KEY}".encode(), 403, {"content-type": "text/plain"})
    upstream.answer = lambda _: said
    for method, path in (("GET", "/v1/models"), ("GET", "/v1/models/x"), ("POST", "/v1/files")):
        got = gateway.request(method, path)
        assert (got.status, got.body) == (403, b"no such key: ***")


CANARY = KEY.replace("/", "\\/")
BROKEN = {
    "no end of its JSON": f'data: {{"error": {{"message": "bad key {CANARY}\n\n',
    "a member too many": f'data: {{"error": {{"message": "bad key {CANARY}",, }}}}\n\n',
    "a text": f"event: error\ndata: bad key {KEY}\n\n",
    "a text without a name": f"data: Error: bad key {KEY}\n\n",
    "an error within": f'data: {{"choices": [{{"error": {{"message": "{CANARY}"}}}}]}}\n\n',
    "a comment": f": bad key {KEY}\n\n",
    "cut behind it": f'data: {{"error": {{"message": "bad key {CANARY}',
    "cut within it": f'data: {{"error": {{"message": "bad key {CANARY[:-3]}',
    "a text cut within it": f"data: bad key {KEY[:-3]}",
}
ASKED: dict[str, tuple[str, dict[str, object]]] = {
    "chat": ("/v1/chat/completions", {}),
    "cascade": ("/v1/chat/completions", {"metadata": {"task": "triage"}}),
    "messages": ("/v1/messages", {"model": "claude", "max_tokens": 5}),
    "passed through": ("/v1/responses", {}),
}
MAIN_IS_OTHER = CONFIG.replace(f"{{x-api-key: {OTHER}}}", f"{{x-api-key: '{KEY}'}}")


@pytest.mark.parametrize("broken", BROKEN)
@pytest.mark.parametrize("asked", ASKED)
def test_a_broken_error_tells_nobody_our_key_in_a_stream_or_whole(
    start: Start, upstream: Upstream, broken: str, asked: str
) -> None:
    gateway = start(CASCADE, MAIN_IS_OTHER, MAIN_KEY=KEY)
    path, more = ASKED[asked]
    said = BROKEN[broken].encode()
    middle = said.index(b"a4be")
    ended = message_events("m", ["x"]) if asked == "messages" else stream_events("m", ("x",))[:-1]
    for before in ([], ended[:3], ended):
        for streamed in ([said], [said[:middle], 0.01, said[middle:]]):
            pieces = [*before, *streamed]
            upstream.answer = lambda _: Answered(pieces=pieces, headers=EVENTS)  # noqa: B023
            body = json.dumps(chat_body(**{"stream": True, **more})).encode()
            assert b"a4be" not in gateway.request("POST", path, body).body
    whole = said.removeprefix(b"data: ").rstrip()
    for status, kind in ((200, "application/json"), (401, "application/json"), (500, "text/plain")):
        answered = Answered(pieces=[whole[:-9], whole[-9:]], status=status)
        answered.headers["content-type"] = kind
        upstream.answer = lambda _: answered  # noqa: B023
        got = gateway.request("POST", path, json.dumps(chat_body(**more)).encode())
        assert got.status == status and b"a4be" not in got.body
    gateway.calls(9)
    assert [
        p for p in gateway.store.parent.rglob("*") if p.is_file() and b"a4be" in p.read_bytes()
    ] == []


def test_an_error_event_that_does_not_end_is_masked_where_it_is_let_go_of() -> None:
    keys = OwnKeys()
    keys.add(KEY, {}, "")
    secret = KEY.encode()
    for at in range(len(secret)):
        masked = MaskedEvents(keys)
        begun = b'data: {"error": "' + b"x" * (2**20 - at) + secret[: at + 1]
        out = masked.feed(begun) + masked.feed(secret[at + 1 :] + b" ...") + masked.rest()
        assert secret[-6:] not in out and out.endswith(b"*** ..."), at


def test_answers_pass_as_they_come_whatever_they_say(gateway: Gateway, upstream: Upstream) -> None:
    answered = plain("large", f"my key is {KEY}")
    upstream.answer = lambda _: answered
    for path in ("/v1/chat/completions", "/v1/responses"):
        assert gateway.request("POST", path, json.dumps(chat_body()).encode()).body == answered.body
    streamed = stream("large", ("my key is", KEY, '{"error": "x"}'))
    upstream.answer = lambda _: streamed
    got = gateway.request("POST", "/v1/responses", json.dumps(chat_body(stream=True)).encode())
    assert got.body == b"".join(p for p in streamed.pieces or () if isinstance(p, bytes))


def test_a_key_the_client_brought_itself_is_the_clients_to_see(
    start: Start, upstream: Upstream
) -> None:
    gateway = start()
    upstream.answer = lambda asked: Answered(asked.headers["authorization"].encode(), 401)
    assert gateway.chat(chat_body(), authorization=f"Bearer {KEY}").body == f"Bearer {KEY}".encode()


def test_other_headers_that_let_somebody_in_are_secrets_too() -> None:
    keys = OwnKeys()
    keys.add(
        None, {"cookie": "sid=cookie-5512", "x-credential": "credential-5512"}, "session=s-551200"
    )
    assert keys.masked(b"sid=cookie-5512 credential-5512 s-551200") == b"*** *** ***"


def test_words_that_guard_nothing_are_left_alone_and_the_longer_key_goes_first() -> None:
    keys = OwnKeys()
    keys.add("EMPTY", {"x-org": "organisation", "x-auth": "Bearer abcdefgh"}, "v=20260101-preview")
    keys.add("abcdefgh-longer", {}, "")
    assert keys.masked(b"EMPTY organisation abcdefgh 20260101-preview abcdefgh-longer") == (
        b"EMPTY organisation *** 20260101-preview ***"
    )


def test_cut_anywhere_a_stream_without_errors_is_the_same_bytes() -> None:
    rng = random.Random(7)
    keys = OwnKeys()
    keys.add(KEY, {}, "")
    for end in (b"\n\n", b"\r\n\r\n", b"\r\r"):
        whole = b"".join(stream_events("large", ("a", KEY, "\u20ac" * 9), end=end)) + b"data: rest"
        for _ in range(100):
            masked, out, rest = MaskedEvents(keys), b"", whole
            while rest:
                cut = rng.randint(1, 60)
                out += masked.feed(rest[:cut])
                rest = rest[cut:]
            assert out + masked.rest() == whole
