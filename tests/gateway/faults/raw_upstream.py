"""An upstream made of bytes: what it says, and how it ends, is written out by the test."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from ..anthropic_upstream import event, message_events, plain_message
from ..upstream import plain, stream_events


class Act(Enum):
    """What is done between bytes."""

    HANG = "hang until the other side hangs up"
    RESET = "reset the connection"
    CLOSE = "close the connection"


Step = bytes | float | Act
Script = Sequence[Step]
"""Bytes to say, seconds to wait, or an act. The request is read first."""


@dataclass(frozen=True)
class Shape:
    """What an API says, as bytes. ``events`` end the answer, ``error`` is its error."""

    good: bytes
    events: tuple[bytes, ...]
    error: bytes
    error_event: bytes
    end_mark: bytes


def chat(model: str) -> Shape:
    error = {"error": {"message": "no", "type": "t", "param": None, "code": "some_code"}}
    text = json.dumps(error).encode()
    events = stream_events(model, ("bil", "ling"))
    return Shape(plain(model).body, tuple(events), text, b"data: " + text + b"\n\n", events[-1])


def messages(model: str) -> Shape:
    error = {"type": "error", "error": {"type": "some_code", "message": "no"}}
    text = json.dumps(error).encode()
    return Shape(
        plain_message(model).body,
        tuple(message_events(model, ("bil", "ling"))),
        text,
        event("error", error=error["error"]),
        b"",
    )


def said(body: bytes, status: int = 200, kind: str = "application/json", **headers: str) -> bytes:
    """A whole reply."""
    return head(status, kind, **{"content-length": str(len(body)), **headers}) + body


def head(status: int = 200, kind: str = "application/json", **headers: str) -> bytes:
    told = {"content-type": kind, **headers}
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in told.items())
    return f"HTTP/1.1 {status} Said\r\n{lines}\r\n".encode()


def chunked(*pieces: bytes, kind: str = "text/event-stream", last: bool = True) -> list[bytes]:
    """A reply in chunks, one for each piece."""
    begin = head(200, kind, **{"transfer-encoding": "chunked"})
    return [begin, *(chunk(piece) for piece in pieces), *([b"0\r\n\r\n"] if last else [])]


def chunk(piece: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(piece), piece)


class RawUpstream:
    """``script`` gives what is said to a request with these headers, body and path. ``busy`` are
    the connections on which a reply is being said, or hung over."""

    def __init__(self, script: Callable[[dict[str, str], str, str], Script]) -> None:
        self._script = script
        self.busy: set[asyncio.StreamWriter] = set()
        self.open: set[asyncio.StreamWriter] = set()
        self.asked: list[str] = []
        """The call's fault, for each request read."""

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=2**22)
        self.port = self._server.sockets[0].getsockname()[1]
        self._mute = await asyncio.start_server(self._serve_rudely, "127.0.0.1", 0)
        self.rude_port = self._mute.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        for server in (self._server, self._mute):
            server.close()
        for writer in [*self.open]:
            writer.transport.abort()
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open.add(writer)
        try:
            while True:
                script = await self._asked(reader)
                self.busy.add(writer)
                if not await self._say(script, reader, writer):
                    return
                self.busy.discard(writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.busy.discard(writer)
            self.open.discard(writer)
            writer.close()

    async def _serve_rudely(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Ends every connection at once."""
        _reset(writer)

    async def _asked(self, reader: asyncio.StreamReader) -> Script:
        begin, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines if line)
        body = json.loads(await reader.readexactly(int(headers["content-length"])))
        self.asked.append(headers.get("x-fault", ""))
        return self._script(headers, str(body["model"]), begin.split()[1])

    async def _say(
        self, script: Script, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Whether the connection goes on."""
        for step in script:
            if isinstance(step, bytes):
                writer.write(step)
                await writer.drain()
            elif isinstance(step, float):
                await asyncio.sleep(step)
            elif step is Act.HANG:
                await reader.read()
                return False
            elif step is Act.RESET:
                _reset(writer)
                return False
            elif step is Act.CLOSE:
                writer.close()
                return False
        return True


def _reset(writer: asyncio.StreamWriter) -> None:
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


class Unanswering:
    """An address where no connection ever comes about: its queue is full."""

    def __init__(self) -> None:
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(0)
        self.port = self._listener.getsockname()[1]
        self._queued = [socket.socket() for _ in range(4)]
        for waiting in self._queued:
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.1", self.port))

    def close(self) -> None:
        for each in (self._listener, *self._queued):
            each.close()
