"""``downroute report``: what routing spent and what it saved."""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from downroute.cli.options import ConfigOption, JsonOption, StoreOption

_AGO = re.compile(r"(\d+)([hdw])")
_SECONDS = {"h": 3600.0, "d": 86_400.0, "w": 604_800.0}


def report(
    since: Annotated[
        str | None,
        typer.Option(metavar="WHEN", help="2026-11-01, 2026-11-01T08:00, or 24h, 7d, 4w ago."),
    ] = None,
    store: StoreOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write it as a page as well.")
    ] = None,
) -> None:
    """Show what the gateway's calls cost, and what they would have cost on the baseline alone.

    Example: downroute report --since 7d --html report.html
    """
    from downroute import config as configuration
    from downroute.cli.pricing import price_table, pricing
    from downroute.reports.spend import as_json as values_of
    from downroute.reports.spend import spend_report
    from downroute.store import Store

    start = None if since is None else instant(since, time.time())
    settings = configuration.load(config)
    folder = store or settings.store.path
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
