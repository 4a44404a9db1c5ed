"""An upstream that answers quickly, or in a stream as long as it is held; used by
`gateway_held.py`."""

from __future__ import annotations

import asyncio
import re
from typing import cast

CHUNKS = 30
EVERY_S = 0.5
_LENGTH = re.compile(rb"content-length: (\d+)")
_NUMBER = re.compile(rb"(perhaps|surely) number \d+")
_STREAM = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
)
_USAGE = b'"usage":{"prompt_tokens":100,"completion_tokens":10}'


class HeldUpstream(asyncio.Protocol):
    """The model ``held`` answers in a stream with a chunk every half second, others at once. What
    the small one says to ``perhaps`` does not pass."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._data = b""

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, found, body = self._data.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        size = int(length[1]) if length else 0
        if not found or len(body) < size:
            return
        self._data = body[size:]
        if b'"model":"held"' in body:
            self._transport.write(_STREAM)
            self._drip(0)
        else:
            self._transport.write(_answer(body))

    def _drip(self, chunk: int) -> None:
        if self._transport.is_closing():
            return
        if chunk < CHUNKS:
            self._transport.write(_chunk(_event(b"word ")))
            asyncio.get_running_loop().call_later(EVERY_S, self._drip, chunk + 1)
        else:
            self._transport.write(_end())


def _answer(body: bytes) -> bytes:
    small = b'"model":"small"' in body
    number = _NUMBER.search(body)
    said = number[0] if number else b""
    if not small or not said.startswith(b"perhaps"):
        said += b" billing"
    if b'"stream":true' in body:
        return _STREAM + _chunk(_event(said)) + _end()
    text = (
        b'{"id":"c","object":"chat.completion","model":"m","choices":[{"index":0,"message":'
        b'{"role":"assistant","content":"%b"},"finish_reason":"stop"}],%b}' % (said, _USAGE)
    )
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    return head % len(text) + text


def _event(text: bytes) -> bytes:
    return (
        b'data: {"id":"c","object":"chat.completion.chunk","model":"m","choices":'
        b'[{"index":0,"delta":{"content":"%b"},"finish_reason":null}]}\n\n' % text
    )


def _chunk(piece: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(piece), piece)


def _end() -> bytes:
    last = b'data: {"id":"c","model":"m","choices":[],%b}\n\ndata: [DONE]\n\n' % _USAGE
    return _chunk(last) + b"0\r\n\r\n"
