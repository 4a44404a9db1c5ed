"""Bodies and requests with something wrong with them, by a seed; used by `gateway_fuzz.py`."""

from __future__ import annotations

import json
import random
import re

ROUTES = 4
"""Tasks of each shape that the gateway routes: ``c0`` … and ``m0`` …"""

SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "integer", "minimum": 0}, "b": {"enum": ["x", "y"]}},
    "required": ["a"],
    "additionalProperties": False,
}
FUNCTION = {"name": "look_up", "description": "finds", "parameters": SCHEMA}
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
TURNS = [
    {"role": "system", "content": "Sort the ticket. Answer in JSON."},
    {"role": "user", "content": [{"type": "text", "text": "Where is 4.50 € of “mine”?"}, IMAGE]},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {
                "id": "1",
                "type": "function",
                "function": {"name": "look_up", "arguments": '{"a": 1}'},
            }
        ],
    },
    {"role": "tool", "tool_call_id": "1", "content": "nothing"},
]
CHAT = (
    {"model": "large", "messages": [TURNS[0], {"role": "user", "content": "billing?"}]},
    {
        "model": "large",
        "messages": TURNS,
        "tools": [{"type": "function", "function": FUNCTION}],
        "tool_choice": "auto",
        "stream": True,
        "stream_options": {"include_usage": True},
    },
    {
        "model": "downroute/auto",
        "messages": TURNS[:2],
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}},
        "metadata": {"task": "c1", "more": "x"},
        "logprobs": True,
        "top_logprobs": 2,
        "n": 2,
        "max_tokens": 50,
        "temperature": 0.5,
        "user": "u-1",
    },
)
MESSAGES = (
    {
        "model": "opus",
        "max_tokens": 64,
        "system": [{"type": "text", "text": "Sort.", "cache_control": {"type": "ephemeral"}}],
        "messages": [{"role": "user", "content": "Where is my invoice?"}],
        "metadata": {"user_id": "u"},
    },
    {
        "model": "opus",
        "max_tokens": 64,
        "tools": [{"name": "look_up", "description": "finds", "input_schema": SCHEMA}],
        "tool_choice": {"type": "auto"},
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "a"}]},
            {
                "role": "assistant",
                "content": [{"type": "tool_use", "id": "t", "name": "look_up", "input": {"a": 1}}],
            },
            {
                "role": "user",
                "content": [{"type": "tool_result", "tool_use_id": "t", "content": "none"}],
            },
        ],
        "stream": True,
    },
)
EMBEDDED = ({"model": "large", "input": ["a", "b"]},)
CALL = "call-0123456789abcdef01234567"
FEEDBACK = (
    {"call_id": CALL, "score": 0.5, "grader": "ann", "comment": "no invoice"},
    {"call_id": CALL, "verdict": "good"},
)
PATHS = {
    "/v1/chat/completions": CHAT,
    "/v1/messages": MESSAGES,
    "/v1/route": CHAT,
    "/v1/embeddings": EMBEDDED,
    "/v1/feedback": FEEDBACK,
    "/v1/messages/count_tokens": MESSAGES,
}
ODD_VALUES = (
    b"null", b"true", b"0", b"-1", b"1e999", b"1E-999", b"0.1e1", b"NaN", b"Infinity", b"[]", b"{}",
    b'""', b'"\\ud83d"', b'"\\u0000"', b'"\xff"', b'"\xed\xa0\x80"', b"[[[[[[[[[[]]]]]]]]]]",
    b"[" * 3000 + b"]" * 3000, b'{"a":' * 2000 + b"1" + b"}" * 2000, b"9" * 400, b"-", b"01",
    b'"' + b"x" * 20_000 + b'"', b'"\xe2\x80\xa8"', b"\xef\xbb\xbf1", b'{"a":1,"a":2}', b'["role"]',
    b'"downroute/auto"', b'"downroute/"', b'{"type":"object","$ref":"#"}',
    b'{"$ref":"http://127.0.0.1:9/x"}', b'{"pattern":"(a+)+$","type":"string"}',
)  # fmt: skip
_VALUES = re.compile(rb'"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?|true|false|null|\[\]|\{\}')


def mutated(draw: random.Random, text: bytes, others: tuple[bytes, ...]) -> bytes:
    """``text`` with one to four things wrong with it."""
    for _ in range(draw.choice((1, 1, 1, 2, 4))):
        text = draw.choice((_value, _value, _value, _byte, _cut, _doubled, _spliced))(
            draw, text, others
        )
    return text


def _value(draw: random.Random, text: bytes, _: tuple[bytes, ...]) -> bytes:
    """Another value, or another key, in a place of one."""
    found = list(_VALUES.finditer(text))
    if not found:
        return _byte(draw, text, _)
    at = draw.choice(found)
    return text[: at.start()] + draw.choice(ODD_VALUES) + text[at.end() :]


def _byte(draw: random.Random, text: bytes, _: tuple[bytes, ...]) -> bytes:
    at = draw.randrange(len(text) + 1)
    new = bytes([draw.choice((0, 9, 10, 13, 32, 34, 44, 58, 91, 92, 93, 123, 125, 127, 128, 255))])
    return text[:at] + new + text[at + draw.randrange(2) :]


def _cut(draw: random.Random, text: bytes, _: tuple[bytes, ...]) -> bytes:
    start, end = sorted(draw.randrange(len(text) + 1) for _ in range(2))
    return text[:start] + text[end:] if draw.random() < 0.5 else text[:end]


def _doubled(draw: random.Random, text: bytes, _: tuple[bytes, ...]) -> bytes:
    start, end = sorted(draw.randrange(len(text) + 1) for _ in range(2))
    return text[:end] + text[start:end] * draw.choice((1, 1, 30)) + text[end:]


def _spliced(draw: random.Random, text: bytes, others: tuple[bytes, ...]) -> bytes:
    other = draw.choice(others)
    return text[: draw.randrange(len(text) + 1)] + other[draw.randrange(len(other) + 1) :]


BODIES = {path: tuple(json.dumps(b).encode() for b in many) for path, many in PATHS.items()}
EVERY_BODY = tuple(body for many in BODIES.values() for body in many)
HEADERS = (
    b"x-downroute-task: c1",
    b"x-session-id: s",
    b"x-downroute-bypass: 1",
    b"content-type: application/json",
    b"authorization: Bearer k",
    b"traceparent: 00-c1-01",
    b"x-request-id: r\xff",
    b"accept-encoding: br",
    b"anthropic-version: 2023-06-01",
    b"expect: 100-continue",
    b"connection: close",
    b"te: trailers",
    b"upgrade: h2c",
    b"transfer-encoding: chunked",
    b"content-length: 3",
    b"sec-fetch-site: cross-site",
)


def request(draw: random.Random, body: bytes, path: str, *extra: bytes) -> bytes:
    task = f"{'m' if 'messages' in path else 'c'}{draw.randrange(ROUTES + 1)}"
    lines = [
        b"POST %b HTTP/1.1" % path.encode(),
        b"host: g",
        b"x-downroute-task: %b" % task.encode(),
    ]
    lines += [b"content-length: %d" % len(body), *extra]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def http_input(draw: random.Random) -> bytes:
    """One or two requests with something wrong with their bytes."""
    path = draw.choice((*BODIES, *BODIES, "/v1/models", "/health", "/metrics", "/v1/x/../y", "*"))
    body = draw.choice(BODIES.get(path, EVERY_BODY[:2]))
    extra = draw.sample(HEADERS, draw.choice((0, 0, 0, 1, 2)))
    data = request(draw, body, path, *extra)
    if draw.random() < 0.15:
        data = data.replace(b"POST", draw.choice((b"GET", b"HEAD", b"OPTIONS", b"PUT", b"P@ST")), 1)
    if draw.random() < 0.2:
        data = _as_chunks(draw, data)
    if draw.random() < 0.2:
        data += request(draw, body, "/v1/route")
    return damaged(draw, data)


def damaged(draw: random.Random, data: bytes) -> bytes:
    """An HTTP message with one to three things wrong with its bytes."""
    for _ in range(draw.choice((1, 1, 2, 3))):
        data = draw.choice((_byte, _byte, _value, _cut, _doubled, _line_end))(
            draw, data, EVERY_BODY
        )
    return data


def good_request(draw: random.Random) -> bytes:
    """A request with nothing wrong with it, with a ``nonce-…`` of its own among its words."""
    path = draw.choice(("/v1/chat/completions", "/v1/messages"))
    body = json.loads(draw.choice(BODIES[path]))
    body["stream"] = draw.random() < 0.5
    body.pop("stream_options", None)
    body["messages"].append({"role": "user", "content": f"nonce-{draw.randbytes(8).hex()}"})
    return request(draw, json.dumps(body).encode(), path)


def _as_chunks(draw: random.Random, data: bytes) -> bytes:
    head, _, body = data.partition(b"\r\n\r\n")
    head = re.sub(rb"content-length: \d+", b"transfer-encoding: chunked", head, count=1)
    cut = draw.randrange(len(body) + 1)
    pieces = [b"%x\r\n%b\r\n" % (len(p), p) for p in (body[:cut], body[cut:]) if p]
    return head + b"\r\n\r\n" + b"".join(pieces) + b"0\r\n\r\n"


def _line_end(draw: random.Random, data: bytes, _: tuple[bytes, ...]) -> bytes:
    return data.replace(b"\r\n", draw.choice((b"\n", b"\r", b"\r\n ", b"\r\n\r\n", b" \r\n")), 1)
