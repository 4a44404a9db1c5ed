"""The upstream of `gateway_peers.py`: it answers each chat request at once with 1,024 bytes and
counts what it was asked. Every tenth answer to the model `small` is not the JSON that was wanted,
so that a cascade that checks it goes on to `large`.

Bodies may come with a length or in chunks, since gateways differ. `GET /asked` says the numbers.
"""

from __future__ import annotations

import asyncio
import json
import re
from typing import cast

SMALL = re.compile(rb'"model"\s*:\s*"small"')
REPLY_BYTES = 1024
ANSWER = "the invoice was charged twice "


def completion(*, valid: bool) -> bytes:
    """A whole HTTP reply; its body has ``REPLY_BYTES`` bytes."""
    spaces = 0
    while True:
        text = json.dumps({"summary": ANSWER * 10 + " " * spaces})
        said = {
            "id": "chatcmpl-bench",
            "object": "chat.completion",
            "created": 1700000000,
            "model": "bench-2026",
            "choices": [
                {
                    "index": 0,
                    "message": {
                        "role": "assistant",
                        "content": text if valid else text[:-1] + ".",
                        "refusal": None,
                    },
                    "logprobs": None,
                    "finish_reason": "stop",
                }
            ],
            "usage": {"prompt_tokens": 420, "completion_tokens": 130, "total_tokens": 550},
        }
        body = json.dumps(said).encode()
        if len(body) == REPLY_BYTES:
            return _reply(body)
        spaces += REPLY_BYTES - len(body)


def _reply(body: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return head % len(body) + body


class Asked:
    """What all connections together were asked."""

    def __init__(self) -> None:
        self.large = self.small = 0
        self.valid, self.invalid = completion(valid=True), completion(valid=False)

    def answer(self, body: bytes) -> bytes:
        if SMALL.search(body) is None:
            self.large += 1
            return self.valid
        self.small += 1
        return self.valid if self.small % 10 else self.invalid


class Connection(asyncio.Protocol):
    def __init__(self, asked: Asked) -> None:
        self._asked, self._buffer = asked, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].lower()
            if head.startswith(b"get /asked "):
                numbers = {"large": self._asked.large, "small": self._asked.small}
                self._transport.write(_reply(json.dumps(numbers).encode()))
                self._buffer = self._buffer[end + 4 :]
                continue
            whole = self._end_of_body(head, end + 4)
            if whole is None:
                return
            self._transport.write(self._asked.answer(self._buffer[end + 4 : whole]))
            self._buffer = self._buffer[whole:]

    def _end_of_body(self, head: bytes, start: int) -> int | None:
        """Where the request ends in the buffer, once it is there in full."""
        if b"content-length:" in head:
            length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
            return start + length if len(self._buffer) >= start + length else None
        if b"transfer-encoding:" not in head:
            return start
        last = self._buffer.find(b"0\r\n\r\n", start)
        return None if last < 0 else last + 5


async def serve() -> None:
    asked = Asked()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(asked), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve())
