"""The gateway as a whole: its parts put together, served, and taken down in order."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from downroute.config import Settings
from downroute.gateway.asking import Asking
from downroute.gateway.call_log import CallLog, Observer
from downroute.gateway.chat import Answering, Remembered
from downroute.gateway.chat_wire import CHAT
from downroute.gateway.config_file import ConfigFile, ConfigSource, Taking
from downroute.gateway.confirmations import Confirmations
from downroute.gateway.destinations import Destinations
from downroute.gateway.door import Door
from downroute.gateway.expiry import Expiry
from downroute.gateway.feedback import TakingFeedback
from downroute.gateway.handler import Handler
from downroute.gateway.hosts import is_loopback
from downroute.gateway.load_ahead import load_ahead
from downroute.gateway.log_lines import say
from downroute.gateway.log_store import keeping, store_opener
from downroute.gateway.messages_wire import MESSAGES
from downroute.gateway.model_list import ModelList
from downroute.gateway.passthrough import Passthrough
from downroute.gateway.plan import Serving
from downroute.gateway.policy_file import PolicyFile
from downroute.gateway.prices import Prices
from downroute.gateway.status import Readiness
from downroute.gateway.telemetry.call_lines import say_call
from downroute.gateway.telemetry.counting import Counting
from downroute.gateway.telemetry.known_names import KnownNames
from downroute.gateway.telemetry.metrics import Metrics
from downroute.gateway.telemetry.shared_numbers import SharedNumbers
from downroute.gateway.telemetry.spans import Spans
from downroute.gateway.telemetry.tally import Tally
from downroute.gateway.telemetry.trace_context import Tracing
from downroute.gateway.transport.client import HttpClient
from downroute.gateway.transport.server import LINGER_S, HttpServer
from downroute.gateway.user_checks import UserChecks
from downroute.money.table import PriceTable

STOP_GRACE_S = 25.0
"""How long calls under way may still take once the gateway is told to stop."""
WORKER_LINGER_S = 10.0
"""How long a worker's kept connections may stay idle once it is told to stop."""
_FLUSH_S = 5.0


@dataclass(frozen=True, slots=True)
class Started:
    """What the gateway does, once it listens."""

    url: str
    serving: Serving
    store: Path
    store_fault: str | None


@asynccontextmanager
async def gateway(
    settings: Settings,
    policy: Path,
    prices: Callable[[Settings], PriceTable],
    *,
    source: ConfigSource | None = None,
    host: str = "127.0.0.1",
    port: int = 0,
    listener: socket.socket | None = None,
    environment: Mapping[str, str] = os.environ,
    hurry: asyncio.Event | None = None,
    shared_numbers: Path | None = None,
    log_calls: bool = False,
) -> AsyncIterator[Started]:
    """Serves while the block runs; then calls under way are finished, unless there is a ``hurry``,
    and the log is written to its end.

    ``policy`` need not exist: the gateway then observes until it does. ``prices`` makes the price
    table of settings; it is called outside the event loop. ``source`` is followed: where it gives
    other settings they are served. Port 0 takes a free port; a ``listener`` that
    listens already is served instead of ``host`` and ``port``. ``shared_numbers`` is the folder
    where processes on one port leave their metrics for each other. With ``log_calls`` each
    call is a line on stderr.

    Raises:
        ConfigError: no upstream, a key that cannot be read, a policy that is none.
        DownrouteError: the address cannot be listened on.
    """
    destinations = Destinations(settings, environment)
    door = Door(settings.gateway, environment, shared_numbers, loopback=is_loopback(host))
    known = Prices(lambda: prices(settings))
    tally = Tally()

    def prepare(new: Settings) -> Taking:
        # A key that is revoked must not go on working because of some other fault in the file.
        door.take(new.gateway)
        file.refuse_with(new)
        same = all(getattr(new, a) == getattr(config.settings, a) for a in ("prices", "models"))
        take_prices = known.prepared(lambda: prices(new), _priced(new, file.serving), same=same)

        def take() -> None:
            destinations.take(new)
            take_prices()

        return take

    config = ConfigFile(settings, source, prepare)
    names = KnownNames(lambda: config.settings, lambda: file.serving)
    observers: list[Observer] = [Counting(tally, names).count]
    if log_calls:
        observers.append(say_call)
    tracing, spans = None, None
    if settings.telemetry.otlp is not None:
        tracing, spans = Tracing(settings.telemetry.sample), Spans(settings.telemetry, names)
        observers.append(spans.export)
    rows_first = settings.log.durability == "sync"
    log = CallLog(
        store_opener(settings),
        known,
        keeping(settings),
        observers=observers,
        confirmations=Confirmations() if rows_first else None,
        soon=None if rows_first else asyncio.get_running_loop().call_soon,
    )
    file = PolicyFile(policy, log.serve_policy, lambda: config.settings)
    file.load()
    client = HttpClient()
    checks = UserChecks()
    asking = Asking(client, destinations, known, checks, keeps_words=log.keeps_words)
    kept = Remembered()
    chat, messages = (
        Answering(
            wire,
            asking,
            lambda: file.serving,
            log,
            kept,
            lambda: config.settings.serve,
            tracing=tracing,
        )
        for wire in (CHAT, MESSAGES)
    )
    requests: Counter[tuple[str, str]] = Counter()
    metrics = Metrics(
        tally,
        requests,
        log,
        lambda: file.serving,
        lambda: config.fault,
        destinations,
        lambda: server,
        client,
        SharedNumbers(shared_numbers),
    )
    handler = Handler(
        chat,
        messages,
        ModelList(client, destinations),
        Readiness(lambda: file.serving, log, destinations, lambda: config.fault, door.trusts).reply,
        Passthrough(
            client, destinations, known, log, lambda: config.settings.serve, tracing=tracing
        ),
        metrics.reply,
        TakingFeedback(log).reply,
        requests,
        door,
    )
    server = HttpServer(handler.handle, turned_away=handler.turned_away)
    try:
        if listener is None:
            port = await server.start(host, port)
        else:
            port = await server.start_on(listener)
        await asyncio.to_thread(log.start, _priced(settings, file.serving))
        works = (
            file.watch(),
            config.watch(),
            metrics.publish(),
            Expiry(settings.store).watch(),
            load_ahead(file.serving),
        )
        beside = [asyncio.create_task(work) for work in works]
        try:
            yield Started(_url(host, port), file.serving, settings.store.path, log.fault)
        finally:
            for task in beside:
                task.cancel()
            # Nobody waits for a worker that has been replaced, so its clients get more time.
            linger_s = LINGER_S if listener is None else WORKER_LINGER_S
            await _stop(server, hurry or asyncio.Event(), linger_s)
    finally:
        await client.close()
        await asyncio.to_thread(checks.close)
        await asyncio.to_thread(log.close, _FLUSH_S)
        metrics.over()
        if spans is not None:
            await asyncio.to_thread(spans.close)


def serve_until_stopped(
    settings: Settings,
    policy: Path,
    prices: Callable[[Settings], PriceTable],
    *,
    source: ConfigSource | None = None,
    host: str,
    port: int,
    listener: socket.socket | None = None,
    shared_numbers: Path | None = None,
    log_calls: bool = False,
    ready: Callable[[Started], None],
) -> None:
    """Serves until SIGINT or SIGTERM; calls ``ready`` once it listens. A second signal does not
    wait for calls under way, SIGHUP has the ``source`` read again. With a ``listener``, a worker of
    `workers.Supervisor`, it stops when its stdin ends, too. Runs on uvloop where that is installed.

    Raises:
        ConfigError, DownrouteError: as `gateway`.
    """

    async def main() -> None:
        stop, hurry = asyncio.Event(), asyncio.Event()

        def told_to_stop() -> None:
            (hurry if stop.is_set() else stop).set()

        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, told_to_stop)
        if source is not None and not (sys.stdin and sys.stdin.isatty()):
            # In a terminal the signal says that the terminal is gone.
            loop.add_signal_handler(signal.SIGHUP, source.reread.set)
        if listener is not None:
            loop.add_reader(sys.stdin, _at_the_end_of_stdin, loop, stop)
        async with gateway(
            settings,
            policy,
            prices,
            source=source,
            host=host,
            port=port,
            listener=listener,
            hurry=hurry,
            shared_numbers=shared_numbers,
            log_calls=log_calls,
        ) as started:
            _collect_less_often()
            ready(started)
            await stop.wait()
            say(logging.INFO, "stopping", grace_s=STOP_GRACE_S)

    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(main())


def _at_the_end_of_stdin(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    """A supervisor that is gone, however it went, leaves nobody to stop its workers."""
    if not os.read(sys.stdin.fileno(), 1024):
        loop.remove_reader(sys.stdin)
        stop.set()


def _collect_less_often() -> None:
    """What is loaded stays, and a call leaves no cycles behind: looking for them after every 700
    objects took a tenth of the gateway's time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


async def _stop(server: HttpServer, hurry: asyncio.Event, linger_s: float) -> None:
    stopping = asyncio.create_task(server.stop(STOP_GRACE_S, linger_s))
    hurrying = asyncio.create_task(hurry.wait())
    await asyncio.wait({stopping, hurrying}, return_when=asyncio.FIRST_COMPLETED)
    hurrying.cancel()
    if not stopping.done():
        stopping.cancel()
        with suppress(asyncio.CancelledError):
            await stopping
        await server.stop(0)


def _priced(settings: Settings, serving: Serving) -> list[str]:
    """The models whose prices will be asked for."""
    return list(dict.fromkeys([*settings.models, *settings.prices, *serving.models]))


def _url(host: str, port: int) -> str:
    """A URL this machine can ask; a wildcard address is no address to ask."""
    shown = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - shown, not bound
    return f"http://[{shown}]:{port}/v1" if ":" in shown else f"http://{shown}:{port}/v1"


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop
