"""The pooled client against an upstream that closes connections when it likes."""

from __future__ import annotations

import asyncio

import pytest

from downroute.gateway.transport.client import HttpClient
from downroute.gateway.upstream import Fault, NoReplyError, Patience

REPLY = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


async def served(answers_per_connection: int, asks: int) -> tuple[list[bytes], int]:
    """The bodies of ``asks`` requests to a server that drops a connection, without a word, when
    the request after ``answers_per_connection`` arrives; how many requests it saw."""
    seen = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal seen
        answered = 0
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                await reader.readexactly(4)
                seen += 1
                if answered == answers_per_connection:
                    break
                answered += 1
                writer.write(REPLY)
                await writer.drain()
        except asyncio.IncompleteReadError:
            pass
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    client = HttpClient()
    try:
        bodies = []
        for _ in range(asks):
            reply = await client.send(
                "POST", f"http://127.0.0.1:{port}/x", [], b"body", Patience(5.0, 5.0, 5.0)
            )
            bodies.append(await reply.read())
        return bodies, seen
    finally:
        await client.close()
        server.close()
        await asyncio.sleep(0)


def test_a_kept_connection_that_is_closed_before_the_reply_is_replaced_once():
    bodies, seen = asyncio.run(served(answers_per_connection=1, asks=4))
    assert bodies == [b"ok"] * 4
    assert seen > 4


def test_a_fresh_connection_that_brings_no_reply_is_not_tried_again():
    with pytest.raises(NoReplyError) as caught:
        asyncio.run(served(answers_per_connection=0, asks=1))
    assert caught.value.fault is Fault.BROKEN
