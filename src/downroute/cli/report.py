"""``downroute report``: what routing spent and what it saved; what escalated, and why."""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from downroute.cli.options import ConfigOption, JsonOption, StoreOption

if TYPE_CHECKING:
    from downroute.config import Settings

_AGO = re.compile(r"(\d+)([hdw])")
_SECONDS = {"h": 3600.0, "d": 86_400.0, "w": 604_800.0}


def report(
    since: Annotated[
        str | None,
        typer.Option(metavar="WHEN", help="2026-11-01, 2026-11-01T08:00, or 24h, 7d, 4w ago."),
    ] = None,
    escalations: Annotated[
        bool, typer.Option("--escalations", help="Show what cascades escalate, and which inputs.")
    ] = False,
    task: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Only this task; with --escalations or --failures."),
    ] = None,
    suggest: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Write suggested policies and prompts here; with --escalations."
        ),
    ] = None,
    study: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Show what a study found: its id, or `last`."),
    ] = None,
    failures: Annotated[
        bool,
        typer.Option("--failures", help="Show the pairs of a study that failed, worst first."),
    ] = False,
    markdown: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write it as Markdown; with --study.")
    ] = None,
    store: StoreOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write it as a page as well.")
    ] = None,
) -> None:
    """Show what the gateway's calls cost, and what they would have cost on the baseline alone.

    With --study: what a study found, once more. With --failures: which of its pairs failed.

    With --escalations: what cascades escalate, why, what it brings, and which inputs escalate
    more than others, with changes to try.

    Example: downroute report --since 7d --html report.html
    """
    from downroute import config as configuration
    from downroute.errors import UsageError

    start = None if since is None else instant(since, time.time())
    settings = configuration.load(config)
    if escalations:
        from downroute.cli.report_escalations import report_escalations

        report_escalations(
            settings,
            store or settings.store.path,
            task=task,
            since=start,
            suggest=suggest,
            html=html,
            as_json=as_json,
        )
        return
    if failures:
        from downroute.cli.report_failures import report_failures

        folder = store or settings.store.path
        report_failures(settings, folder, study, task, html=html, as_json=as_json)
        return
    if study is not None:
        from downroute.cli.report_study import report_study

        report_study(
            store or settings.store.path,
            study,
            str(settings.policy),
            html=html,
            markdown=markdown,
            as_json=as_json,
        )
        return
    if markdown is not None:
        raise UsageError("--markdown is of the report on a study: add --study last")
    for option, given in (("--task", task), ("--suggest", suggest)):
        if given is not None:
            raise UsageError(f"{option} is of the report on escalations: add --escalations")
    _report_spend(settings, store or settings.store.path, start, html, as_json=as_json)


def _report_spend(
    settings: Settings, folder: Path, start: float | None, html: Path | None, *, as_json: bool
) -> None:
    from downroute.cli.pricing import price_table, pricing
    from downroute.reports.spend import as_json as values_of
    from downroute.reports.spend import spend_report
    from downroute.store import Store

    with Store.open(folder, create=False) as opened:
        opened.calls.fill_missing_costs(pricing(price_table(settings)))
        found = spend_report(opened, start)
    values = values_of(found)
    if as_json:
        print(json.dumps(values, ensure_ascii=False, indent=2))
    else:
        from downroute.cli.report_output import print_report

        print_report(found, folder)
    if html is not None:
        from downroute.reports.spend_page import write_spend_page

        write_spend_page(html, values)
        typer.echo(f"page: {html}", err=as_json)


def instant(text: str, now: float, option: str = "--since") -> float:
    """The Unix second ``text`` means: a day or a moment (UTC where it names no offset), or so
    many hours, days or weeks before ``now``.

    Raises:
        UsageError: it means none.
    """
    from downroute.errors import UsageError

    ago = _AGO.fullmatch(text.strip())
    if ago is not None:
        return now - int(ago[1]) * _SECONDS[ago[2]]
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(
            f"{option} {text}: give a day (2026-11-01), a moment (2026-11-01T08:00) or a time ago "
            "(24h, 7d, 4w)"
        ) from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
