"""Virtual keys, as the official clients meet them."""

from __future__ import annotations

import hashlib
import json
import socket
from typing import Any
from urllib.parse import urlsplit

import anthropic
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from downroute.gateway.door import Door
from downroute.gateway.keys import PREFIX, new_key
from downroute.gateway.message import Reply, Request
from downroute.gateway_settings import GatewaySettings

from .anthropic_upstream import plain_message
from .running import PATIENCE_S, Gateway, Got, Start
from .upstream import Upstream, chat_body

OWN = "the-upstreams-own-key"
ADMIN = "an-admin-key-of-some-length"
BODY: dict[str, Any] = chat_body()
SWITCH = "version: 1\nroutes: [{task: triage, models: [small], baseline: large, unproven: true}]"
MESSAGE: dict[str, Any] = {
    "model": "large",
    "max_tokens": 10,
    "messages": [{"role": "user", "content": "Hi"}],
}


def settings(keys: dict[str, dict[str, Any]], *, admin: bool = True, api: str = "openai") -> str:
    """``downroute.yaml`` with keys, each by its name: ``key`` and what it may be used for."""
    entries = {
        name: {**{k: v for k, v in entry.items() if k != "key"}, "digest": digest(entry["key"])}
        for name, entry in keys.items()
    }
    gateway = {"keys": entries, **({"admin_key": "env:ADMIN"} if admin else {})}
    upstream = {"base_url": "UPSTREAM", "api": api, "key": "env:OWN"}
    return f"upstreams: {{test: {json.dumps(upstream)}}}\ngateway: {json.dumps(gateway)}\n"


def digest(key: str) -> str:
    return f"sha256:{hashlib.sha256(key.encode()).hexdigest()}"


def serve(start: Start, policy: str | None = None, **entry: Any) -> tuple[Gateway, str]:
    """A gateway with one key, and that key."""
    key = new_key()
    text = settings({"app": {"key": key, **entry}})
    return start(policy, text, OWN=OWN, ADMIN=ADMIN), key


def ask(gateway: Gateway, key: str, **body: Any) -> Got:
    return gateway.chat({**BODY, **body}, authorization=f"Bearer {key}")


def test_a_key_lets_in_and_the_upstream_gets_its_own_in_its_place(
    start: Start, upstream: Upstream
) -> None:
    gateway, key = serve(start)
    with gateway.client(api_key=key, default_headers={"x-api-key": key, "x-other": key}) as client:
        assert client.chat.completions.create(**BODY).choices[0].message.content == "billing"
        client.embeddings.create(model="large", input="x", encoding_format="float")
    assert [asked.headers["authorization"] for asked in upstream.asked] == [f"Bearer {OWN}"] * 2
    assert not [a for a in upstream.asked if PREFIX in str(a.headers) or b"sk-" in a.body]
    assert [call.key_name for call in gateway.calls(2)] == ["app", "app"]


def test_an_upstream_without_a_key_gets_none_of_the_client_s(
    start: Start, upstream: Upstream
) -> None:
    key = new_key()
    text = settings({"app": {"key": key}}, admin=False).replace(', "key": "env:OWN"', "")
    gateway = start(None, text)
    assert ask(gateway, key).status == 200
    assert "authorization" not in upstream.asked[0].headers


def test_without_keys_in_the_settings_one_is_still_not_let_out(
    start: Start, upstream: Upstream
) -> None:
    gateway = start()
    assert ask(gateway, new_key()).status == 200
    assert ask(gateway, "sk-the-upstreams-own").status == 200
    given = [asked.headers.get("authorization") for asked in upstream.asked]
    assert given == [None, "Bearer sk-the-upstreams-own"]


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/embeddings", "/v1/models"])
def test_neither_is_one_in_the_address(start: Start, upstream: Upstream, path: str) -> None:
    gateway = start(None, "upstreams: {main: {base_url: 'UPSTREAM?v=1'}}")
    method, body = (
        ("GET", b"") if path == "/v1/models" else ("POST", json.dumps(chat_body()).encode())
    )
    gateway.request(method, f"{path}?a=1&key={new_key()}&b=2", body)
    assert upstream.asked[-1].target == f"{path}?a=1&b=2&v=1"


def test_a_wrong_or_missing_key_is_told_in_openai_s_words(start: Start, upstream: Upstream) -> None:
    gateway, key = serve(start)
    for wrong in (new_key(), key[:-1], key.upper(), OWN, ADMIN):
        refused = pytest.raises(openai.AuthenticationError)
        with gateway.client(api_key=wrong) as client, refused as e:
            client.chat.completions.create(**BODY)
        assert e.value.code == "invalid_api_key" and e.value.type == "invalid_request_error"
    with gateway.client(api_key=wrong) as client, pytest.raises(openai.AuthenticationError):
        list(client.chat.completions.create(**BODY, stream=True))
    for path in ("/v1/chat/completions", "/v1/embeddings", "/v1/route", "/v1/files", "/nowhere"):
        got = gateway.request("POST", path, json.dumps(BODY).encode())
        assert got.status == 401 and "Authorization: Bearer" in got.json["error"]["message"]
        assert got.headers["www-authenticate"].startswith("Bearer")
    assert gateway.request("GET", "/v1/models").status == 401
    assert upstream.asked == []


def test_anthropic_s_client_is_told_in_its_own_words(start: Start, upstream: Upstream) -> None:
    key, slow = new_key(), new_key()
    entries = {
        "app": {"key": key, "models": ["large"]},
        "slow": {"key": slow, "requests_per_minute": 1},
    }
    gateway = start(None, settings(entries, api="anthropic"), OWN=OWN, ADMIN=ADMIN)
    upstream.answer = lambda asked: plain_message(asked.model)
    root = gateway.url.removesuffix("/v1")

    def client(key: str, **options: Any) -> anthropic.Anthropic:
        return anthropic.Anthropic(base_url=root, api_key=key, max_retries=0, **options)

    with client(key) as given:
        assert given.messages.create(**MESSAGE).content[0].text == "billing"
        with pytest.raises(anthropic.PermissionDeniedError) as denied:
            given.messages.create(**{**MESSAGE, "model": "huge"})
        assert denied.value.body["error"]["type"] == "permission_error"
    with anthropic.Anthropic(base_url=root, auth_token=key, max_retries=0) as bearer:
        assert bearer.messages.create(**MESSAGE).content[0].text == "billing"
    with client("wrong") as wrong:
        for call in (wrong.messages.create, wrong.messages.count_tokens):
            asked = {k: v for k, v in MESSAGE.items() if k != "max_tokens"}
            with pytest.raises(anthropic.AuthenticationError) as unknown:
                call(**(MESSAGE if call == wrong.messages.create else asked))
            assert unknown.value.body["error"]["type"] == "authentication_error"
    with client(slow) as limited:
        limited.messages.create(**MESSAGE)
        with pytest.raises(anthropic.RateLimitError) as too_many:
            limited.messages.create(**MESSAGE)
    assert int(too_many.value.response.headers["retry-after"]) in (59, 60)
    assert {a.headers["x-api-key"] for a in upstream.asked} == {OWN}
    assert len(upstream.asked) == 3


def test_an_expired_and_a_revoked_key_say_so(start: Start) -> None:
    expired, revoked, coming = new_key(), new_key(), new_key()
    entries = {
        "old": {"key": expired, "expires": "2026-01-01"},
        "lost": {"key": revoked, "revoked": True},
        "new": {"key": coming, "expires": "2999-01-01T00:00:00+02:00"},
    }
    gateway = start(None, settings(entries), OWN=OWN, ADMIN=ADMIN)
    said = [ask(gateway, key).json["error"]["message"] for key in (expired, revoked)]
    assert said == ["the key 'old' has expired", "the key 'lost' has been revoked"]
    assert ask(gateway, coming).status == 200


def test_a_key_for_some_models_asks_no_others(start: Start, upstream: Upstream) -> None:
    gateway, key = serve(start, SWITCH, models=["large"])
    assert ask(gateway, key).status == 200
    with gateway.client(api_key=key) as client:
        with pytest.raises(
            openai.PermissionDeniedError, match="may not be used for the model"
        ) as e:
            client.chat.completions.create(**{**BODY, "model": "huge"})
        assert (e.value.code, e.value.param) == ("model_not_allowed", "model")
        with pytest.raises(openai.PermissionDeniedError):
            client.embeddings.create(model="huge", input="x")
        assert [m.id for m in client.models.list()] == ["large", "downroute/auto"]
        for everybody_s in (client.files, client.batches, client.fine_tuning.jobs):
            with pytest.raises(openai.PermissionDeniedError, match="cannot be told"):
                everybody_s.list()
    # Whom a route asks is the policy's affair; a name that leaves it to the policy is its baseline.
    routed = gateway.chat({**BODY, "model": "downroute/triage"}, authorization=f"Bearer {key}")
    assert (routed.status, routed.said("model")) == (200, "small")
    assert {a.json["model"] for a in upstream.asked} == {"large", "small"}


@pytest.mark.parametrize(
    "twice",
    [
        b'{"model": "huge", "messages": [], "model": "large"}',
        b'{"mod\\u0065l": "huge", "messages": [], "model": "large"}',
    ],
)
def test_a_body_that_names_two_models_reaches_nobody_with_the_other(
    start: Start, upstream: Upstream, twice: bytes
) -> None:
    gateway, key = serve(start, models=["large"])
    for path in ("/v1/chat/completions", "/v1/embeddings"):
        got = gateway.request("POST", path, twice, {"authorization": f"Bearer {key}"})
        assert got.status == 200 and b"huge" not in upstream.asked[-1].body
    cased = twice.replace(b', "model"', b', "MODEL": "huge", "model"')
    got = gateway.request("POST", path, cased, {"authorization": f"Bearer {key}"})
    assert (got.status, got.json["error"]["code"]) == (400, "ambiguous_model")


NAMES = st.sampled_from(["model", "Model", "MODEL", "mod\\u0065l", "messages", "x", "models"])


@given(st.lists(st.tuples(NAMES, st.sampled_from(['"large"', '"huge"', "1", "[]"])), max_size=5))
def test_whatever_a_body_says_nobody_reads_another_model_in_it(
    members: list[tuple[str, str]],
) -> None:
    key = new_key()
    entry = {"digest": digest(key), "models": ["large"]}
    door = Door(GatewaySettings.model_validate({"keys": {"app": entry}}))
    text = "{" + ", ".join(f'"{name}": {value}' for name, value in members) + "}"
    headers = [("authorization", f"Bearer {key}")]
    request = Request("POST", "/v1/chat/completions", headers, text.encode())
    admitted = door.admit(request, "/chat/completions")
    if isinstance(admitted, Reply):
        assert admitted.status in (400, 403)
        return
    pairs = json.loads(admitted.body, object_pairs_hook=list)
    read = [value for name, value in pairs if name.lower() in ("model", "models")]
    assert read == [json.loads(text)["model"]] if '"mod' in text else read == []


def test_a_key_for_one_task_declares_it(start: Start) -> None:
    gateway, key = serve(start, SWITCH, tasks=["triage"])
    got = ask(gateway, key)
    assert (got.said("task"), got.said("model")) == ("triage", "small")
    bearer = {"authorization": f"Bearer {key}"}
    for body in ({**BODY, "metadata": {"task": "other"}}, {**BODY, "model": "downroute/other"}):
        denied = gateway.chat(body, **bearer)
        assert denied.status in (403, 404) and denied.said("model") is None
    assert gateway.chat(BODY, "other", **bearer).json["error"]["code"] == "task_not_allowed"
    route = gateway.request("POST", "/v1/route", json.dumps(BODY).encode(), bearer)
    assert route.json["task"] == "triage"


def test_a_key_for_several_tasks_wants_to_hear_which(start: Start) -> None:
    gateway, key = serve(start, tasks=["triage", "other"])
    denied = ask(gateway, key)
    assert denied.status == 403 and "x-downroute-task" in denied.json["error"]["message"]
    bearer = {"authorization": f"Bearer {key}"}
    assert gateway.chat(BODY, "other", **bearer).status == 200
    embedding = json.dumps({"model": "large", "input": "x"}).encode()
    assert gateway.request("POST", "/v1/embeddings", embedding, bearer).status == 403
    bearer["x-downroute-task"] = "triage"
    assert gateway.request("POST", "/v1/embeddings", embedding, bearer).status == 200


def test_too_many_requests_are_told_when_to_come_again(start: Start, upstream: Upstream) -> None:
    gateway, key = serve(start, requests_per_minute=3)
    with gateway.client(api_key=key) as client:
        for _ in range(3):
            client.chat.completions.create(**BODY)
        with pytest.raises(openai.RateLimitError) as e:
            client.chat.completions.create(**BODY)
    assert e.value.code == "rate_limit_exceeded"
    assert int(e.value.response.headers["retry-after"]) in (19, 20)
    assert len(upstream.asked) == 3


def test_what_tells_about_the_gateway_wants_the_admin_key(start: Start) -> None:
    gateway, key = serve(start)
    for path in ("/health", "/ready", "/openapi.json"):
        assert gateway.request("GET", path).status == 200
    assert gateway.ready() == {"status": "ready"}
    for headers in ({}, {"authorization": f"Bearer {key}"}):
        assert gateway.request("GET", "/metrics", headers=headers).status == 401
    admin = {"authorization": f"Bearer {ADMIN}"}
    assert b"downroute_calls_total" in gateway.request("GET", "/metrics", headers=admin).body
    assert gateway.request("GET", "/ready", headers=admin).json["mode"] == "observing"


def test_without_an_admin_key_nobody_is_told(start: Start) -> None:
    gateway = start(None, settings({"app": {"key": new_key()}}, admin=False), OWN=OWN)
    got = gateway.request("GET", "/metrics")
    assert got.status == 401 and "gateway.admin_key" in got.json["error"]["message"]


def test_an_admin_key_alone_asks_nobody_for_a_key(start: Start) -> None:
    gateway = start(None, settings({}), OWN=OWN, ADMIN=ADMIN)
    assert gateway.chat(BODY).status == 200
    assert gateway.request("GET", "/metrics").status == 401


@pytest.mark.parametrize(
    ("path", "credential", "status"),
    [
        ("/v1/chat/completions", None, 401),
        ("/v1/chat/completions", "wrong", 401),
        ("/v1/chat/completions", "revoked", 401),
        ("/v1/chat/completions", "expired", 401),
        ("/v1/chat/completions", "app", None),
        ("/v1/files", None, 401),
        ("/files", "app", None),
        ("/metrics", "app", 401),
        ("/metrics", ADMIN, None),
        ("/health", None, None),
        ("/v1/ready", None, None),
    ],
)
def test_a_head_says_enough_to_turn_a_request_away(
    path: str, credential: str | None, status: int | None
) -> None:
    keys = {name: new_key() for name in ("app", "revoked", "expired")}
    entries: dict[str, Any] = {name: {"digest": digest(key)} for name, key in keys.items()}
    entries["revoked"]["revoked"] = True
    entries["expired"]["expires"] = "2020-01-01"
    entries["app"] |= {"models": ["large"], "requests_per_minute": 1}
    given = GatewaySettings.model_validate({"keys": entries, "admin_key": "env:ADMIN"})
    door = Door(given, {"ADMIN": ADMIN})
    headers = [("host", "g"), ("content-length", "99")]
    if credential is not None:
        headers.append(("authorization", f"Bearer {keys.get(credential, credential)}"))
    head = Request("POST", path, headers, b"")
    path = path.removeprefix("/v1")
    # As often as it is asked: only a whole request counts against a key's rate.
    for _ in range(3):
        reply = door.turned_away(head, path)
        assert (None if reply is None else reply.status) == status
    admitted = door.admit(head, path)
    assert isinstance(admitted, Reply) == (status is not None)
    if reply is not None:
        assert isinstance(admitted, Reply)
        assert (admitted.status, admitted.headers, admitted.body) == (
            reply.status,
            reply.headers,
            reply.body,
        )


def test_without_keys_no_head_is_turned_away() -> None:
    assert Door(GatewaySettings()).turned_away(Request("POST", "/x", [], b""), "/x") is None


@pytest.mark.parametrize("expects", ["", "Expect: 100-continue\r\n"])
def test_whoever_may_not_come_in_is_told_so_before_the_body_is_read(
    start: Start, upstream: Upstream, expects: str
) -> None:
    gateway, key = serve(start)
    address = urlsplit(gateway.url)
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {key}\r\n"
        f"{expects}Content-Length: 9000000\r\n\r\n"
    )
    where = (str(address.hostname), address.port or 0)
    with socket.create_connection(where, timeout=PATIENCE_S) as stranger:
        stranger.sendall(head.format(key="sk-of-nobody").encode() + b"{")
        said = b"".join(iter(lambda: stranger.recv(65536), b""))
    assert said.startswith(b"HTTP/1.1 401 ") and b"invalid_api_key" in said
    assert said.count(b"HTTP/1.1") == 1
    with socket.create_connection(where, timeout=PATIENCE_S) as known:
        known.sendall(head.format(key=key).encode() + b"{")
        known.settimeout(0.3)
        if expects:
            assert known.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        with pytest.raises(TimeoutError):
            known.recv(65536)
    assert not upstream.asked
