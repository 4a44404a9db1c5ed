"""`downroute serve`: the gateway."""

from __future__ import annotations

import gc
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from downroute.errors import ConfigError
from downroute.gateway.log_lines import Form

if TYPE_CHECKING:
    from downroute.config import Settings
    from downroute.gateway.service import Started


def serve(
    policy: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The policy to follow; default: the configured one, policy.yaml, if it is there.",
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            min=0, max=65535, help="Where to listen; 0 takes a free port. [default: 8080]"
        ),
    ] = None,
    host: Annotated[
        str | None, typer.Option(help="The address to listen on. [default: 127.0.0.1]")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Settings; default: downroute.yaml, if there."),
    ] = None,
    upstream: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Send every call there, whatever is configured."),
    ] = None,
    store: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where calls are logged; default: .downroute."),
    ] = None,
    allow_remote: Annotated[
        bool,
        typer.Option("--allow-remote", help="Let other machines in without any key."),
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=64,
            metavar="N",
            help="So many processes on one port; SIGHUP replaces them without losing a call.",
        ),
    ] = None,
    log_format: Annotated[
        Form,
        typer.Option(help="How lines on stderr are written: text, or an object a line."),
    ] = Form.TEXT,
    log_calls: Annotated[
        bool,
        typer.Option("--log-calls", help="Say a line on stderr for every call, without content."),
    ] = False,
    listen_fd: Annotated[
        int | None, typer.Option(hidden=True, help="For workers: the socket.")
    ] = None,
    shared_numbers: Annotated[
        Path | None, typer.Option(hidden=True, help="For workers: where metrics are added up.")
    ] = None,
) -> None:
    """Serve an OpenAI-compatible gateway that follows the policy and logs every call, until Ctrl-C.

    Without a policy it observes: calls go where they are addressed, and are logged. Changes of
    policy and settings are taken over while it runs.

    Example: downroute serve --policy policy.yaml --port 8080
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

    def read() -> Settings:
        settings = load(config, upstream=upstream)
        if not allow_remote:
            refuse_open(host or settings.serve.host, settings, config or DEFAULT_PATH)
        if store is None:
            return settings
        kept = settings.store.model_copy(update={"path": store})
        return settings.model_copy(update={"store": kept})

    settings = read()
    if policy is not None and not policy.exists():
        raise ConfigError(f"{policy}: there is no such policy; leave out --policy to observe")
    address = host or settings.serve.host
    to_stderr(log_format)
    if listen_fd is None:
        say_open(address, settings)
    if port is None:
        port = settings.serve.port
    if workers is not None and listen_fd is None:
        _supervise(address, port, workers)
        return
    open_files.raise_limit()
    serve_until_stopped(
        settings,
        policy or settings.policy,
        lambda settings: price_table(settings, listing=listed_elsewhere),
        source=ConfigSource(config or DEFAULT_PATH, read),
        host=address,
        port=port,
        listener=None if listen_fd is None else socket.socket(fileno=listen_fd),
        shared_numbers=shared_numbers,
        log_calls=log_calls,
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
        typer.echo(f"{line.rstrip()} · {workers} {'worker' if workers == 1 else 'workers'}")

    with tempfile.TemporaryDirectory(prefix="downroute-") as folder:
        Supervisor(listeners(host, port, workers), command).run(announce)


def _announce(started: Started) -> None:
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
    typer.echo(f"gateway listens on {started.url} · {doing} · {kept}")
