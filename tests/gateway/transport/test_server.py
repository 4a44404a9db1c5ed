"""Real sockets against the server: framing, order, slow and rude clients."""

from __future__ import annotations

import asyncio
import errno
import select
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

import pytest

from downroute.gateway.message import Reply, Request
from downroute.gateway.transport.limits import Limits
from downroute.gateway.transport.server import HttpServer

HOST = b"Host: g\r\n"
QUICK = Limits(head_s=0.0, body_s=0.0, idle_s=0.0, write_s=0.0)
"""Every time limit is over at the next sweep."""


class Pieces:
    """A stream that remembers how far it was taken and that it was closed."""

    def __init__(self, pieces: list[bytes], then: Exception | None = None) -> None:
        self.left = list(pieces)
        self.then = then
        self.closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while self.left:
            yield self.left.pop(0)
        if self.then is not None:
            raise self.then

    async def aclose(self) -> None:
        self.closed = True


async def echo(request: Request) -> Reply:
    return Reply(200, [("x-path", request.path)], request.body)


Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter, HttpServer], Awaitable[object]]


def talk(with_it: Talk, handle=echo, limits: Limits | None = None):
    """What ``with_it`` returns, given one connection to a server of ``handle``."""

    async def run() -> object:
        server = HttpServer(handle, limits)
        port = await server.start("127.0.0.1", 0)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            async with asyncio.timeout(20):
                return await with_it(reader, writer, server)
        finally:
            writer.close()
            await server.stop(0)

    return asyncio.run(run())


async def nobody_left(server: HttpServer) -> None:
    while server.connections:  # noqa: ASYNC110 - the server tells nobody
        await asyncio.sleep(0.02)


def sending(data: bytes) -> Talk:
    """Send it, say nothing more, and read to the end."""

    async def with_it(reader, writer, server):
        writer.write(data)
        await writer.drain()
        return await reader.read()

    return with_it


CLOSE = b"Connection: close\r\n"


def test_replies_come_in_the_order_of_the_requests():
    async def slow_first(request: Request) -> Reply:
        await asyncio.sleep(0.05 if request.path == "/1" else 0)
        return await echo(request)

    data = b"".join(b"GET /%d HTTP/1.1\r\n%s\r\n" % (n, HOST) for n in (1, 2, 3))
    data += b"GET /4 HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n"
    said = talk(sending(data), slow_first)
    assert [said.find(b"x-path: /%d" % n) for n in (1, 2, 3, 4)] == sorted(
        said.find(b"x-path: /%d" % n) for n in (1, 2, 3, 4)
    )
    assert said.count(b"HTTP/1.1 200 OK") == 4 and said.count(b"connection: close") == 1


def test_a_whole_reply_says_its_length_date_and_server():
    said = talk(sending(b"POST /x HTTP/1.1\r\n" + HOST + CLOSE + b"Content-Length: 2\r\n\r\nok"))
    head, _, body = said.partition(b"\r\n\r\n")
    assert body == b"ok"
    assert b"content-length: 2" in head and b"\r\ndate: " in head and b"server: downroute" in head


def test_head_has_the_headers_of_get_and_no_body():
    said = talk(sending(b"HEAD /x HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n"))
    assert said.endswith(b"\r\n\r\n") and b"content-length: 0" in said


def test_a_reply_cannot_carry_a_line_of_its_own():
    async def split(request: Request) -> Reply:
        return Reply(200, [("x-good", "1"), ("x-evil", "a\r\nset-cookie: b"), ("x-e", "\0")], b"")

    said = talk(sending(b"GET / HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n"), split)
    assert b"x-good" in said and b"set-cookie" not in said and b"x-e" not in said


@pytest.mark.parametrize("version", [b"1.1", b"1.0"])
def test_a_stream_is_chunked_or_ends_with_the_connection(version):
    pieces = Pieces([b"one", b"", b"two"])

    async def stream(request: Request) -> Reply:
        return Reply(200, [], pieces)

    said = talk(sending(b"GET / HTTP/" + version + b"\r\n" + HOST + CLOSE + b"\r\n"), stream)
    body = said.partition(b"\r\n\r\n")[2]
    assert body == (b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n" if version == b"1.1" else b"onetwo")
    assert pieces.closed


def test_a_stream_that_fails_has_no_last_chunk():
    pieces = Pieces([b"one"], then=RuntimeError("broken"))

    async def stream(request: Request) -> Reply:
        return Reply(200, [], pieces)

    async def with_it(reader, writer, server):
        writer.write(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await reader.readuntil(b"0\r\n\r\n")

    talk(with_it, stream)
    assert pieces.closed


def test_continue_is_said_before_the_body_is_sent():
    async def with_it(reader, writer, server):
        writer.write(b"POST / HTTP/1.1\r\n" + HOST + CLOSE)
        writer.write(b"Expect: 100-continue\r\nContent-Length: 4\r\n\r\n")
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"body")
        return await reader.read()

    assert talk(with_it).endswith(b"body")


def test_continue_is_said_to_whom_waited_its_turn():
    async def with_it(reader, writer, server):
        post = b"POST /b HTTP/1.1\r\nHost: g\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
        writer.write(b"GET /a HTTP/1.1\r\n" + HOST + b"\r\n" + post)
        said = await reader.readuntil(b"100 Continue\r\n\r\n")
        writer.write(b"hi")
        return said + await reader.readuntil(b"hi")

    said = talk(with_it)
    assert said.index(b"x-path: /a") < said.index(b"100 Continue") < said.index(b"x-path: /b")


def test_who_waits_its_turn_is_turned_away_by_its_head_with_its_body_unread():
    answering, go_on, taken = asyncio.Event(), asyncio.Event(), []

    async def handle(request: Request) -> Reply:
        taken.append(request.path)
        answering.set()
        await go_on.wait()
        return Reply(200, [], b"done")

    def turned_away(head: Request) -> Reply | None:
        return Reply(401, [], b"who are you?") if head.path == "/b" else None

    async def with_it(reader, writer, server):
        server.turned_away = turned_away
        post = b"POST /b HTTP/1.1\r\nHost: g\r\nContent-Length: 60000000\r\n\r\n"
        writer.write(b"GET /a HTTP/1.1\r\n" + HOST + b"\r\n" + post)
        await answering.wait()
        sending = asyncio.create_task(send(writer))
        (connection,) = server.connections
        kept = 0
        for _ in range(50):
            await asyncio.sleep(0.01)
            kept = max(kept, sum(map(len, connection._parser._pieces)))
        go_on.set()
        said = await reader.read()
        sending.cancel()
        return said, kept

    async def send(writer) -> None:
        with suppress(OSError):
            for _ in range(900):
                writer.write(b"x" * 65536)
                await writer.drain()

    said, kept = talk(with_it, handle)
    assert said.index(b"done") < said.index(b"HTTP/1.1 401") and said.endswith(b"who are you?")
    assert taken == ["/a"] and kept <= 2**20


def test_a_refusal_is_read_even_by_a_client_that_goes_on_sending():
    async def with_it(reader, writer, server):
        writer.write(b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 99999999999\r\n\r\n")
        for _ in range(50):
            writer.write(b"a" * 65536)
            await asyncio.sleep(0)
        return await reader.readuntil(b"\r\n\r\n")

    assert talk(with_it).startswith(b"HTTP/1.1 413 ")


def test_a_client_that_goes_away_cancels_what_is_done_for_it():
    cancelled = asyncio.Event()

    async def waits(request: Request) -> Reply:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return await echo(request)

    async def with_it(reader, writer, server):
        writer.write(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
        await asyncio.sleep(0.05)
        writer.close()
        await cancelled.wait()
        await nobody_left(server)

    talk(with_it, waits)


def test_a_slow_reader_stops_what_feeds_it_and_is_let_go_in_the_end():
    pieces = Pieces([b"x" * 65536] * 1000)

    async def stream(request: Request) -> Reply:
        return Reply(200, [], pieces)

    async def with_it(reader, writer, server):
        writer.transport.pause_reading()
        writer.write(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
        await nobody_left(server)

    talk(with_it, stream, QUICK)
    assert len(pieces.left) > 500, "the stream was drained into memory"
    assert pieces.closed


@pytest.mark.parametrize(
    ("start", "said"),
    [
        (b"", b""),
        (b"GET / HT", b"HTTP/1.1 408 "),
        (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 9\r\n\r\nbo", b"HTTP/1.1 408 "),
    ],
    ids=["nothing", "half a head", "half a body"],
)
def test_a_client_that_dawdles_is_let_go(start, said):
    assert talk(sending(start), limits=QUICK).startswith(said or b"")


def test_stopping_answers_what_is_under_way_and_what_is_on_its_way():
    begun = asyncio.Event()

    async def slow(request: Request) -> Reply:
        begun.set()
        await asyncio.sleep(0.1)
        return await echo(request)

    async def with_it(reader, writer, server):
        writer.write(b"GET /1 HTTP/1.1\r\n" + HOST + b"\r\n")
        await begun.wait()
        stopping = asyncio.ensure_future(server.stop(10))
        await asyncio.sleep(0)
        writer.write(b"GET /2 HTTP/1.1\r\n" + HOST + b"\r\n")
        said = await reader.read()
        await stopping
        return said

    said = talk(with_it, slow)
    assert b"x-path: /1" in said and said.count(b"connection: close") >= 1


def test_a_status_without_a_body_has_no_chunks():
    pieces = Pieces([b"never"])

    async def stream(request: Request) -> Reply:
        return await echo(request) if request.path == "/2" else Reply(204, [], pieces)

    first = b"DELETE /1 HTTP/1.1\r\n" + HOST + b"\r\n"
    said = talk(sending(first + b"GET /2 HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n"), stream)
    head, _, rest = said.partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head and rest.startswith(b"HTTP/1.1 200 ")
    assert pieces.closed


@pytest.mark.parametrize("body", [b"never", Pieces([b"never"])], ids=["whole", "stream"])
def test_a_status_whose_end_clients_look_for_says_that_it_is_empty(body):
    async def reset(request: Request) -> Reply:
        return await echo(request) if request.path == "/2" else Reply(205, [], body)

    first = b"GET /1 HTTP/1.1\r\n" + HOST + b"\r\n"
    said = talk(sending(first + b"GET /2 HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n"), reset)
    head, _, rest = said.partition(b"\r\n\r\n")
    assert b"content-length: 0" in head and b"transfer-encoding" not in head
    assert rest.startswith(b"HTTP/1.1 200 ")


def test_stopping_answers_those_whom_only_the_kernel_has_taken_yet():
    async def with_it(reader, writer, server):
        address = writer.get_extra_info("peername")
        # As long as the loop does not run nobody accepts these.
        waiting = [socket.create_connection(address) for _ in range(3)]
        for client in waiting:
            client.sendall(b"GET /waits HTTP/1.1\r\n" + HOST + b"\r\n")
        await server.stop(10, linger_s=0.5)
        said = []
        for client in waiting:
            with client:
                client.settimeout(10)
                said.append(client.recv(4096))
        with pytest.raises(OSError):
            socket.create_connection(address).close()
        return said

    assert all(b"x-path: /waits" in said for said in talk(with_it))


def test_who_comes_after_the_last_was_taken_is_not_reset_with_a_request_sent(monkeypatch):
    """As on a machine that does something else between the last look and the close."""
    late: list[socket.socket] = []
    accept = socket.socket.accept

    def accept_or_be_late(listener: socket.socket):
        try:
            return accept(listener)
        except BlockingIOError:
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
            late.append(client)
            raise

    monkeypatch.setattr(socket.socket, "accept", accept_or_be_late)

    async def run() -> None:
        server = HttpServer(echo)
        await server.start("127.0.0.1", 0)
        await server.stop(1)

    asyncio.run(run())
    (client,) = late
    with client:
        select.select([], [client], [], 20)
        assert client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNREFUSED


def test_stopping_cuts_what_takes_longer_than_its_grace():
    async def hangs(request: Request) -> Reply:
        await asyncio.sleep(60)
        return await echo(request)

    async def with_it(reader, writer, server):
        writer.write(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
        await asyncio.sleep(0.05)
        await server.stop(0.1)
        assert not server.connections

    talk(with_it, hangs)


def test_a_reply_that_did_not_say_the_end_is_not_followed_by_it_at_once():
    """A client that was told nothing may be sending its next request already."""
    pieces = Pieces([b"one", b"two"])
    going = asyncio.Event()

    async def stream(request: Request) -> Reply:
        if request.path == "/2":
            return await echo(request)
        return Reply(200, [], Slow(pieces, going))

    async def with_it(reader, writer, server):
        writer.write(b"GET /1 HTTP/1.1\r\n" + HOST + b"\r\n")
        assert b"connection: close" not in await reader.readuntil(b"one\r\n")
        stopping = asyncio.ensure_future(server.stop(10))
        await asyncio.sleep(0.01)
        going.set()
        await reader.readuntil(b"0\r\n\r\n")
        await asyncio.sleep(0.05)
        writer.write(b"GET /2 HTTP/1.1\r\n" + HOST + b"\r\n")
        said = await reader.read()
        await stopping
        return said

    said = talk(with_it, stream)
    assert b"x-path: /2" in said and b"connection: close" in said


class Slow:
    """Pieces after the first wait until they may go."""

    def __init__(self, pieces: Pieces, going: asyncio.Event) -> None:
        self.pieces, self.going = pieces, going

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self.pieces:
            yield piece
            await self.going.wait()

    async def aclose(self) -> None:
        await self.pieces.aclose()
