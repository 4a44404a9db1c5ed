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


def console() -> Console:
    """Standard output as wide as the terminal is."""
    return Console(width=None if sys.stdout.isatty() else WIDE, highlight=False)


def print_table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Sequence[str]
) -> None:
    """A table on standard output; the columns in ``numbers`` stand right-aligned."""
    table = Table(
        title=title,
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
        # Names come from logs: as Text they are shown as they are, never read as markup.
        table.add_row(*(Text(cell) for cell in row))
    console().print(table)
