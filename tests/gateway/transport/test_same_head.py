"""A head that comes again is not read again, and nothing else is taken for it."""

from __future__ import annotations

import random

import pytest

from downroute.gateway.transport.incoming import Incoming
from downroute.gateway.transport.limits import Limits
from downroute.gateway.transport.request_parser import RequestParser
from downroute.gateway.transport.same_head import SameHead

LIMITS = Limits(body_bytes=2000)
HEAD = (
    b"POST /v1/chat/completions?x=%%31 HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer k\r\n"
    b"Content-Length: %d\r\nx-downroute-task: t\r\n\r\n"
)


def sent(body: bytes) -> bytes:
    return HEAD % len(body) + body


def read(data: bytes) -> list[Incoming]:
    return RequestParser(LIMITS).feed(data)


def told(found: list[Incoming]) -> list[tuple[object, ...]]:
    """All that was read."""
    return [
        (each.refusal, each.persists, each.chunks, each.head_only)
        + (() if (r := each.request) is None else (r.method, r.path, r.headers, r.body, r.target))
        for each in found
    ]


def test_a_request_with_the_same_head_is_the_request_that_reading_it_finds() -> None:
    parser = RequestParser(LIMITS)
    (first,) = parser.feed(sent(b'{"model": "a"}'))
    for body in (b"{}", b"x" * 1999, b'{"model": "b"}'):
        (again,) = parser.feed(sent(body))
        assert told([again]) == told(read(sent(body)))
        assert again.request is not None
        assert first.request is not None
        assert again.request.headers is first.request.headers


def test_the_length_of_a_body_is_no_header_of_a_request() -> None:
    (incoming,) = read(sent(b"{}"))
    assert incoming.request is not None
    assert [name for name, _ in incoming.request.headers] == [
        "host",
        "authorization",
        "x-downroute-task",
    ]


def test_a_body_above_the_limit_is_refused_behind_a_known_head_too() -> None:
    parser = RequestParser(LIMITS)
    parser.feed(sent(b"{}"))
    (incoming,) = parser.feed(sent(b"x" * 2001))
    assert incoming.refusal is not None
    assert incoming.refusal.status == 413


@pytest.mark.parametrize(
    "head",
    [
        b"GET /v1/models HTTP/1.1\r\nhost: h\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: h\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\ncontent-length: 0\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: h\r\nupgrade: h2c\r\ncontent-length: 0\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
)
def test_some_heads_are_read_each_time(head: bytes) -> None:
    for incoming in read(head):
        assert SameHead.of(head, incoming) is None


def test_whatever_changes_in_a_request_it_is_read_as_by_a_parser_that_knows_no_head() -> None:
    draw = random.Random(7)
    alphabet = b"\r\n :0159aZ-%\x00\xff"
    recognised = 0
    for _ in range(4000):
        parser = RequestParser(LIMITS)
        parser.feed(sent(b"{}"))
        data = bytearray(sent(bytes(draw.choices(alphabet, k=draw.randrange(30)))))
        for _ in range(draw.choice((0, 0, 1, 2, 5))):
            at = draw.randrange(len(data))
            piece = bytes(draw.choices(alphabet, k=draw.randrange(3)))
            data[at : at + draw.randrange(3)] = piece
        mutated = bytes(data)
        fresh = RequestParser(LIMITS)
        found, expected = parser.feed(mutated), fresh.feed(mutated)
        assert told(found) == told(expected)
        assert (parser.over, parser.begun) == (fresh.over, fresh.begun)
        recognised += len(found) == 1 and found[0].request is not None
    assert recognised > 1000


def test_what_follows_a_request_in_one_piece_is_read_as_well() -> None:
    parser = RequestParser(LIMITS)
    parser.feed(sent(b"{}"))
    two = sent(b"one") + sent(b"two")
    assert [i.request and i.request.body for i in parser.feed(two)] == [b"one", b"two"]
    assert [i.request and i.request.body for i in parser.feed(sent(b"three"))] == [b"three"]


def test_a_request_that_comes_in_pieces_is_read_behind_a_known_head() -> None:
    parser = RequestParser(LIMITS)
    parser.feed(sent(b"{}"))
    data = sent(b"in pieces")
    found = [i for at in range(len(data)) for i in parser.feed(data[at : at + 1])]
    assert [i.request and i.request.body for i in found] == [b"in pieces"]
    (whole,) = parser.feed(sent(b"in one"))
    assert whole.request is not None
    assert whole.request.body == b"in one"
