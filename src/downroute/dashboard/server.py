"""The grading page as a web server: one unguessable link a grader, nothing else answers.

A page may load its own script, its own style and data: images, and talk to nobody but this
server. Every response says so; none is stored by a browser or names where it was read.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from aiohttp import web

from downroute.dashboard.cards import Desk, Sight
from downroute.dashboard.pages import render, static_text
from downroute.dashboard.rendering import card_as_json
from downroute.errors import DownrouteError, UsageError
from downroute.records import Json

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Server": "downroute",
}
STATIC = {"grading.js": "text/javascript", "grading.css": "text/css"}
LARGEST_BODY = 16 * 1024
PRESENT_S = 20.0
"""A grader whose page was heard of this recently is waited for at the end."""
TICK_S = 0.1
GRACE_S = 3.0
"""How long the last click can be taken back."""

GraderOf = Callable[[str], tuple[str, bool] | None]
"""A link's token to its grader and whether it has expired; ``None`` for no such link."""


@dataclass(slots=True)
class Sitting:
    """What the server knows of who is there."""

    desk: Desk
    grader_of: GraderOf
    changed: Callable[[Sight], None]
    """Called with what a grader sees after each click."""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    heard: dict[str, float] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)
    decided: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, grader: str, action: Callable[[], None] | None = None) -> web.Response:
        """Do what was clicked, then say what comes next. One at a time: the desk hands a pair to
        one grader only."""
        async with self.lock:
            if action is not None:
                await asyncio.to_thread(action)
            sight = await asyncio.to_thread(self.desk.sight, grader)
        self.heard[grader] = time.monotonic()
        if sight.card is None:
            self.told.add(grader)
            self.decided.set()
        else:
            self.told.clear()
            self.decided.clear()
        if action is not None:
            self.changed(sight)
        return _json(_as_json(sight))

    def all_told(self) -> bool:
        """Whether every page that is open shows that it is over."""
        since = time.monotonic() - PRESENT_S
        return all(grader in self.told for grader, at in self.heard.items() if at > since)


async def serve_grading(
    sitting: Sitting, host: str, port: int, ready: Callable[[int], None], grace_s: float = GRACE_S
) -> None:
    """Serve until no grade is needed and every open page knows it, or until cancelled. ``ready``
    is told the port.

    Raises:
        UsageError: the address cannot be listened on.
    """
    runner = web.AppRunner(application(sitting), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        try:
            await site.start()
        except OSError as fault:
            raise UsageError(
                f"cannot listen on {host}:{port} ({fault.strerror}); pass another --port or --host"
            ) from None
        ready(runner.addresses[0][1])
        await _over(sitting, grace_s)
    finally:
        await runner.cleanup()


async def _over(sitting: Sitting, grace_s: float) -> None:
    """Return once it is decided, the last click can no longer be taken back, and all know."""
    while True:
        await sitting.decided.wait()
        decided_at = time.monotonic()
        for _ in range(int(PRESENT_S / TICK_S)):
            await asyncio.sleep(TICK_S)
            if not sitting.decided.is_set():
                break
            if sitting.all_told() and time.monotonic() >= decided_at + grace_s:
                return
        if sitting.decided.is_set():
            return


def application(sitting: Sitting) -> web.Application:
    """The routes; for tests as well."""

    async def page(request: web.Request) -> web.Response:
        _grader(sitting, request)
        html = render("grading.html", title="Grading", style="../../static/grading.css")
        return web.Response(text=html, content_type="text/html")

    async def turn(request: web.Request) -> web.Response:
        return await sitting.answer(_grader(sitting, request))

    async def grade(request: web.Request) -> web.Response:
        grader = _grader(sitting, request)
        said = await _body(request)
        card, word = str(said.get("card")), str(said.get("grade"))
        if word == "skip":
            return await sitting.answer(grader, lambda: sitting.desk.skip(grader, card))
        return await sitting.answer(grader, lambda: sitting.desk.grade(grader, card, word))

    async def undo(request: web.Request) -> web.Response:
        grader = _grader(sitting, request)
        await _body(request)
        return await sitting.answer(grader, lambda: sitting.desk.undo(grader))

    app = web.Application(client_max_size=LARGEST_BODY, middlewares=[_guarded])
    app.router.add_get("/g/{token}/", page)
    app.router.add_get("/g/{token}/turn", turn)
    app.router.add_post("/g/{token}/grade", grade)
    app.router.add_post("/g/{token}/undo", undo)
    app.router.add_get("/static/{name}", _static)
    return app


@web.middleware
async def _guarded(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    response: web.StreamResponse
    try:
        response = await handler(request)
    except web.HTTPException as refusal:
        response = web.Response(
            status=refusal.status,
            text=refusal.text,
            headers={"Allow": refusal.headers["Allow"]} if "Allow" in refusal.headers else None,
        )
    except DownrouteError as fault:
        response = _json({"error": str(fault)}, status=400)
    response.headers.update(HEADERS)
    return response


async def _static(request: web.Request) -> web.Response:
    name = request.match_info["name"]
    if name not in STATIC:
        raise web.HTTPNotFound
    return web.Response(text=static_text(name), content_type=STATIC[name])


def _grader(sitting: Sitting, request: web.Request) -> str:
    found = sitting.grader_of(request.match_info["token"])
    if found is None:
        raise web.HTTPNotFound(text="There is no such link. Ask for a new one.\n")
    grader, expired = found
    if expired:
        raise web.HTTPGone(text="This link has expired. Ask for a new one.\n")
    return grader


async def _body(request: web.Request) -> Mapping[str, Json]:
    # A form of another site cannot send this type without the browser asking first.
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType(text="JSON is expected.\n")
    try:
        said = json.loads(await request.text())
    except ValueError:
        raise web.HTTPBadRequest(text="That is no JSON.\n") from None
    if not isinstance(said, dict):
        raise web.HTTPBadRequest(text="An object is expected.\n")
    return said


def _as_json(sight: Sight) -> dict[str, Json]:
    return {
        "card": None if sight.card is None else card_as_json(sight.card),
        "given": sight.given,
        "least": sight.least,
        "more": sight.more,
        "most": sight.most,
        "canUndo": sight.can_undo,
    }


def _json(value: Json, status: int = 200) -> web.Response:
    return web.json_response(value, status=status)
