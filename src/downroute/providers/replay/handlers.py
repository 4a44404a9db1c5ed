"""The addresses of OpenAI's chat API, answered from recordings (aiohttp)."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import time
import uuid

from aiohttp import web

from downroute.providers.replay.chunks import chunks
from downroute.providers.replay.completions import completion_body
from downroute.providers.replay.faults import REFUSALS, Fault, Faults
from downroute.providers.replay.lookup import find_answer, unknown_model
from downroute.providers.replay.recordings import RecordedAnswer, Recordings
from downroute.providers.replay.request_log import RequestLog, Served
from downroute.providers.replay.requests import Asked, Refusal, read_request
from downroute.providers.replay.settings import ReplaySettings
from downroute.records import Json

LARGEST_BODY_BYTES = 64 * 2**20
HANG_STEP_S = 0.1
"""How often a reply that hangs looks whether anybody still waits."""

_DONE = b"data: [DONE]\n\n"


def replay_app(
    recordings: Recordings, settings: ReplaySettings, log: RequestLog
) -> web.Application:
    """The application that answers from ``recordings``."""
    replay = _Replay(recordings, settings, log)
    app = web.Application(client_max_size=LARGEST_BODY_BYTES)
    app.router.add_get("/health", replay.health)
    for prefix in ("", "/v1"):
        app.router.add_post(f"{prefix}/chat/completions", replay.chat)
        app.router.add_get(f"{prefix}/models", replay.models)
        app.router.add_get(f"{prefix}/models/{{id:.+}}", replay.model)
    app.router.add_route("*", "/{path:.*}", replay.elsewhere)
    return app


class _Replay:
    """The handlers and what they share."""

    def __init__(self, recordings: Recordings, settings: ReplaySettings, log: RequestLog) -> None:
        self._recordings = recordings
        self._settings = settings
        self._faults = Faults(settings.fail_rate, settings.seed, settings.faults)
        self._log = log
        self._started_at = int(time.time())

    async def health(self, _: web.Request) -> web.Response:
        models = list(self._recordings.models)
        return web.json_response({"status": "ok", "rows": self._recordings.rows, "models": models})

    async def models(self, http: web.Request) -> web.Response:
        if refusal := self._key_fault(http):
            return _refused(refusal)
        data = [self._model_entry(m) for m in self._recordings.models]
        return web.json_response({"object": "list", "data": data})

    async def model(self, http: web.Request) -> web.Response:
        if refusal := self._key_fault(http):
            return _refused(refusal)
        model = http.match_info["id"]
        if model not in self._recordings.models:
            return _refused(unknown_model(self._recordings, model))
        return web.json_response(self._model_entry(model))

    async def elsewhere(self, http: web.Request) -> web.Response:
        if refusal := self._key_fault(http):
            return _refused(refusal)
        message = (
            f"nothing is served at {http.method} {http.path}; recordings answer "
            "POST /v1/chat/completions, GET /v1/models and GET /health"
        )
        return _refused(Refusal(404, message, code="unknown_url"))

    async def chat(self, http: web.Request) -> web.StreamResponse:
        started_s = time.monotonic()
        served = Served(id=f"chatcmpl-{uuid.uuid4().hex}")
        found = await self._find(http, served)
        if isinstance(found, Refusal):
            self._finish(served, started_s, status=found.status)
            return _refused(found, served.id)
        asked, answer = found
        fault = served.fault = self._faults.next(asked)
        if fault in REFUSALS:
            self._finish(served, started_s, status=REFUSALS[fault].status)
            return _refused(REFUSALS[fault], served.id)
        if fault is Fault.HANG:
            return await self._hang(http, served, started_s)
        body = completion_body(answer, asked, completion_id=served.id, created=int(served.at))
        served.usage = None if fault else body["usage"]
        ends_s = started_s + self._latency_s(answer)
        if asked.stream:
            events = [_event(c) for c in chunks(body, include_usage=asked.include_usage)]
            return await self._stream(http, served, events, started_s, ends_s)
        return await self._plain(http, served, body, started_s, ends_s)

    async def _find(
        self, http: web.Request, served: Served
    ) -> tuple[Asked, RecordedAnswer] | Refusal:
        if refusal := self._key_fault(http):
            return refusal
        try:
            asked = read_request(await http.read())
        except web.HTTPRequestEntityTooLarge:
            limit = LARGEST_BODY_BYTES // 2**20
            return Refusal(413, f"the body of the request is larger than {limit} MiB")
        if isinstance(asked, Refusal):
            return asked
        served.model, served.digest, served.stream = asked.model, asked.digest, asked.stream
        answer = find_answer(self._recordings, asked)
        if isinstance(answer, Refusal):
            return answer
        served.row, served.task = answer.row, answer.task
        return asked, answer

    async def _plain(
        self, http: web.Request, served: Served, body: Json, started_s: float, ends_s: float
    ) -> web.StreamResponse:
        await _sleep_until(ends_s)
        if served.fault is Fault.DROP:
            _cut(http)
            self._finish(served, started_s, status=None, complete=False)
        elif served.fault is Fault.GARBLED:
            self._finish(served, started_s, status=200, complete=False)
            text = json.dumps(body)
            return web.Response(text=text[: len(text) // 2], content_type="application/json")
        else:
            gone = http.transport is None or http.transport.is_closing()
            self._finish(served, started_s, status=200, complete=not gone)
        return web.json_response(body, headers={"x-request-id": served.id})

    async def _hang(self, http: web.Request, served: Served, started_s: float) -> web.Response:
        self._finish(served, started_s, status=None, complete=False)
        while http.transport is not None and not http.transport.is_closing():  # noqa: ASYNC110
            await asyncio.sleep(HANG_STEP_S)
        return web.Response(status=499)

    async def _stream(
        self,
        http: web.Request,
        served: Served,
        events: list[bytes],
        started_s: float,
        ends_s: float,
    ) -> web.StreamResponse:
        """Every event at its share of the time; the log line before the end mark."""
        reply = web.StreamResponse(
            headers={
                "Content-Type": "text/event-stream; charset=utf-8",
                "Cache-Control": "no-cache",
                "x-request-id": served.id,
            }
        )
        step_s = (ends_s - started_s) / len(events)
        cut_after = len(events) // 2 if served.fault in (Fault.DROP, Fault.GARBLED) else None
        complete = False
        try:
            await _sleep_until(started_s + step_s)
            await reply.prepare(http)
            for number, event in enumerate(events, start=1):
                await _sleep_until(started_s + number * step_s)
                await reply.write(event)
                if number == cut_after:
                    _cut(http)
            complete = True
        except ConnectionError:
            # The connection is gone, by the client's will or by a fault's: nobody is left to tell.
            return reply
        finally:
            self._finish(served, started_s, status=200, complete=complete)
        with contextlib.suppress(ConnectionError):
            await reply.write(_DONE)
        return reply

    def _key_fault(self, http: web.Request) -> Refusal | None:
        expected = self._settings.require_key
        if expected is None:
            return None
        sent = http.headers.get("Authorization", "")
        wanted = f"Bearer {expected}"
        if hmac.compare_digest(sent.encode("utf-8", "surrogateescape"), wanted.encode()):
            return None
        message = (
            "this key is not the one that replay requires"
            if sent
            else "no key was sent; replay requires `Authorization: Bearer KEY`"
        )
        return Refusal(401, message, code="invalid_api_key")

    def _model_entry(self, model: str) -> dict[str, Json]:
        return {
            "id": model,
            "object": "model",
            "created": self._started_at,
            "owned_by": "downroute-replay",
        }

    def _latency_s(self, answer: RecordedAnswer) -> float:
        if self._settings.latency == "recorded":
            return answer.latency_s or 0.0
        return self._settings.latency

    def _finish(
        self, served: Served, started_s: float, *, status: int | None, complete: bool = True
    ) -> None:
        served.status = status
        served.complete = complete
        served.latency_s = round(time.monotonic() - started_s, 6)
        self._log.write(served)


def _refused(refusal: Refusal, request_id: str | None = None) -> web.Response:
    headers = {**refusal.headers, **({"x-request-id": request_id} if request_id else {})}
    return web.json_response(refusal.body(), status=refusal.status, headers=headers)


def _event(chunk: Json) -> bytes:
    return b"data: " + json.dumps(chunk, separators=(",", ":")).encode() + b"\n\n"


def _cut(http: web.Request) -> None:
    """Ends the connection with what was written so far."""
    if http.transport is not None:
        http.transport.close()


async def _sleep_until(at_s: float) -> None:
    left_s = at_s - time.monotonic()
    if left_s > 0:
        await asyncio.sleep(left_s)
