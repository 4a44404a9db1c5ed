"""``downroute store``: what is kept of people's words, and getting rid of it."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from downroute.cli.options import ConfigOption, JsonOption, StoreOption

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="See what the store keeps, and delete it for good. Example: downroute store info",
)


@app.command()
def info(
    store: StoreOption = None, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """Show what of people's words is kept, and where.

    Example: downroute store info
    """
    from downroute.store import Store

    with Store.open(_folder(store, config), create=False) as opened:
        kept, path = opened.purge.kept(), opened.path
    if as_json:
        print(json.dumps({"path": str(path), **kept._asdict()}, ensure_ascii=False, indent=2))
        return
    oldest = kept.oldest_body_at
    since = (
        "" if oldest is None else f", the oldest of {datetime.fromtimestamp(oldest, UTC):%Y-%m-%d}"
    )
    undated = f", {kept.undated_bodies:,} of unknown time" if kept.undated_bodies else ""
    print(f"{path}: {kept.calls:,} calls")
    print(f"requests with their answers: {kept.bodies:,}{since}{undated}")
    print(f"answers that studies asked for: {kept.asked_answers:,}")
    print(f"texts of rows that could not be imported: {kept.rejected_texts:,}")
    print(f"comments in feedback: {kept.comments:,}")
    print(f"recorded scores (with digests of texts): {kept.recorded_scores:,}")


@app.command()
def purge(
    subject: Annotated[
        str | None, typer.Option(metavar="ID", help="What was said in one person's calls.")
    ] = None,
    before: Annotated[
        str | None,
        typer.Option(metavar="WHEN", help="What was said before 2026-11-01, or 30d ago."),
    ] = None,
    expired: Annotated[
        bool, typer.Option("--expired", help="What is kept for longer than store.keep_days.")
    ] = False,
    everything: Annotated[bool, typer.Option("--all", help="All that was said.")] = False,
    store: StoreOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Delete words for good; the calls' figures (models, tokens, cost) stay.

    Example: downroute store purge --subject customer-4711
    """
    import time

    from downroute import config as configuration
    from downroute.cli.report import instant
    from downroute.errors import StoreBusyError, UsageError
    from downroute.store import Store

    if (subject is not None) + (before is not None) + expired + everything != 1:
        raise UsageError("say what to delete: one of --subject ID, --before WHEN, --expired, --all")
    keep_days = configuration.load(config).store.keep_days if expired else None
    if expired and keep_days is None:
        raise UsageError(
            "--expired needs `store: {keep_days: 30}` in downroute.yaml; else say --before 30d"
        )
    moment = None if before is None else instant(before, time.time(), "--before")
    with Store.open(_folder(store, config), create=False) as opened:
        if subject is not None:
            purged = opened.purge.subject(subject)
        elif moment is not None:
            purged = opened.purge.before(moment)
        elif keep_days is not None:
            purged = opened.purge.expired(time.time() - keep_days * 86_400)
        else:
            purged = opened.purge.everything()
        path = opened.path
    if as_json:
        print(json.dumps(asdict(purged), indent=2))
    else:
        print(
            f"deleted: {purged.bodies:,} requests with their answers, {purged.asked_answers:,} "
            f"answers that studies asked for, {purged.rejected_texts:,} texts of rejected rows, "
            f"{purged.recorded_scores:,} recorded scores, {purged.comments:,} comments"
        )
    if not purged.finished:
        raise StoreBusyError(
            f"{path}: another process is reading, so copies may still be in {path.name}-wal; "
            "run the same command again once it has ended"
        )


def _folder(store: Path | None, config: Path | None) -> Path:
    from downroute import config as configuration

    return store or configuration.load(config).store.path
