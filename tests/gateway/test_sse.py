"""Streams cut into events, and what is read and hidden on their way past."""

from __future__ import annotations

import json
import random
import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from downroute.gateway.chat_stream import before_end_mark
from downroute.gateway.completion import error_code, without_logprobs
from downroute.gateway.sse import ChunkReader, EventSplitter, payload

STREAM = (
    b": hello\n\n"
    b'data: {"id":"c","model":"m-1","choices":[{"index":0,"delta":{"content":"a\\n\\nb"},'
    b'"logprobs":{"content":[{"token":"a","logprob":-1}]},"finish_reason":null}]}\n\n'
    b"event: x\r\nid: 5\r\n"
    b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\r\n\r\n'
    b'data:{"choices":[],\rdata: "usage":{"prompt_tokens":3,"completion_tokens":4}}\r\r'
    b"data: [DONE]\n\n"
)


def reader(*, usage: bool = False, logprobs: bool = False) -> ChunkReader:
    return ChunkReader(keep_words=True, hide_usage=usage, hide_logprobs=logprobs)


def passed(stream: bytes, chunks: ChunkReader, cuts: list[int] | None = None) -> bytes:
    splitter = EventSplitter()
    edges = sorted({0, len(stream), *(c for c in cuts or [] if c <= len(stream))})
    events = [e for a, b in pairwise(edges) for e in splitter.feed(stream[a:b])]
    return b"".join(chunks.take(e) for e in [*events, splitter.rest()] if e)


@given(st.lists(st.integers(0, len(STREAM))))
def test_however_a_stream_is_cut_it_says_and_gives_the_same(cuts: list[int]) -> None:
    chunks = reader()
    assert passed(STREAM, chunks, cuts) == STREAM
    assert chunks.whole
    assert chunks.done
    completion = chunks.completion()
    assert completion["choices"][0]["message"]["content"] == "a\n\nb"
    assert completion["model"] == "m-1"
    assert completion["usage"] == {"prompt_tokens": 3, "completion_tokens": 4}


def test_only_the_usage_chunk_is_taken_out_for_a_client_that_did_not_ask() -> None:
    start = STREAM.index(b"data:{")
    end = STREAM.index(b"data: [DONE]")
    chunks = reader(usage=True)
    assert passed(STREAM, chunks) == STREAM[:start] + STREAM[end:]
    assert chunks.outcome()["usage"]["completion_tokens"] == 4


def test_usage_that_comes_with_words_stays_where_it_is() -> None:
    stream = b'data: {"choices":[{"delta":{"content":"x"}}],"usage":{"prompt_tokens":1}}\n\n'
    chunks = reader(usage=True)
    assert passed(stream, chunks) == stream
    assert chunks.outcome()["usage"] == {"prompt_tokens": 1}


def test_words_that_look_like_members_are_not_taken_for_them() -> None:
    said = json.dumps('"usage": {"a":1}, "finish_reason": "stop", "error": {}, "logprobs": {}')
    stream = b'data: {"choices":[{"delta":{"content":%s}}]}\n\n' % said.encode()
    chunks = reader(usage=True, logprobs=True)
    assert passed(stream, chunks) == stream
    assert not chunks.whole
    assert chunks.error is None


def test_log_probabilities_are_taken_out_of_every_chunk() -> None:
    chunks = reader(logprobs=True)
    got = passed(STREAM, chunks)
    assert got == STREAM.replace(b'{"content":[{"token":"a","logprob":-1}]}', b"null")
    assert chunks.completion()["choices"][0]["logprobs"]["content"][0]["logprob"] == -1


def test_an_error_in_the_middle_is_noticed() -> None:
    chunks = reader()
    passed(b'data: {"error":{"message":"overloaded"}}\n\n', chunks)
    assert chunks.error == {"message": "overloaded"}


def test_what_tells_the_outcome_is_there_without_the_words() -> None:
    chunks = ChunkReader(keep_words=False, hide_usage=True, hide_logprobs=False)
    words = b'data: {"choices":[{"index":0,"delta":{"content":"w"},"finish_reason":null}]}\n\n'
    passed(words * 500 + STREAM, chunks)
    assert chunks.kept is None
    completion = chunks.outcome()
    assert completion["choices"][0]["finish_reason"] == "stop"
    assert completion["usage"] == {"prompt_tokens": 3, "completion_tokens": 4}


def test_the_last_comment_comes_before_the_end_mark() -> None:
    events = [b"data: 1\n\n", b"data: [DONE]\n\n"]
    reader = ChunkReader(keep_words=False, hide_usage=False, hide_logprobs=False)
    assert before_end_mark(reader, events, b": c\n\n") == [events[0], b": c\n\n", events[1]]
    assert before_end_mark(reader, events[:1], b": c\n\n") == [events[0], b": c\n\n"]


def test_lines_of_one_event_are_joined() -> None:
    assert payload(b"event: a\ndata: 1\ndata:2\n\n") == b"1\n2"
    assert payload(b": only a comment\n\n") is None


@pytest.mark.parametrize("space", ["", " ", "\n  "])
def test_log_probabilities_leave_a_whole_reply_and_nothing_else_changes(space: str) -> None:
    block = f'{{"content":{space}[{{"token":"a","logprob":-1}}]}}'
    text = json.dumps(f'a text with "logprobs": {block} inside')

    def body(logprobs: str) -> bytes:
        one = f'{{"message": {{"content":{text}}},{space}"logprobs":{space}{logprobs} }}'
        return f'{{ "choices":{space}[{one}, {one}],"x" : 1.0}}'.encode()

    assert without_logprobs(body(block)) == body("null")
    assert without_logprobs(body("null")) == body("null")


def test_log_probabilities_leave_a_reply_with_half_an_emoji_too() -> None:
    body = b'{"choices": [{"message": {"content": "\\ud83d"}, "logprobs": {"content": []}}]}'
    assert json.loads(without_logprobs(body))["choices"][0]["logprobs"] is None


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"error": {"code": "rate_limit_exceeded", "message": "m"}}', "rate_limit_exceeded"),
        (b'{"error": {"type": "server_error", "code": null}}', "server_error"),
        (b'{"error": {"code": "my prompt was: hello"}}', None),
        (b'{"error": "text"}', None),
        (b"<html>", None),
    ],
)
def test_of_an_error_only_its_code_is_taken(body: bytes, code: str | None) -> None:
    assert error_code(body) == code


def _by_the_standard(stream: bytes) -> list[bytes]:
    """Events cut and read line by line, without a shortcut."""
    events, lines = [], []
    for line in re.split(rb"\r\n|\n|\r", stream):
        if line:
            lines.append(line)
        else:
            data = [each[5:].removeprefix(b" ") for each in lines if each[:5] == b"data:"]
            events.append(b"\n".join(data) if data else None)
            lines = []
    return [event for event in events if event is not None]


def test_shortcuts_read_what_line_by_line_reading_reads():
    draw = random.Random(5)
    parts = [b"data: ", b"data:", b"a", b"{}", b"\n", b"\n\n", b"\r\n", b"\r", b": note", b"data"]
    for _ in range(3000):
        stream = b"".join(draw.choices(parts, k=draw.randint(1, 12))) + b"\n\n"
        splitter, found = EventSplitter(), []
        at = 0
        while at < len(stream):
            size = draw.randint(1, len(stream))
            found += splitter.feed(stream[at : at + size])
            at += size
        told = [data for event in found if (data := payload(event)) is not None]
        assert told == _by_the_standard(stream), stream


def test_a_usage_chunk_without_choices_is_taken_out_as_well() -> None:
    told = b'data: {"id":"c","usage":{"prompt_tokens":3,"completion_tokens":4}}\n\n'
    assert passed(told + b"data: [DONE]\n\n", reader(usage=True)) == b"data: [DONE]\n\n"
    assert passed(told, reader()) == told
