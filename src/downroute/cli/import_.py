"""``downroute import``: logs of calls → the store."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from msgspec import structs

from downroute.cli.options import ConfigOption, JsonOption, StoreOption

if TYPE_CHECKING:
    from downroute.records import BadRow, Call, RecordedScore, Usage
    from downroute.store import Imported

FIRST_REASONS = 5
ROWS_PER_UPDATE = 500


def import_(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH", help="Log files, or folders of them.")
    ],
    format: Annotated[
        str, typer.Option(metavar="auto|recording|openai", help="What the files hold.")
    ] = "auto",
    served: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL", help="The model that answered, where the rows leave it open."
        ),
    ] = None,
    store: StoreOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read logs of calls into the store, with what was said in them.

    Importing the same file twice adds nothing. Rows that cannot be used are counted and kept
    aside; the rest goes on.

    Example: downroute import calls.jsonl batch_input.jsonl batch_output.jsonl
    """
    from downroute import config as configuration
    from downroute import importers
    from downroute.cli.pricing import price_table, pricing
    from downroute.store import Bodies, Store

    settings = configuration.load(config)
    folder = store or settings.store.path
    found = importers.read(paths, format, served)
    price = pricing(price_table(settings))
    intake = Intake(price)
    with _progress() as show, Store.open(folder) as opened:
        added = opened.add(intake.through(found, show), Bodies.FULL)
        opened.calls.fill_missing_costs(price)
    if as_json:
        print(json.dumps(_as_json(intake, added, folder), ensure_ascii=False, indent=2))
    else:
        _say(intake, added, folder)
    if intake.calls == 0 and intake.scores == 0:
        raise typer.Exit(1)


class Intake:
    """What passes on its way into the store: completed where the importer leaves it open, and
    counted."""

    def __init__(self, price: Callable[[str, str | None, Usage], float | None]) -> None:
        self.calls = 0
        self.scores = 0
        self.with_content = 0
        self.left_out = 0
        self.first_left_out: list[BadRow] = []
        self.unpriced: Counter[str] = Counter()
        self._price = price

    def through(
        self,
        items: Iterable[Call | RecordedScore | BadRow],
        show: Callable[[int, int], None],
    ) -> Iterator[Call | RecordedScore | BadRow]:
        """``items`` one by one, calls with their fingerprint and cost; ``show`` is told now and
        then how many calls and bad rows there were."""
        from downroute.records import BadRow, Call

        for item in items:
            if isinstance(item, Call):
                yield self._completed(item)
            else:
                if isinstance(item, BadRow):
                    self._note(item)
                else:
                    self.scores += 1
                yield item
            if (self.calls + self.left_out) % ROWS_PER_UPDATE == 0:
                show(self.calls, self.left_out)

    def _completed(self, call: Call) -> Call:
        from downroute.routing.fingerprint import fingerprint

        self.calls += 1
        self.with_content += call.request is not None and call.answer is not None
        cost = call.cost_usd
        if cost is None:
            cost = self._price(call.model, call.snapshot, call.usage)
        if cost is None:
            self.unpriced[call.model] += 1
        mark = call.fingerprint or ("" if call.request is None else fingerprint(call.request))
        return structs.replace(call, fingerprint=mark, cost_usd=cost)

    def _note(self, row: BadRow) -> None:
        self.left_out += 1
        if len(self.first_left_out) < FIRST_REASONS:
            self.first_left_out.append(row)


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """A line that counts along on a terminal; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda _calls, _left_out: None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        line = progress.add_task("reading")
        yield lambda calls, left_out: progress.update(
            line, description=f"{calls:,} calls read, {left_out:,} rows left out"
        )


def _as_json(intake: Intake, added: Imported, folder: Path) -> dict[str, object]:
    return {
        "store": str(folder),
        "new": added.new,
        "known": added.known,
        "recorded_scores": intake.scores,
        "recorded_scores_new": added.scores,
        "left_out": intake.left_out,
        "first_left_out": [
            {"source": row.source, "line": row.line, "reason": row.reason}
            for row in intake.first_left_out
        ],
        "with_content": intake.with_content,
        "unpriced": dict(intake.unpriced.most_common()),
    }


def _say(intake: Intake, added: Imported, folder: Path) -> None:
    known = f", {added.known:,} known already" if added.known else ""
    typer.echo(f"{added.new:,} new calls{known}")
    if intake.scores:
        typer.echo(f"{intake.scores:,} recorded scores, {added.scores:,} of them new")
    if added.new:
        kept = min(added.new, intake.with_content)
        typer.echo(f"content of {kept:,} calls kept in {folder} (files 0600, this user only)")
    for model, calls in intake.unpriced.most_common(FIRST_REASONS):
        typer.echo(f"cost of {calls:,} calls to {model} is not known; `downroute audit` says why")
    if intake.left_out:
        typer.echo(f"{intake.left_out:,} rows left out:")
        for row in intake.first_left_out:
            typer.echo(f"  {row.source}:{row.line}: {row.reason}")
        more = intake.left_out - len(intake.first_left_out)
        if more > 0:
            typer.echo(f"  … and {more:,} more")
        typer.echo("  all of them: downroute audit --rejected (kept aside with their text)")
    if intake.calls:
        typer.echo("next: downroute audit")
    else:
        typer.echo("nothing in these files could be used", err=True)
