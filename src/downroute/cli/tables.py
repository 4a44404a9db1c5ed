"""Tables for people. Rich comes with this module, so commands import it only to print."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

WIDE = 200
"""Columns where nobody is looking: a pipe wraps nothing, so that its lines can be searched."""


def console(*, stderr: bool = False) -> Console:
    """Standard output, or error, as wide as the terminal is. What is printed is never read as
    markup: names come from logs."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else WIDE
    return Console(width=width, highlight=False, markup=False, emoji=False, stderr=stderr)


def make_table(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[str | Text]],
    *,
    numbers: Sequence[str],
) -> Table:
    """A table; the columns in ``numbers`` stand right-aligned."""
    table = Table(
        title=Text(title),
        title_justify="left",
        title_style="bold",
        header_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    for column in columns:
        right = column in numbers
        table.add_column(
            column, justify="right" if right else "left", overflow="fold", no_wrap=right
        )
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else Text(cell) for cell in row))
    return table


def print_table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Sequence[str]
) -> None:
    """A table on standard output; the columns in ``numbers`` stand right-aligned."""
    console().print(make_table(title, columns, rows, numbers=numbers))
