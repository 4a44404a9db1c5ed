"""`downroute replay`: recorded answers as an OpenAI-compatible server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from downroute.errors import UsageError

if TYPE_CHECKING:
    from downroute.providers.replay.faults import Fault
    from downroute.providers.replay.recordings import Recordings


def replay(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE", help="Recordings (.jsonl, .jsonl.gz).")
    ],
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Where to listen; 0 takes a free port.")
    ] = 8800,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    latency: Annotated[
        str,
        typer.Option(
            metavar="SECONDS|recorded",
            help="How long a reply takes; 'recorded' = as long as it took.",
        ),
    ] = "0",
    fail: Annotated[
        float,
        typer.Option(
            metavar="RATE", min=0, max=1, help="Share of requests that meet a seeded fault."
        ),
    ] = 0.0,
    faults: Annotated[
        str,
        typer.Option(
            metavar="KIND,…",
            help="Which faults: rate_limit, server_error, overloaded, drop, hang, garbled.",
        ),
    ] = "rate_limit,server_error,overloaded,drop",
    seed: Annotated[int, typer.Option(help="Decides which requests fail, and how.")] = 0,
    require_key: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="Refuse requests without `Authorization: Bearer KEY`."),
    ] = None,
    log: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Append one JSON line per chat request served."),
    ] = None,
) -> None:
    """Serve recorded answers as an OpenAI-compatible API, until Ctrl-C.

    Example: downroute replay answers.jsonl.gz --port 8800 --latency recorded
    """
    from downroute.providers.replay.recordings import load
    from downroute.providers.replay.server import serve_until_stopped
    from downroute.providers.replay.settings import ReplaySettings

    settings = ReplaySettings(
        latency=_latency(latency),
        fail_rate=fail,
        faults=_faults(faults),
        seed=seed,
        require_key=require_key,
        log=log,
    )
    recordings = load(files)
    _report_bad_rows(recordings)

    def ready(url: str) -> None:
        models = ", ".join(recordings.models)
        typer.echo(f"replay listens on {url} · {recordings.rows:,} rows · models: {models}")

    serve_until_stopped(recordings, settings, host=host, port=port, ready=ready)


def _latency(text: str) -> float | Literal["recorded"]:
    if text == "recorded":
        return "recorded"
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise UsageError(f"--latency {text}: give seconds (say 0.5) or 'recorded'")
    return seconds


def _faults(text: str) -> tuple[Fault, ...]:
    from downroute.providers.replay.faults import Fault

    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in set(Fault)]
    if unknown or not names:
        raise UsageError(f"--faults {text}: give some of {', '.join(Fault)}")
    return tuple(Fault(name) for name in dict.fromkeys(names))


def _report_bad_rows(recordings: Recordings) -> None:
    for row in recordings.bad:
        typer.echo(f"{row.source}:{row.line}: left out: {row.reason}", err=True)
    more = recordings.bad_rows - len(recordings.bad)
    if more:
        typer.echo(f"… and {more:,} more ({recordings.bad_rows:,} in all)", err=True)
