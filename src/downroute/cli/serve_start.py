"""`downroute serve`: the gateway, once its options are read."""

from __future__ import annotations

import gc
import socket
import sys
from typing import TYPE_CHECKING

from downroute.cli.serve_options import ServeOptions
from downroute.errors import ConfigError

if TYPE_CHECKING:
    from downroute.config import Settings
    from downroute.gateway.service import Started


def start(options: ServeOptions) -> None:
    """Serve until told to stop.

    Raises:
        ConfigError: the settings or the policy cannot be served.
        UsageError: other machines would be let in without any key.
        DownrouteError: the address cannot be listened on.
    """
    gc.disable()  # what is loaded stays: there is nothing in it to look for
    from downroute.cli.listed_prices import listed_elsewhere
    from downroute.cli.pricing import price_table
    from downroute.cli.serve_open import refuse_open, say_open
    from downroute.config import DEFAULT_PATH, load
    from downroute.gateway import open_files
    from downroute.gateway.config_file import ConfigSource
    from downroute.gateway.log_lines import to_stderr
    from downroute.gateway.service import serve_until_stopped

    gc.freeze()
    gc.enable()

    file = options.config or DEFAULT_PATH

    def read() -> Settings:
        settings = load(options.config, upstream=options.upstream)
        if not options.allow_remote:
            refuse_open(options.host or settings.serve.host, settings, file)
        if options.store is None:
            return settings
        kept = settings.store.model_copy(update={"path": options.store})
        return settings.model_copy(update={"store": kept})

    settings = read()
    policy = options.policy
    if policy is not None and not policy.exists():
        raise ConfigError(f"{policy}: there is no such policy; leave out --policy to observe")
    host = options.host or settings.serve.host
    port = settings.serve.port if options.port is None else options.port
    to_stderr(options.log_format)
    if options.listen_fd is None:
        say_open(host, settings)
        if options.workers is not None:
            _supervise(host, port, options.workers)
            return
    open_files.raise_limit()
    serve_until_stopped(
        settings,
        policy or settings.policy,
        lambda settings: price_table(settings, listing=listed_elsewhere),
        source=ConfigSource(file, read),
        host=host,
        port=port,
        listener=None if options.listen_fd is None else socket.socket(fileno=options.listen_fd),
        shared_numbers=options.shared_numbers,
        log_calls=options.log_calls,
        ready=_announce,
    )


def _supervise(host: str, port: int, workers: int) -> None:
    """Run this very command in every worker, with the socket it is to serve and the folder where
    all of them leave their metrics."""
    import tempfile

    from downroute.gateway.workers import Supervisor, listeners

    def command(descriptor: int) -> list[str]:
        given = [*sys.argv[1:], "--listen-fd", str(descriptor), "--shared-numbers", folder]
        return [sys.executable, "-m", "downroute", *given]

    def announce(line: str) -> None:
        print(f"{line.rstrip()} · {workers} {'worker' if workers == 1 else 'workers'}", flush=True)

    with tempfile.TemporaryDirectory(prefix="downroute-") as folder:
        Supervisor(listeners(host, port, workers), command).run(announce)


def _announce(started: Started) -> None:
    from downroute.gateway.built import built

    table = started.serving.table
    if table is None:
        doing = "observing (no policy)"
    else:
        routes = len(table.policy.routes)
        doing = f"routing {routes} {'route' if routes == 1 else 'routes'}"
        doing += f" · policy {table.policy.digest}"
    if started.serving.off:
        doing += " · switched off"
    kept = f"store {started.store}" + (" (cannot be written)" if started.store_fault else "")
    print(f"gateway listens on {started.url} · {doing} · {kept} · {built()}", flush=True)
