"""`downroute serve`: its options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from downroute.cli.serve_options import HIGHEST_PORT, MOST_WORKERS, ServeOptions
from downroute.gateway.log_lines import Form


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
            min=0, max=HIGHEST_PORT, help="Where to listen; 0 takes a free port. [default: 8080]"
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
            max=MOST_WORKERS,
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
    from downroute.cli.serve_start import start

    start(
        ServeOptions(
            policy=policy,
            port=port,
            host=host,
            config=config,
            upstream=upstream,
            store=store,
            allow_remote=allow_remote,
            workers=workers,
            log_format=log_format,
            log_calls=log_calls,
            listen_fd=listen_fd,
            shared_numbers=shared_numbers,
        )
    )
