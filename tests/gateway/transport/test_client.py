"""The pooled client against upstreams that behave in every way a server can."""

from __future__ import annotations

import asyncio
import errno
import gzip
import ssl
import subprocess
import zlib
from collections.abc import Awaitable, Callable

import pytest
import uvloop

from downroute.gateway.transport import upstream_exchange
from downroute.gateway.transport.address import address
from downroute.gateway.transport.client import HttpClient, _no_connection
from downroute.gateway.upstream import Fault, NoReplyError, Patience

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
WithIt = Callable[[HttpClient, str], Awaitable[object]]


def saying(*pieces: bytes | float, close: bool = True) -> Serve:
    """A server that says ``pieces`` to every request, a number being seconds to wait."""

    async def serve(reader, writer):
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                for piece in pieces:
                    if isinstance(piece, bytes):
                        writer.write(piece)
                        await writer.drain()
                    await asyncio.sleep(0 if isinstance(piece, bytes) else piece)
                if close:
                    break
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        writer.close()

    return serve


def ask(serve: Serve, with_it: WithIt, tls: ssl.SSLContext | None = None):
    async def run() -> object:
        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
        port = server.sockets[0].getsockname()[1]
        client = HttpClient()
        try:
            async with asyncio.timeout(20):
                return await with_it(client, f"{'https' if tls else 'http'}://127.0.0.1:{port}/x")
        finally:
            await client.close()
            server.close()
            await asyncio.sleep(0)

    return asyncio.run(run())


async def read(client, url, method="GET", total_s=10.0, idle_s=None):
    reply = await client.send(method, url, [], b"", Patience(total_s, idle_s, idle_s))
    return reply.status, await reply.read()


async def streamed(client, url):
    reply = await client.send("GET", url, [], b"", Patience(10))
    return b"".join([piece async for piece in reply.chunks()])


def fault_of(serve: Serve, with_it=read) -> tuple[Fault, str]:
    with pytest.raises(NoReplyError) as caught:
        ask(serve, with_it)
    return caught.value.fault, str(caught.value)


BODY = b"hello, upstream" * 50
FRAMINGS = {
    "length": b"content-length: %d\r\n\r\n%s" % (len(BODY), BODY),
    "chunks": b"transfer-encoding: chunked\r\n\r\n5\r\n%s\r\n%x;a=b\r\n%s\r\n0\r\nt: v\r\n\r\n"
    % (BODY[:5], len(BODY) - 5, BODY[5:]),
    "end": b"connection: close\r\n\r\n" + BODY,
    "gzip": b"content-encoding: gzip\r\n\r\n" + gzip.compress(BODY, mtime=0),
    "gzip in parts": b"content-encoding: gzip\r\n\r\n"
    + b"".join(gzip.compress(part, mtime=0) for part in (BODY[:99], BODY[99:]))
    + b"\0\0\0",
    "deflate": b"content-encoding: deflate\r\n\r\n" + zlib.compress(BODY),
}


@pytest.mark.parametrize("take", [read, streamed])
@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_body_is_whole_in_every_framing_and_however_it_is_cut(framing, take):
    data = b"HTTP/1.1 200 OK\r\n" + FRAMINGS[framing]
    for size in (len(data), 7):
        pieces = [data[i : i + size] for i in range(0, len(data), size)]
        got = ask(saying(*pieces), take)
        assert (got[1] if isinstance(got, tuple) else got) == BODY


def test_interim_replies_are_passed_over():
    early = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"
    assert ask(saying(early + OK), read) == (200, b"ok")


@pytest.mark.parametrize("status", [b"204 No Content", b"205 Reset Content", b"304 Not Modified"])
def test_a_reply_without_a_body_ends_with_its_head(status):
    async def twice(client, url):
        return [await read(client, url), await read(client, url)]

    answers = ask(saying(b"HTTP/1.1 " + status + b"\r\n\r\n", close=False), twice)
    assert [a[1] for a in answers] == [b"", b""]


@pytest.mark.parametrize("framing", ["length", "chunks"])
def test_the_body_of_a_reply_that_may_have_none_is_dropped(framing):
    said = b"HTTP/1.1 205 Reset Content\r\n" + FRAMINGS[framing]
    assert ask(saying(said), read) == (205, b"")


def test_head_waits_for_no_body():
    async def with_it(client, url):
        return await read(client, url, "HEAD")

    assert ask(saying(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n", 5.0), with_it) == (200, b"")


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (b"", "without a reply"),
        (b"HTTP/1.1 200 OK\r\ncontent-le", "without a reply"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf", "in the middle"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhal", "in the middle"),
        (b"SSH-2.0-OpenSSH\r\n", "no HTTP"),
        (b"HTTP/1.1 099 Less\r\ncontent-length: 0\r\n\r\n", "no HTTP"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok", "no HTTP"),
        (b"HTTP/1.1 200 OK\r\nx: " + b"a" * 200_000, "no HTTP"),
        (b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\nnot gzip", "unpacked"),
        (
            b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n"
            + gzip.compress(BODY, mtime=0)[:-9],
            "unpacked",
        ),
        (
            b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n"
            + gzip.compress(BODY, mtime=0)
            + gzip.compress(BODY, mtime=0)[:-9],
            "unpacked",
        ),
        (b"HTTP/1.1 200 OK\r\ncontent-encoding: br\r\ncontent-length: 1\r\n\r\nx", "unpacked"),
    ],
)
@pytest.mark.parametrize("take", [read, streamed])
def test_what_is_no_whole_reply_is_said_to_be_none(said, words, take):
    fault, message = fault_of(saying(said), take)
    assert fault is Fault.BROKEN and words in message


@pytest.mark.parametrize(
    "said", [b"", b"HTTP/1.1 200", OK[:-1]], ids=["nothing", "half a head", "half a body"]
)
@pytest.mark.parametrize("limits", [{"total_s": 0.1}, {"idle_s": 0.1}], ids=["total", "idle"])
def test_an_upstream_that_hangs_is_given_up_in_time(said, limits):
    async def with_it(client, url):
        return await read(client, url, **limits)

    assert fault_of(saying(said, 10.0), with_it)[0] is Fault.TIMEOUT


def test_a_slow_drip_is_within_idle_time_but_not_within_all_time():
    drip = [piece for byte in OK for piece in (bytes([byte]), 0.005)]

    async def patient(client, url):
        return await read(client, url, idle_s=2.0)

    async def hurried(client, url):
        return await read(client, url, total_s=0.1, idle_s=2.0)

    assert ask(saying(*drip), patient) == (200, b"ok")
    assert fault_of(saying(*drip), hurried)[0] is Fault.TIMEOUT


def test_connections_are_used_again_and_several_at_once():
    opened = 0
    serve_one = saying(OK, close=False)

    async def serve(reader, writer):
        nonlocal opened
        opened += 1
        await serve_one(reader, writer)

    async def with_it(client, url):
        for _ in range(5):
            await asyncio.gather(*(read(client, url) for _ in range(3)))

    ask(serve, with_it)
    assert opened == 3


def test_an_answer_nobody_asked_for_ends_the_connection():
    async def with_it(client, url):
        first = await read(client, url)
        await asyncio.sleep(0.1)
        return first, await read(client, url)

    poisoned = OK.replace(b"ok", b"no")
    assert ask(saying(OK, 0.02, poisoned, close=False), with_it) == ((200, b"ok"), (200, b"ok"))
    assert ask(saying(OK + poisoned, close=False), with_it) == ((200, b"ok"), (200, b"ok"))


def test_a_stream_that_is_not_taken_makes_the_upstream_wait():
    sent = 0

    async def serve(reader, writer):
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            for _ in range(1000):
                writer.write(b"x" * 65536)
                await writer.drain()
                sent += 65536
        except (ConnectionError, asyncio.CancelledError):
            pass
        writer.close()

    async def with_it(client, url):
        reply = await client.send("GET", url, [], b"", Patience(10, 0.2, 0.2))
        pieces = reply.chunks()
        size = len(await anext(pieces))
        await asyncio.sleep(0.5)
        waiting = sent
        async for piece in pieces:
            size += len(piece)
        return waiting, size

    waiting, size = ask(serve, with_it)
    assert waiting < 20 * 2**20, "read far ahead of the client"
    assert size == 1000 * 65536


@pytest.mark.parametrize(
    "pieces",
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", b"ok"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n", 0.05, b"0\r\n\r\n"),
    ],
    ids=["the connection's end", "the last chunk"],
)
def test_a_stream_that_ends_while_its_last_piece_is_made_use_of_has_ended(pieces):
    async def with_it(client, url):
        reply = await client.send("GET", url, [], b"", Patience(10))
        got = b""
        async for piece in reply.chunks():
            got += piece
            await asyncio.sleep(0.2)
        return got

    assert ask(saying(*pieces), with_it) == b"ok"


def test_a_giant_reply_is_not_held_in_memory(monkeypatch):
    monkeypatch.setattr(upstream_exchange, "LARGEST_REPLY_BYTES", 2**20)
    giant = b"HTTP/1.1 200 OK\r\ncontent-length: 9999999\r\n\r\n" + b"x" * 3 * 2**20
    fault, message = fault_of(saying(giant))
    assert fault is Fault.BROKEN and "larger than" in message


def test_a_request_is_sent_as_it_is():
    seen = bytearray()

    async def serve(reader, writer):
        seen.extend(await reader.readuntil(b"\r\n\r\n"))
        writer.write(OK)
        writer.close()

    async def with_it(client, url):
        headers = [("x-name", "J\u00fcrgen"), ("host", "evil"), ("accept-encoding", "br")]
        reply = await client.send("POST", url + "?q=1", headers, b"", Patience(5, 5, 5))
        return await reply.read()

    ask(serve, with_it)
    first, *lines = bytes(seen).split(b"\r\n")
    assert first == b"POST /x?q=1 HTTP/1.1"
    assert "x-name: J\u00fcrgen".encode() in lines and b"accept-encoding: identity" in lines
    assert sum(line.startswith(b"host:") for line in lines) == 1 and b"evil" not in bytes(seen)


def test_a_header_that_would_begin_another_line_is_not_sent():
    async def with_it(client, url):
        await client.send("GET", url, [("x", "a\r\nb: c")], b"", Patience(5, 5, 5))

    fault, message = fault_of(saying(OK), with_it)
    assert fault is Fault.UNSENDABLE and "cannot be sent" in message


def test_a_name_that_does_not_resolve_says_so():
    async def with_it(client, url):
        await read(client, "http://no-such-host.invalid/x")

    fault, message = fault_of(saying(OK), with_it)
    assert fault is Fault.UNREACHABLE and "resolve" in message


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    key, cert = folder / "key.pem", folder / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert,
         "-days", "2", "-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    return key, cert


def test_tls_is_checked_against_trusted_certificates(certificate, monkeypatch):
    key, cert = certificate
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, key)
    with pytest.raises(NoReplyError) as caught:
        ask(saying(OK), read, tls=context)
    assert caught.value.fault is Fault.UNREACHABLE and "not trusted" in str(caught.value)
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    assert ask(saying(OK, close=False), read, tls=context) == (200, b"ok")


def test_plain_text_where_tls_is_asked_says_so():
    async def with_it(client, url):
        await read(client, url.replace("http:", "https:"))

    async def serve(reader, writer):
        await reader.read(10)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    fault, message = fault_of(serve, with_it)
    assert fault is Fault.UNREACHABLE and "TLS" in message


@pytest.mark.parametrize(
    ("url", "host", "target"),
    [
        ("http://h/v1/x", "h", "/v1/x"),
        ("https://h:443/x?a=b#c", "h", "/x?a=b"),
        ("http://[::1]:8080", "[::1]:8080", "/"),
        ("https://bücher.example/x", "xn--bcher-kva.example", "/x"),
    ],
)
def test_addresses(url, host, target):
    found = address(url)
    assert (found.host, found.target) == (host, target)


@pytest.mark.parametrize("url", ["ftp://h/x", "http:///x", "h/x", "http://h/a b", "http://h:x/"])
def test_what_is_no_address(url):
    with pytest.raises(ValueError, match=r"http|[Pp]ort"):
        address(url)


@pytest.mark.parametrize("loop_factory", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_request_that_is_given_up_while_it_connects_leaves_nothing_open(loop_factory):
    async def run():
        server = await asyncio.start_server(saying(), "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/x"
        client = HttpClient()
        for steps in range(6):
            asking = asyncio.ensure_future(client.send("GET", url, [], b"", Patience(5)))
            for _ in range(steps):
                await asyncio.sleep(0)
            asking.cancel()
            await asyncio.wait({asking})
        await asyncio.sleep(0.05)
        left = len(client._open)
        await client.close()
        server.close()
        return left

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        assert runner.run(run()) == 0


def test_files_that_may_not_be_opened_here_are_no_fault_of_the_upstream():
    assert _no_connection(OSError(errno.EMFILE, "too many")).fault is Fault.BUSY
    assert _no_connection(OSError(errno.ECONNREFUSED, "refused")).fault is Fault.UNREACHABLE
