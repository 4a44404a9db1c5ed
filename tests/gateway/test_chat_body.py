"""A request body on its way through: what is not touched stays byte for byte."""

from __future__ import annotations

import json

import pytest

from downroute.config import ModelSettings
from downroute.gateway.chat_body import ChatBody
from downroute.gateway.error_reply import Refusal

AS_IT_COMES = ModelSettings()


def read(text: bytes) -> ChatBody:
    body = ChatBody.read(text)
    assert isinstance(body, ChatBody)
    return body


def test_an_untouched_body_goes_on_as_the_very_bytes_it_came_as() -> None:
    text = b' {"model" : "m",  "n":\t2, "weird\\u0020key": [1.0e0, 1e-7, -0.0], "model2": null }\n'
    assert read(text).for_upstream("m", AS_IT_COMES, {}) is text


def test_only_the_model_name_changes_where_another_model_is_asked() -> None:
    text = '{"messages": [ {"content" : "é 1.50", "role":"user"} ], "model":"a", "seed": 1e3}'
    sent = read(text.encode()).for_upstream("b", AS_IT_COMES, {})
    assert b'[ {"content" : "\xc3\xa9 1.50", "role":"user"} ]' in sent
    assert b'"seed":1e3' in sent
    assert json.loads(sent) == {**json.loads(text), "model": "b"}


def test_a_text_cut_inside_an_emoji_is_no_reason_to_refuse_a_request() -> None:
    text = b'{"model": "a", "messages": [ {"role": "user", "content": "\\ud83d"} ], "x" : 1}'
    body = read(text)
    assert body["messages"][0]["content"] == "\ud83d"
    assert b'[ {"role": "user", "content": "\\ud83d"} ]' in body.for_upstream("b", AS_IT_COMES, {})


def test_a_task_in_the_metadata_is_a_hint_and_goes_no_further() -> None:
    body = read(b'{"model": "a", "metadata": {"task": "triage", "user":  "u"}}')
    assert body.task == "triage"
    assert b'"metadata":{"user":"u"}' in body.for_upstream("a", AS_IT_COMES, {})

    alone = read(b'{"model": "a", "metadata": {"task": "triage"}}')
    assert json.loads(alone.for_upstream("a", AS_IT_COMES, {})) == {"model": "a"}
    assert "metadata" not in dict(alone)


def test_metadata_of_another_kind_stays() -> None:
    text = b'{"model": "a", "metadata": {"task": 5}}'
    assert read(text).for_upstream("a", AS_IT_COMES, {}) is text


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ("", {"include_usage": True}),
        (', "stream_options": null', {"include_usage": True}),
        (', "stream_options": {"x": 1}', {"x": 1, "include_usage": True}),
        (', "stream_options": {"include_usage": false}', {"include_usage": True}),
    ],
)
def test_a_stream_asks_for_its_usage(options: str, sent: object) -> None:
    body = read(f'{{"model": "a", "stream": true{options}}}'.encode())
    assert not body.wants_usage
    assert json.loads(body.for_upstream("a", AS_IT_COMES, {}))["stream_options"] == sent


def test_a_stream_that_asks_for_its_usage_itself_is_not_touched() -> None:
    text = b'{"model": "a", "stream": true, "stream_options": {"include_usage": true}}'
    body = read(text)
    assert body.wants_usage
    assert body.for_upstream("a", AS_IT_COMES, {}) is text


def test_a_models_own_settings_win_over_what_the_gateway_adds() -> None:
    settings = ModelSettings(
        set={"reasoning_effort": "low"},
        rename={"max_tokens": "max_completion_tokens"},
        drop=["temperature", "stream_options"],
    )
    body = read(b'{"model": "a", "stream": true, "temperature": 0, "max_tokens": 5}')
    assert json.loads(body.for_upstream("b", settings, {"logprobs": True})) == {
        "model": "b",
        "stream": True,
        "max_completion_tokens": 5,
        "logprobs": True,
        "reasoning_effort": "low",
    }


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"model"',
        b'{"model": "a",}',
        b'{"model": NaN}',
        b"\xff\xfe",
        b'{"model": "a"} {}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"model": "a", "x": "\\ud83d", }',
    ],
)
def test_what_is_no_json_object_is_refused(text: bytes) -> None:
    refused = ChatBody.read(text)
    assert isinstance(refused, Refusal)
    assert refused.status == 400
    assert refused.code == "malformed_json"


@pytest.mark.parametrize("model", ["", ', "model": ""', ', "model": 7', ', "model": null'])
def test_a_body_without_a_model_is_refused(model: str) -> None:
    refused = ChatBody.read(f'{{"n": 1{model}}}'.encode())
    assert isinstance(refused, Refusal)
    assert (refused.status, refused.param) == (400, "model")


@pytest.mark.parametrize("wrong", [b"5", b'"text"', b'{"role": "user"}', b"null"])
def test_messages_that_are_no_list_read_as_missing_and_go_on_as_they_are(wrong: bytes) -> None:
    text = b'{"model": "a", "messages": %s, "tools": %s}' % (wrong, wrong)
    body = read(text)
    assert body["messages"] is None
    assert body["tools"] is None
    assert body.for_upstream("a", AS_IT_COMES, {}) is text


@pytest.mark.parametrize(
    ("messages", "may"),
    [
        (b'[{"role": "user", "content": "Hi"}]', False),
        (b'[{"role": "user", "content": "a\\nb"}]', False),
        (b'[{"role": "user"}, {"role": "assistant", "content": "x"}]', True),
        (b'[{"role": "\\u0061ssistant", "content": "x"}]', True),
        (b"null", False),
    ],
)
def test_what_is_not_mentioned_in_the_messages_is_known_without_reading_them(
    messages: bytes, may: bool
) -> None:
    body = ChatBody.read(b'{"model": "large", "messages": %b}' % messages)
    assert isinstance(body, ChatBody)
    assert body.may_mention(b"assistant") is may
