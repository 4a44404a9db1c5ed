"""The official client against the server."""

from __future__ import annotations

import asyncio
import http.client
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import openai
import pytest

from downroute.errors import DownrouteError, UsageError
from downroute.providers.replay.recordings import load
from downroute.providers.replay.server import serving
from downroute.providers.replay.settings import ReplaySettings

Replay = Callable[..., Any]
LONG: Any = [{"role": "user", "content": "Tell me something long"}]
SURE: Any = [{"role": "user", "content": "Sure?"}]


def official(url: str, **options: Any) -> openai.OpenAI:
    """Replies are validated against the official types: a missing field is an error."""
    options = {"api_key": "any", "max_retries": 0, **options}
    return openai.OpenAI(base_url=url, _strict_response_validation=True, **options)


def tools_of(recording: Path) -> Any:
    return json.loads(recording.read_text(encoding="utf-8").splitlines()[1])["request"]["tools"]


def recorded_text(recording: Path) -> str:
    row = json.loads(recording.read_text(encoding="utf-8").splitlines()[0])
    text = row["responses"]["big"]["completion"]["choices"][0]["message"]["content"]
    assert isinstance(text, str)
    return text


def post(url: str, path: str, body: bytes, **headers: str) -> tuple[int, Any]:
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
    try:
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def log_lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_a_plain_reply_is_the_recorded_completion_with_id_object_and_created(
    recording: Path, replay: Replay
) -> None:
    with replay(recording) as url, official(url) as client:
        first = client.chat.completions.create(
            model="big", messages=LONG, temperature=0.3, seed=1, extra_body={"whatever": [1]}
        )
        second = client.chat.completions.create(model="big", messages=LONG)
    assert first.choices[0].message.content == recorded_text(recording)
    assert first.choices[0].logprobs is None
    assert first.model == "big-2026-01-01"
    assert first.usage is not None
    assert first.usage.total_tokens == 18
    assert first.object == "chat.completion"
    assert first.id != second.id


def test_a_streamed_reply_spells_the_plain_one(recording: Path, replay: Replay) -> None:
    with replay(recording) as url, official(url) as client:
        parts = list(
            client.chat.completions.create(
                model="big",
                messages=LONG,
                stream=True,
                stream_options={"include_usage": True},
            )
        )
        bare = list(client.chat.completions.create(model="big", messages=LONG, stream=True))
    deltas = [p.choices[0].delta for p in parts if p.choices]
    assert deltas[0].role == "assistant"
    assert "".join(d.content or "" for d in deltas) == recorded_text(recording)
    assert len(deltas) > 100
    assert parts[-1].choices == []
    assert parts[-1].usage is not None
    assert parts[-2].choices[0].finish_reason == "stop"
    assert len({p.id for p in parts}) == 1
    assert all(p.usage is None for p in bare)
    assert len(bare) == len(parts) - 1


def test_tool_calls_come_whole_or_in_pieces(recording: Path, replay: Replay) -> None:
    messages: Any = [{"role": "user", "content": [{"type": "text", "text": "Weather?"}]}]
    with replay(recording) as url, official(url) as client:
        asked: Any = {"model": "big", "messages": messages, "tools": tools_of(recording)}
        plain = client.chat.completions.create(**asked)
        with client.chat.completions.stream(**asked) as stream:
            streamed = stream.get_final_completion()
        with pytest.raises(openai.NotFoundError, match="no recording of this request"):
            client.chat.completions.create(model="big", messages=messages)
    calls = plain.choices[0].message.tool_calls
    assert calls is not None
    assert [c.function.arguments for c in calls] == [
        '{"town": "\\u00c5rhus"}',
        '{"town": "S\\u00e3o Tom\\u00e9"}',
    ]
    found = streamed.choices[0].message.tool_calls
    assert found is not None
    assert [(c.id, c.function.name, c.function.arguments) for c in found] == [
        (c.id, c.function.name, c.function.arguments) for c in calls
    ]
    assert streamed.choices[0].finish_reason == "tool_calls"


def test_logprobs_are_there_only_when_asked_for_and_as_many_as_asked_for(
    recording: Path, replay: Replay
) -> None:
    with replay(recording) as url, official(url) as client:
        ask: Any = client.chat.completions.create
        without = ask(model="big", messages=SURE)
        bare = ask(model="big", messages=SURE, logprobs=True)
        top = ask(model="big", messages=SURE, logprobs=True, top_logprobs=1)
        parts = list(ask(model="big", messages=SURE, logprobs=True, stream=True))
        unrecorded = ask(model="vendor/tiny:free", messages=SURE, logprobs=True)
    assert without.choices[0].logprobs is None
    assert unrecorded.choices[0].logprobs is None
    for answer, alternatives in ((bare, 0), (top, 1)):
        block = answer.choices[0].logprobs
        assert block is not None
        assert block.content is not None
        assert [(t.token, t.logprob, t.bytes) for t in block.content] == [
            ("Yes", -0.25, [89, 101, 115]),
            ("!", -0.5, [33]),
        ]
        assert [len(t.top_logprobs) for t in block.content] == [alternatives] * 2
    streamed = [p.choices[0].logprobs for p in parts if p.choices[0].logprobs]
    assert [t.logprob for block in streamed for t in block.content or ()] == [-0.25, -0.5]


def test_a_refusal_is_served_as_one(recording: Path, replay: Replay) -> None:
    messages: Any = [{"role": "user", "content": "Do something bad"}]
    with replay(recording) as url, official(url) as client:
        plain = client.chat.completions.create(model="big", messages=messages)
        parts = list(client.chat.completions.create(model="big", messages=messages, stream=True))
    assert plain.choices[0].message.refusal == "I cannot do that."
    assert "".join(p.choices[0].delta.refusal or "" for p in parts) == "I cannot do that."
    assert all(p.choices[0].delta.content is None for p in parts)


def test_the_asynchronous_client_gets_many_answers_at_once(recording: Path) -> None:
    async def ask_all() -> list[str | None]:
        async with (
            serving(load([recording])) as url,
            openai.AsyncOpenAI(base_url=url, api_key="any", max_retries=0) as client,
        ):

            async def ask(stream: bool) -> str | None:
                if not stream:
                    reply = await client.chat.completions.create(model="small", messages=LONG)
                    return reply.choices[0].message.content
                parts = await client.chat.completions.create(
                    model="small", messages=LONG, stream=True
                )
                return "".join([p.choices[0].delta.content or "" async for p in parts])

            return await asyncio.gather(*(ask(n % 2 == 0) for n in range(40)))

    assert asyncio.run(ask_all()) == ["Short."] * 40


def test_models_are_listed_and_found_by_name(recording: Path, replay: Replay) -> None:
    with replay(recording) as url, official(url) as client:
        assert [m.id for m in client.models.list()] == ["big", "small", "vendor/tiny:free"]
        assert client.models.retrieve("vendor/tiny:free").object == "model"
        with pytest.raises(openai.NotFoundError, match="known are: big, small"):
            client.models.retrieve("huge")


@pytest.mark.parametrize(
    ("asked", "said", "param", "code"),
    [
        ({"model": "huge"}, "'huge' is not in these", "model", "model_not_found"),
        (
            {"messages": [{"role": "user", "content": "?"}]},
            "no recording of this request",
            "messages",
            "recording_not_found",
        ),
        (
            {"model": "vendor/tiny:free"},
            "no recording of this request by 'vendor/tiny:free'; recorded are: big, small",
            "model",
            "recording_not_found",
        ),
    ],
)
def test_what_was_not_recorded_is_a_404_that_says_which(
    recording: Path, replay: Replay, asked: Any, said: str, param: str, code: str
) -> None:
    with (
        replay(recording) as url,
        official(url) as client,
        pytest.raises(openai.NotFoundError, match=said) as refused,
    ):
        client.chat.completions.create(**{"model": "big", "messages": LONG, **asked})
    assert (refused.value.param, refused.value.code) == (param, code)


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        ("/v1/chat/completions", b"{oops", 400, "not JSON"),
        ("/v1/chat/completions", b"[" * 200_000, 400, "not JSON"),
        ("/v1/chat/completions", b"[]", 400, "no object but list"),
        ("/v1/chat/completions", b'{"messages": []}', 400, "'model'"),
        ("/v1/chat/completions", b'{"model": "big"}', 400, "'messages'"),
        ("/v1/chat/completions", b'{"model": "big", "messages": []}', 400, "empty"),
        ("/v1/chat/completions", b'{"model": "big", "messages": ["hi"]}', 400, "'messages'"),
        (
            "/v1/chat/completions",
            b'{"model": "big", "messages": [{"role": "user", "content": "Sure?"}], "n": 3}',
            400,
            "n must be 1, found 3",
        ),
        ("/v1/completions", b'{"prompt": "x"}', 404, "nothing is served at POST /v1/completions"),
        ("/v1/v1/chat/completions", b"{}", 404, "nothing is served at"),
        ("/v1/models", b"{}", 404, "nothing is served at POST /v1/models"),
    ],
)
def test_a_request_that_cannot_be_served_gets_an_error_in_openais_shape(
    recording: Path, replay: Replay, path: str, body: bytes, status: int, said: str
) -> None:
    with replay(recording) as url:
        answered, error = post(url, path, body)
    assert answered == status
    assert set(error["error"]) == {"message", "type", "param", "code"}
    assert said in error["error"]["message"]


def test_the_address_without_v1_and_a_body_of_ten_megabytes_are_fine(
    recording: Path, replay: Replay
) -> None:
    body = {"model": "big", "messages": LONG, "metadata": {"padding": "x" * 10_000_000}}
    with replay(recording) as url:
        status, reply = post(url, "/chat/completions", json.dumps(body).encode())
    assert status == 200
    assert reply["choices"][0]["message"]["content"] == recorded_text(recording)


def test_a_required_key_is_required_everywhere_but_for_health(
    recording: Path, replay: Replay
) -> None:
    with replay(recording, require_key="sk-right") as url:
        with official(url, api_key="sk-right") as client:
            assert client.chat.completions.create(model="small", messages=LONG).choices
        with official(url, api_key="sk-wrong") as client:
            with pytest.raises(openai.AuthenticationError) as refused:
                client.chat.completions.create(model="small", messages=LONG)
            with pytest.raises(openai.AuthenticationError):
                client.models.list()
        assert post(url, "/v1/chat/completions", b"{}", Authorization="sk-right")[0] == 401
        assert post(url, "/v1/chat/completions", b"{}")[1]["error"]["code"] == "invalid_api_key"
        address = urlsplit(url)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
        connection.request("GET", "/health")
        health = connection.getresponse()
        assert json.loads(health.read())["rows"] == 5
        connection.close()
    assert refused.value.code == "invalid_api_key"
    assert "sk-right" not in str(refused.value)


def test_the_log_has_one_line_for_each_chat_request_before_its_reply_ends(
    recording: Path, replay: Replay, tmp_path: Path
) -> None:
    file = tmp_path / "served.jsonl"
    with replay(recording, log=file) as url, official(url) as client:
        plain = client.chat.completions.create(model="big", messages=LONG)
        assert len(log_lines(file)) == 1
        parts = list(client.chat.completions.create(model="small", messages=LONG, stream=True))
        assert len(log_lines(file)) == 2
        with pytest.raises(openai.NotFoundError):
            client.chat.completions.create(model="huge", messages=LONG)
        client.models.list()
    first, second, third = log_lines(file)
    assert (first["id"], first["model"], first["status"]) == (plain.id, "big", 200)
    assert (first["row"], first["task"], first["stream"]) == ("r-text", "chat", False)
    assert first["usage"] == {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
    assert (second["id"], second["stream"], second["complete"]) == (parts[0].id, True, True)
    assert second["usage"] == first["usage"]
    assert second["digest"] == first["digest"]
    assert (third["model"], third["status"], third["usage"]) == ("huge", 404, None)


def test_a_log_is_appended_to(recording: Path, replay: Replay, tmp_path: Path) -> None:
    file = tmp_path / "served.jsonl"
    for _ in range(2):
        with replay(recording, log=file) as url, official(url) as client:
            client.chat.completions.create(model="small", messages=LONG)
    assert len(log_lines(file)) == 2


def test_recorded_latency_takes_at_least_as_long_and_is_spread_over_a_stream(
    recording: Path, replay: Replay, tmp_path: Path
) -> None:
    file = tmp_path / "served.jsonl"
    with replay(recording, latency="recorded", log=file) as url, official(url) as client:
        client.chat.completions.create(model="big", messages=LONG)
        list(client.chat.completions.create(model="big", messages=LONG, stream=True))
    assert all(line["latency_s"] >= 0.06 for line in log_lines(file))


def test_seeded_faults_meet_the_official_client_as_errors_it_knows(
    recording: Path, replay: Replay, tmp_path: Path
) -> None:
    def outcomes(seed: int, stream: bool) -> list[str]:
        found = []
        file = tmp_path / f"{seed}{stream}.jsonl"
        with replay(recording, fail_rate=0.6, seed=seed, log=file) as url, official(url) as client:
            for _ in range(40):
                try:
                    reply: Any = client.chat.completions.create(
                        model="big", messages=LONG, stream=stream
                    )
                    if stream:
                        list(reply)
                    found.append("answered")
                except openai.APIStatusError as fault:
                    if fault.status_code == 429:
                        assert fault.response.headers["retry-after"] == "1"
                    found.append(str(fault.status_code))
                except Exception as fault:
                    # A stream cut in the middle raises what the client's HTTP library raises.
                    assert "onnection" in repr(fault) or "incomplete" in repr(fault), repr(fault)
                    found.append("cut")
            lines = log_lines(file)
        assert [line["fault"] is None for line in lines] == [f == "answered" for f in found]
        assert all((line["usage"] is None) == (line["fault"] is not None) for line in lines)
        return found

    plain = outcomes(5, stream=False)
    assert set(plain) == {"answered", "429", "500", "503", "cut"}
    assert outcomes(5, stream=True) == plain
    assert outcomes(6, stream=False) != plain


def test_the_official_clients_own_retries_get_past_faults(recording: Path, replay: Replay) -> None:
    with replay(recording, fail_rate=0.3, seed=2) as url, official(url, max_retries=6) as client:
        for _ in range(3):
            assert client.chat.completions.create(model="small", messages=LONG).choices


def test_a_client_that_hangs_up_harms_nobody_and_is_logged_as_incomplete(
    recording: Path, replay: Replay, tmp_path: Path
) -> None:
    file = tmp_path / "served.jsonl"
    with replay(recording, latency=0.4, log=file) as url, official(url) as client:
        with client.chat.completions.create(model="big", messages=LONG, stream=True) as parts:
            next(iter(parts))
        client.chat.completions.create(model="small", messages=LONG)
        client.chat.completions.create(model="small", messages=LONG)
    by_model = {line["model"]: line["complete"] for line in log_lines(file)}
    assert by_model == {"big": False, "small": True}


def test_leaving_the_block_cuts_replies_under_way(recording: Path) -> None:
    async def main() -> None:
        async with openai.AsyncOpenAI(base_url="http://unused", api_key="x") as unopened:
            async with serving(load([recording]), ReplaySettings(latency=3600)) as url:
                client = unopened.with_options(base_url=url, max_retries=0)
                asked = asyncio.create_task(
                    client.chat.completions.create(model="big", messages=LONG)
                )
                await asyncio.sleep(0.2)
            with pytest.raises(openai.APIConnectionError):
                await asked

    asyncio.run(asyncio.wait_for(main(), 30))


def test_an_address_or_log_that_cannot_be_used_is_one_clear_line(
    recording: Path, tmp_path: Path
) -> None:
    async def serve(**options: Any) -> None:
        settings = ReplaySettings(log=options.pop("log", None))
        async with serving(load([recording]), settings, **options):
            pass

    async def twice() -> None:
        async with serving(load([recording])) as url:
            await serve(port=urlsplit(url).port)

    with pytest.raises(DownrouteError, match=r"port \d+ on 127.0.0.1 is in use"):
        asyncio.run(twice())
    with pytest.raises(DownrouteError, match=r"cannot listen on 192\.0\.2\.1:0"):
        asyncio.run(serve(host="192.0.2.1"))
    with pytest.raises(UsageError, match="cannot write --log"):
        asyncio.run(serve(log=tmp_path))


def test_settings_show_no_key() -> None:
    assert "sk-" not in repr(ReplaySettings(require_key="sk-secret"))
