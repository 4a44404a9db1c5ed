"""The whole command line as typer reads it: help, options, what is wrong with them."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from downroute.cli.commands import COMMANDS
from downroute.cli.saying import INTERRUPTED, say_interrupted

HELP = """Find which LLM workloads can move to a cheaper model, prove it on your own examples, and
route by that proof.

Example: downroute import calls.jsonl, then downroute audit, then downroute study --baseline
gpt-4o --candidate gpt-4o-mini"""


class LazyGroup(TyperGroup):
    """Lists its commands from their rows and loads a command's module only to run it."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        name, row, rest = super().resolve_command(ctx, args)
        return name, None if row is None else load(name or ""), rest

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        for panel in dict.fromkeys(row.panel for row in COMMANDS):
            rows = [(row.name, row.summary) for row in COMMANDS if row.panel == panel]
            with formatter.section(panel):
                formatter.write_dl(rows)

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            say_interrupted()
            raise typer.Exit(INTERRUPTED) from None


def load(name: str) -> Any:
    """The command ``name`` with its parameters, its module imported."""
    row = next(c for c in COMMANDS if c.name == name)
    target = getattr(importlib.import_module(f"downroute.cli.{row.module}"), row.attribute)
    if isinstance(target, typer.Typer):
        return get_command(target)
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command(name)(target)
    return get_command(app)


def call(args: Sequence[str]) -> None:
    """Run the command that ``args`` ask for; raises `SystemExit` with its code."""
    command_line().main(args, prog_name="downroute")


def command_line() -> LazyGroup:
    """The group of all commands, none of them loaded."""
    app = typer.Typer(
        cls=LazyGroup,
        add_completion=False,
        no_args_is_help=True,
        rich_markup_mode=None,
        help=HELP,
    )
    app.callback()(_options)
    group = get_command(app)
    assert isinstance(group, LazyGroup)
    for row in COMMANDS:
        group.add_command(
            TyperCommand(row.name, help=row.summary, rich_help_panel=row.panel), row.name
        )
    return group


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"downroute {version('downroute')}")
        raise typer.Exit


def _options(
    version: bool = typer.Option(
        False,
        "--version",
        help="Show the version and exit.",
        is_eager=True,
        callback=_version,
    ),
) -> None:
    pass
