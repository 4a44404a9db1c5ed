"""One client's connection: requests are answered one after the other, in the order they came.

While one is being answered no more is read than the kernel holds, so a client that sends faster
than it is served waits. A client that is slow to take its reply stops what feeds the reply.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from downroute.gateway.error_reply import Refusal
from downroute.gateway.log_lines import say
from downroute.gateway.message import Reply, Request, Send, Stream
from downroute.gateway.transport.incoming import Incoming
from downroute.gateway.transport.reply_head import empty_framing, has_body, reply_head
from downroute.gateway.transport.request_parser import RequestParser

if TYPE_CHECKING:
    from downroute.gateway.transport.server import HttpServer

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_LAST_CHUNK = b"0\r\n\r\n"
_LINGER_S = 2.0
"""How long what a refused client still sends is read and thrown away, so that it gets to read
the refusal instead of a reset."""


class Connection(asyncio.Protocol):
    """Made by the `HttpServer` for every client that connects."""

    def __init__(self, server: HttpServer) -> None:
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._parser = RequestParser(server.limits)
        self._waiting: deque[Incoming] = deque()
        self._task: asyncio.Task[None] | None = None
        self._begun = False
        """The task has taken its first step."""
        self._incoming: Incoming | None = None
        """What the task is to answer next."""
        self._arrival: asyncio.Future[None] | None = None
        """What the task waits for while there is nothing to answer."""
        self.busy = False
        """Whether a request is being answered."""
        self._last = False
        """The connection ends after the reply that is being sent."""
        self._told = False
        """The client was told so in the head of the last reply."""
        self._linger_s = 0.0
        self._closing = False
        self._deaf = False
        """Reading is paused."""
        self._since = server.now
        """When the state that a time limit bounds began."""
        self._stuck_since: float | None = None
        self._writable: asyncio.Future[None] | None = None

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._server.connections.add(self)
        self._since = self._server.now

    def data_received(self, data: bytes) -> None:
        if self._closing:
            return
        parser = self._parser
        was_idle = not parser.begun
        for incoming in parser.feed(data):
            self._waiting.append(incoming)
        if parser.begun and was_idle:
            self._since = self._server.now
        if not self.busy:
            if self._waiting:
                self._next()
            else:
                self._read_on()
        if self.busy and (self._waiting or parser.in_body) and not self._deaf:
            # What comes next waits for its turn: no body is read before its head was looked at.
            self._deaf = True
            if self._transport is not None:
                self._transport.pause_reading()

    def pause_writing(self) -> None:
        self._writable = self._loop.create_future()
        self._stuck_since = self._server.now

    def resume_writing(self) -> None:
        writable, self._writable = self._writable, None
        self._stuck_since = None
        if writable is not None and not writable.done():
            writable.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002
        self._closing = True
        self._transport = None
        self._parser.close()
        self._waiting.clear()
        if self._writable is not None and not self._writable.done():
            self._writable.cancel()
        if self._task is not None:
            self._task.cancel()
        if not self._begun:
            self._task = None
        if not self.busy or not self._begun:
            self._over()

    # for the server

    def check_times(self, now: float) -> None:
        """End the connection where its client takes too long."""
        limits = self._server.limits
        if self._stuck_since is not None:
            if now - self._stuck_since > limits.write_s:
                self._abort()
            return
        if self.busy or self._closing:
            return
        waited = now - self._since
        if not self._parser.begun:
            if waited > limits.idle_s:
                self._close()
        elif waited > (limits.body_s if self._parser.in_body else limits.head_s):
            what = "body" if self._parser.in_body else "head"
            self._refuse(Refusal(408, f"the {what} of the request did not come in time"))

    def end_after(self, linger_s: float) -> None:
        """Answer what is under way or comes within ``linger_s``, then end."""
        self._last = True
        self._linger_s = linger_s
        if not self.busy:
            self._loop.call_later(linger_s, self._end_if_idle)

    async def cut(self) -> None:
        """End now, whatever is under way."""
        self._closing = True
        task = self._task
        if task is not None:
            task.cancel()
            await asyncio.wait({task})
        self._abort()

    # one request after the other

    def _next(self) -> None:
        incoming = self._waiting.popleft()
        if incoming.refusal is not None:
            self._refuse(incoming.refusal)
            return
        self.busy = True
        self._incoming = incoming
        arrival, self._arrival = self._arrival, None
        if arrival is not None:
            arrival.set_result(None)
        elif self._task is None:
            self._task = self._loop.create_task(self._serve())

    async def _serve(self) -> None:
        """Answer what comes until the connection ends: in one task, since a task for each request
        costs as much as writing its head."""
        self._begun = True
        try:
            while self._transport is not None:
                incoming, self._incoming = self._incoming, None
                if incoming is None:
                    self._arrival = self._loop.create_future()
                    await self._arrival
                else:
                    await self._answer(incoming)
                    self._over()
                    if self._transport is not None:
                        self._go_on()
        except asyncio.CancelledError:
            self._task = None  # how it ended would hold this connection
            self._over()
            self._abort()
            raise
        except Exception as fault:
            self._over()
            say(logging.ERROR, "internal error", kind=type(fault).__name__, where="connection")
            self._abort()
        self._task = None

    async def _answer(self, incoming: Incoming) -> None:
        assert incoming.request is not None
        reply = await self._server.handle(incoming.request)
        framing = self._framing(incoming)
        if isinstance(reply.body, bytes):
            self._send_whole(reply, reply.body, framing, incoming.head_only)
        else:
            await self._send_stream(reply, reply.body, framing, incoming)
        if self._writable is not None:
            await self._writable

    def _over(self) -> None:
        """Nothing is being answered any more."""
        self.busy = False
        self._since = self._server.now
        if self._transport is None:
            self._server.gone(self)

    def _framing(self, incoming: Incoming) -> str:
        """Whether the connection stays, where its client has to be told."""
        last = self._last = self._last or self._server.stopping or not incoming.persists
        self._told = last
        if last:
            return "connection: close\r\n"
        return "" if incoming.chunks else "connection: keep-alive\r\n"

    def _go_on(self) -> None:
        if self._told and not self._waiting:
            self._close()
        elif self._waiting:
            self._next()
        elif self._last:
            # The head had gone out when the end was decided: the client may be sending already.
            self._listen_again()
            self._loop.call_later(self._linger_s, self._end_if_idle)
        else:
            self._listen_again()

    def _listen_again(self) -> None:
        if self._deaf and self._transport is not None:
            self._deaf = False
            self._transport.resume_reading()
            self._read_on()

    def _read_on(self) -> None:
        """Look at the head of what is not whole yet; whose body is wanted may hear so."""
        parser = self._parser
        if (head := parser.head()) is not None and (said := self._turned_away(head)):
            self._end_with(said)
        elif parser.wants_continue and self._transport is not None:
            parser.wants_continue = False
            self._transport.write(_CONTINUE)

    def _send_whole(self, reply: Reply, body: bytes, framing: str, head_only: bool) -> None:
        if head_only and any(name == "content-length" for name, _ in reply.headers):
            pass  # of the body that a GET would bring
        elif has_body(reply.status):
            framing = f"content-length: {len(body)}\r\n{framing}"
        else:
            framing, body = empty_framing(reply.status) + framing, b""
        head = reply_head(reply.status, reply.headers, framing)
        if self._transport is not None:
            self._transport.write(head if head_only else head + body)

    async def _send_stream(
        self, reply: Reply, pieces: Stream, framing: str, incoming: Incoming
    ) -> None:
        """The pieces as chunks, or, for a client that knows none, until the connection ends. A
        stream that fails ends the connection without the last chunk, so that nobody takes what
        came for the whole."""
        chunked = incoming.chunks
        silent = incoming.head_only or not has_body(reply.status)
        if not has_body(reply.status):
            # An empty body has no chunks either (RFC 9112, 6.1).
            framing = empty_framing(reply.status) + framing
        elif chunked:
            framing = f"transfer-encoding: chunked\r\n{framing}"
        elif not self._last:
            # The end of the connection is the end of the reply, so nothing can follow it.
            self._last = self._told = True
            self._waiting.clear()
            framing = "connection: close\r\n"
        head = reply_head(reply.status, reply.headers, framing)
        push_to: Callable[[Send], None] | None = getattr(pieces, "push_to", None)
        if push_to is not None:
            push_to(self._send_chunk if chunked else self._send_piece)
        failed: BaseException | None = None
        unsent = b""
        try:
            unsent = await self._send_pieces(pieces, head, chunked, silent)
        except BaseException as fault:
            failed = fault
        # Not where it is handled, as ``aclosing`` does: compiled, what is handled there does not
        # outlast a wait.
        await pieces.aclose()
        try:
            if failed is not None:
                raise failed
        finally:
            failed = None  # it holds this frame, which holds it
        if not silent:
            self._write(unsent + _LAST_CHUNK if chunked else unsent)

    async def _send_pieces(self, pieces: Stream, head: bytes, chunked: bool, silent: bool) -> bytes:
        """The head goes out with the first piece; what is left of it where there is none. A
        ``silent`` reply has nothing else."""
        if silent:
            self._write(head)
            return b""
        async for piece in pieces:
            if not piece:
                continue
            self._write(head + (b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece))
            head = b""
            if self._writable is not None:
                await self._writable
        return head

    def _send_chunk(self, piece: bytes) -> bool:
        return self._send_piece(b"%x\r\n%b\r\n" % (len(piece), piece))

    def _send_piece(self, piece: bytes) -> bool:
        self._write(piece)
        return self._writable is None

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    # ends

    def _turned_away(self, head: Request) -> Reply | None:
        """What is said to a request that may not come in; then its body is not read."""
        turned_away = self._server.turned_away
        return None if turned_away is None else turned_away(head)

    def _refuse(self, refusal: Refusal) -> None:
        """Answer what could not be read."""
        self._end_with(refusal.reply())

    def _end_with(self, reply: Reply) -> None:
        """Answer what is not read to its end, and end once the client had time to read that."""
        assert isinstance(reply.body, bytes)
        self._last = True
        self._send_whole(reply, reply.body, "connection: close\r\n", head_only=False)
        self._closing = True
        if self._transport is not None:
            if self._transport.can_write_eof():
                self._transport.write_eof()
            if self._deaf:  # what is still sent is thrown away, and its end is noticed
                self._deaf = False
                self._transport.resume_reading()
            self._loop.call_later(_LINGER_S, self._close)

    def _end_if_idle(self) -> None:
        if not self.busy and not self._parser.begun:
            self._close()

    def _close(self) -> None:
        self._closing = True
        if self._transport is not None:
            self._transport.close()

    def _abort(self) -> None:
        self._closing = True
        if self._transport is not None:
            self._transport.abort()
