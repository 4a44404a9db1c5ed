"""The calls of a soak: what is asked, what goes wrong on purpose, and what a client may then see;
used by `gateway_soak.py`."""

from __future__ import annotations

import asyncio
import json
import random
import time
from dataclasses import dataclass, field
from typing import Any

import aiohttp

GOOD = "answered"
NO_ANSWER = "200 without an answer"
IN_STREAM = "error event at the end of the stream"
SILENT = "stream that ends without a word"
LATE = "nothing in time"
GONE = "gone away"
"""The client itself."""
PATIENCE_S = 30.0

_BROKEN, _LATE = {"502"}, {"504"}
_ALLOWED: dict[str, tuple[set[str], set[str]]] = {
    "503 once": ({GOOD}, {GOOD}),
    **{status: ({status}, {status}) for status in ("400", "429", "500", "529")},
    **dict.fromkeys(("reset", "close", "garbage"), (_BROKEN, _BROKEN)),
    "hang": (_LATE, _LATE),
    "html": ({NO_ANSWER}, {NO_ANSWER}),
    "cut": (_BROKEN, {IN_STREAM}),
    "stall": (_LATE, {IN_STREAM}),
    "half json": ({NO_ANSWER}, {IN_STREAM}),
    "error as 200": ({NO_ANSWER}, {IN_STREAM}),
}
"""What a plain call and a stream may come to whose every model has that fault."""
FAULTS = tuple(_ALLOWED)

KINDS = {
    "direct": 30,
    "switched": 13,
    "cascade": 30,
    "cascade with tools": 10,
    "small by name": 4,
    "embeddings": 4,
    "no JSON": 3,
    "looking": 4,
}
_ROUTED = {"switched", "cascade", "cascade with tools"}
_LOOKED_AT = ("/health", "/ready", "/metrics", "/v1/models", "/openapi.json")


@dataclass
class Planned:
    """One call, drawn by a seed. ``leaves_s``: the client goes away after so many seconds."""

    number: int
    kind: str
    anthropic: bool
    streams: bool
    fault: str | None
    at: str
    escalates: bool
    leaves_s: float | None
    path: str

    @property
    def name(self) -> str:
        how = "stream" if self.streams else "plain"
        return f"{self.kind}, {how}, {'messages' if self.anthropic else 'chat'}"

    @property
    def id(self) -> str:
        return f"nonce-{self.number}"

    @property
    def logged(self) -> bool:
        return self.kind not in ("no JSON", "looking")

    def allowed(self, outage: bool, stall: bool) -> set[str]:
        """``outage``: the small models were down for some of the time. ``stall``: all upstreams
        stood still for so long that a time-out is right."""
        if stall and self.logged:
            return {"504", IN_STREAM, *self.allowed(outage, False)}
        if self.kind == "no JSON":
            return {"400"}
        if self.leaves_s is not None:
            return {GONE, *self._allowed(outage)}
        return self._allowed(outage)

    def _allowed(self, outage: bool) -> set[str]:
        if self.kind == "small by name" and outage:
            return {GOOD, "503", *self._by_fault()}
        if self.kind in _ROUTED and (self.fault is None or self.at != "both"):
            # The baseline stands in, unless a part of the other's answer has been sent on.
            sent_on = self.kind == "switched" and IN_STREAM in self._by_fault()
            return {GOOD, IN_STREAM} if sent_on else {GOOD}
        return self._by_fault()

    def _by_fault(self) -> set[str]:
        if self.fault is None:
            return {GOOD}
        found = _ALLOWED[self.fault][self.streams]
        # The head of a stream that is held back goes out before its end is known.
        held = self.streams and self.kind in _ROUTED and found != {GOOD}
        return {*found, IN_STREAM} if held else found

    def request(self) -> tuple[str, str, bytes, dict[str, str]]:
        """Method, path, body and headers."""
        headers = {"x-request-id": self.id, "content-type": "application/json"}
        if self.kind == "looking":
            return "GET", self.path, b"", headers
        if self.fault:
            headers |= {"x-soak-fault": self.fault, "x-soak-at": self.at}
        if self.escalates:
            headers["x-soak-escalate"] = "yes"
        path = "/v1/messages" if self.anthropic else "/v1/chat/completions"
        if self.kind == "no JSON":
            return "POST", path, b'{"model": "large", "messages": [', headers
        small, large = ("haiku", "opus") if self.anthropic else ("small", "large")
        if self.kind == "embeddings":
            body: dict[str, Any] = {"model": large, "input": self.id}
            return "POST", "/v1/embeddings", json.dumps(body).encode(), headers
        if self.kind in _ROUTED:
            prefix = "claude-" if self.anthropic else ""
            headers["x-downroute-task"] = prefix + self.kind.split()[0]
        words = "The invoice of last month was charged twice. " * (self.number % 40)
        body = {
            "model": small if self.kind == "small by name" else large,
            "messages": [{"role": "user", "content": f"{words}{self.id}"}],
            "max_tokens": 50,
            "stream": self.streams,
        }
        if self.kind == "cascade with tools":
            schema = {"type": "object", "properties": {"q": {"type": "string"}}}
            function = {"name": "look_up", "description": "finds"}
            body["tools"] = [
                {**function, "input_schema": schema}
                if self.anthropic
                else {"type": "function", "function": {**function, "parameters": schema}}
            ]
        return "POST", path, json.dumps(body).encode(), headers


def planned(draw: random.Random, number: int, fault_share: float) -> Planned:
    (kind,) = draw.choices(list(KINDS), list(KINDS.values()))
    chat = kind not in ("embeddings", "no JSON", "looking")
    wrong = (chat or kind == "embeddings") and draw.random() < fault_share
    streams = chat and draw.random() < 0.45
    leaves = chat and draw.random() < 0.05
    anthropic = kind != "embeddings" and draw.random() < 0.35
    at = draw.choice(("small", "small", "both")) if kind in _ROUTED else "both"
    return Planned(
        number=number,
        kind=kind,
        anthropic=anthropic,
        streams=streams,
        fault=draw.choice(FAULTS) if wrong else None,
        at=at,
        escalates=kind == "cascade" and draw.random() < 0.2,
        leaves_s=draw.choice((0.0, 0.002, draw.uniform(0, 0.1), draw.uniform(0, 0.4)))
        if leaves
        else None,
        path=draw.choice(_LOOKED_AT),
    )


@dataclass
class Ended:
    """How a call ended for its client. ``status`` is the reply's, ``None`` without one."""

    call: Planned
    outcome: str
    status: int | None
    began: float
    ended: float = field(default_factory=time.monotonic)


async def ask(session: aiohttp.ClientSession, url: str, call: Planned) -> Ended:
    began = time.monotonic()
    method, path, body, headers = call.request()
    status: int | None = None
    try:
        async with asyncio.timeout(call.leaves_s if call.leaves_s is not None else PATIENCE_S):
            async with session.request(method, url + path, data=body, headers=headers) as reply:
                status = reply.status
                text = await reply.read()
        return Ended(call, _outcome(call, status, reply.content_type, text), status, began)
    except TimeoutError:
        return Ended(call, LATE if call.leaves_s is None else GONE, None, began)
    except aiohttp.ClientError as fault:
        return Ended(call, f"connection: {type(fault).__name__}", status, began)


def _outcome(call: Planned, status: int, kind: str, text: bytes) -> str:
    if status != 200:
        return str(status)
    if call.kind == "looking":
        return GOOD if text else NO_ANSWER
    if kind == "text/event-stream":
        return _of_stream(call, text)
    try:
        whole = json.loads(text)
    except ValueError:
        return NO_ANSWER
    answered = "choices" in whole or "content" in whole or "data" in whole
    return GOOD if answered and call.id in text.decode() else NO_ANSWER


def _of_stream(call: Planned, text: bytes) -> str:
    events = [e for e in text.split(b"\n\n") if e.strip() and not e.startswith(b":")]
    if events and b'"error"' in events[-1]:
        return IN_STREAM
    whole = events and (b"[DONE]" in events[-1] or b"message_stop" in events[-1])
    if not whole:
        return SILENT
    return GOOD if call.id.encode() in text else "stream without its answer"
