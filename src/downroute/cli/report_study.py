"""``downroute report --study``: what a study found, from the ledger."""

from __future__ import annotations

import json
from pathlib import Path

import typer

from downroute.cli.study_more import write_text
from downroute.errors import UsageError
from downroute.store import Store

LAST = "last"


def report_study(
    folder: Path,
    study: str,
    policy: str,
    *,
    html: Path | None,
    markdown: Path | None,
    as_json: bool,
) -> None:
    """Print a finished study, and write it in the forms that were asked for.

    Raises:
        UsageError: there is no such study, or it was not finished; names those there are.
    """
    from downroute.reports.study_markdown import study_markdown

    with Store.open(folder, create=False) as store:
        finished = [s for s in store.ledger.studies() if s.result is not None]
    found = [s for s in finished if s.id == study] if study != LAST else finished[-1:]
    if not found:
        known = ", ".join(s.id for s in finished[-5:]) or "none"
        raise UsageError(f"no finished study '{study}'; there are: {known}")
    report = found[0].result
    text = study_markdown(report)
    print(json.dumps(report, ensure_ascii=False, indent=2) if as_json else text)
    if html is not None:
        from downroute.reports.verdicts import write_verdicts_page

        write_verdicts_page(html, report, policy)
        typer.echo(f"page: {html}", err=as_json)
    if markdown is not None:
        write_text(markdown, text)
        typer.echo(f"markdown: {markdown}", err=as_json)
