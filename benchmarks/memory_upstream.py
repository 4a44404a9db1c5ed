"""An upstream that answers at once; used by `gateway_memory.py`."""

from __future__ import annotations

import asyncio
import re
from typing import cast

_LENGTH = re.compile(rb"content-length: (\d+)")
_NUMBER = re.compile(rb"(perhaps|surely) number \d+")
_STREAM = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
)
_USAGE = b'"usage":{"prompt_tokens":100,"completion_tokens":10}'


class QuickUpstream(asyncio.Protocol):
    """What the small model says to ``perhaps`` does not pass."""

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
        self._transport.write(_answer(body))


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
