"""A reply's head that is read line by line is read as llhttp reads it, or not at all."""

from __future__ import annotations

import random
from typing import Any

import httptools
import pytest

from downroute.gateway.transport.plain_head import plain_head
from downroute.gateway.transport.reply_parser import ReplyParser

HEAD = (
    b"HTTP/1.1 200 OK\r\nDate: Wed, 25 Nov 2026 17:00:00 GMT\r\nContent-Type: application/json\r\n"
    b"Content-Length: 5\r\nConnection: keep-alive\r\nX-Request-Id: req_1\r\n\r\n"
)


class Oracle:
    """What llhttp makes of a reply."""

    def __init__(self, data: bytes) -> None:
        self.headers: list[tuple[str, str]] = []
        self.body = b""
        self.heads = self.ends = 0
        self.keeps = False
        self.refused = False
        self._parser: Any = httptools.HttpResponseParser(self)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.refused = True
        self.status = self._parser.get_status_code()

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.heads:
            text = value.decode("utf-8", "surrogateescape")
            self.headers.append((name.decode("ascii").lower(), text))

    def on_headers_complete(self) -> None:
        self.heads += 1

    def on_body(self, piece: bytes) -> None:
        self.body += piece if not self.ends else b""

    def on_message_complete(self) -> None:
        if not self.ends:
            self.keeps = self._parser.should_keep_alive()
        self.ends += 1


def mutated(data: bytes, rng: random.Random) -> bytes:
    made = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        at = rng.randrange(len(made))
        kind = rng.randrange(6)
        if kind == 0:
            made[at] = rng.randrange(256)
        elif kind == 1:
            del made[at : at + rng.choice((1, 1, 2, 9))]
        elif kind == 2:
            made[at:at] = rng.choice(PIECES)
        elif kind == 3:
            lines = bytes(made).split(b"\r\n")
            lines.insert(rng.randrange(len(lines)), rng.choice(LINES))
            made = bytearray(b"\r\n".join(lines))
        elif kind == 4:
            made[at:at] = made[max(0, at - rng.randrange(30)) : at]
        else:
            made = bytearray(bytes(made).swapcase())
        if not made:
            return b"H"
    return bytes(made)


PIECES = (b"\r", b"\n", b"\r\n", b" ", b"\t", b":", b"\0", b"\x7f", b"\xff", b"0", b"\xc3\xa9")
LINES = (
    b"Content-Length: 5",
    b"content-length: 05",
    b"Content-Length: +5",
    b"Content-Length: 5, 5",
    b"Content-Length: \xd9\xa5",
    b"Content-Length:",
    b"Transfer-Encoding: chunked",
    b"Connection: close",
    b"connection: Keep-Alive, x",
    b"Connection:",
    b"Proxy-Connection: close",
    b"Upgrade: h2c",
    b" folded",
    b"no colon",
    b"space : x",
    b": nameless",
    b"X-Empty:",
    b"X-Tab:\tx\t",
    b"Trailer: x",
)


def whole_in_one(parser: ReplyParser) -> tuple[object, ...]:
    return parser.status, parser.headers, b"".join(parser.pieces), parser.whole, parser.reusable


@pytest.mark.parametrize("length", [0, 4, 5, 6, 40])
def test_mutated_heads_are_read_as_llhttp_reads_them(length: int) -> None:
    rng = random.Random(length)
    plainly = 0
    for _ in range(4000):
        data = mutated(HEAD + b"x" * length, rng)
        found = plain_head(data)
        if found is None:
            continue
        plainly += 1
        oracle = Oracle(data)
        parser = ReplyParser()
        parser.feed(data)
        assert oracle.heads >= 1, data
        assert (found.status, found.headers) == (oracle.status, oracle.headers), data
        said = whole_in_one(parser)
        # Bytes after the end are refused by llhttp or begin a reply nobody asked for.
        keeps = oracle.keeps and not oracle.refused and oracle.heads == 1
        rest = data[found.body + found.length :]
        keeps = keeps and not rest
        assert said == (
            oracle.status,
            oracle.headers,
            oracle.body,
            oracle.ends >= 1,
            keeps,
        ), data
    assert plainly > 500


@pytest.mark.parametrize(
    "data",
    [
        HEAD.replace(b"HTTP/1.1", b"HTTP/1.0"),
        HEAD.replace(b"200 OK", b"100 Continue"),
        HEAD.replace(b"200 OK", b"204 No Content"),
        HEAD.replace(b"200 OK", b"304 Not Modified"),
        HEAD.replace(b"Content-Length: 5\r\n", b""),
        HEAD.replace(b"Connection: keep-alive", b"Transfer-Encoding: chunked"),
        HEAD.replace(b"Connection: keep-alive", b"Content-Length: 5"),
        HEAD.replace(b"\r\nX-Request-Id", b"\nX-Request-Id"),
        HEAD.replace(b"Connection: keep-alive", b" folded"),
        HEAD[:-2],
    ],
)
def test_what_is_in_doubt_is_left_to_the_rules(data: bytes) -> None:
    assert plain_head(data) is None


def test_a_body_is_counted_through_to_its_end() -> None:
    parser = ReplyParser()
    for piece in (HEAD + b"he", b"l", b"lo"):
        assert not parser.whole
        parser.feed(piece)
    assert whole_in_one(parser)[2:] == (b"hello", True, True)


def test_more_than_the_body_ends_the_connection_with_the_reply() -> None:
    parser = ReplyParser()
    parser.feed(HEAD + b"hel")
    parser.feed(b"lo and more")
    assert whole_in_one(parser)[2:] == (b"hello", True, False)


def test_a_reply_that_ends_before_its_length_is_none() -> None:
    parser = ReplyParser()
    parser.feed(HEAD + b"he")
    assert parser.end() is False


def test_a_reply_that_is_to_be_the_last_is_no_reason_to_keep_the_connection() -> None:
    parser = ReplyParser()
    parser.feed(HEAD.replace(b"keep-alive", b"close") + b"hello")
    assert (parser.whole, parser.reusable) == (True, False)
