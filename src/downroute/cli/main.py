"""The command line: one row a command. A command's module is loaded when it is called, so that
`downroute --help` stays quick whatever the rooms behind the commands bring with them.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from downroute.errors import DownrouteError

INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Command:
    """``attribute`` of ``downroute.cli.<module>`` is a function, or a typer app of commands."""

    name: str
    panel: str
    module: str
    attribute: str
    summary: str


COMMANDS = (
    Command("demo", "Start", "demo", "demo", "See the whole story on a bundled workload."),
    Command("doctor", "Start", "doctor", "doctor", "Check that everything is in place."),
    Command("import", "Prove", "import_", "import_", "Read logs of calls into the store."),
    Command("audit", "Prove", "audit", "audit", "Show the tasks in the log and what they cost."),
    Command("study", "Prove", "study", "study", "Prove on examples which tasks can move."),
    Command("grade", "Prove", "grade", "grade", "Have people grade the pairs a verdict needs."),
    Command("backtest", "Prove", "backtest", "backtest", "Repeat the decision on known answers."),
    Command("policy", "Run", "policy", "app", "Look at, check and switch the routing policy."),
    Command("serve", "Run", "serve", "serve", "Run the gateway that follows the policy."),
    Command("report", "Run", "report", "report", "Show what routing spent and what it saved."),
    Command("store", "Operate", "store", "app", "See what is kept, and delete it for good."),
    Command("keys", "Operate", "keys", "app", "Make, list and revoke keys for the gateway."),
    Command("replay", "Operate", "replay", "replay", "Serve recorded answers as an API."),
)

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
            typer.echo("interrupted; what was read and measured so far is kept", err=True)
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


def command_line() -> LazyGroup:
    """The whole command line, no command loaded."""
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


def main(args: Sequence[str] | None = None) -> int:
    """Run one command; the exit code. Whatever goes wrong is said in words on stderr."""
    try:
        command_line().main(args, prog_name="downroute")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except KeyboardInterrupt:
        return INTERRUPTED
    except DownrouteError as fault:
        say_error(str(fault))
        return fault.exit_code
    except OSError as fault:
        if fault.filename is None:
            return _bug(fault)
        say_error(f"{fault.filename}: {fault.strerror}")
        return 1
    except Exception as fault:
        return _bug(fault)
    return 0


def run() -> None:
    """The console script: `main`, then the process ends with its code."""
    code = main()
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output has gone (say, `| head`). Without this, Python complains about
        # it while it shuts down.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


def say_error(message: str) -> None:
    """``error: …`` on stderr, one line per line of the message."""
    for line in message.splitlines() or [""]:
        typer.echo(f"error: {line}", err=True)


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


def _bug(fault: Exception) -> int:
    import tempfile
    import traceback

    text = "".join(traceback.format_exception(fault))
    said = " ".join(f"{type(fault).__name__}: {fault}".split())[:300]
    if os.environ.get("DOWNROUTE_DEBUG"):
        typer.echo(text, err=True, nl=False)
        say_error(f"this is a bug in downroute: {said}")
        return 1
    handle, path = tempfile.mkstemp(prefix="downroute-bug-", suffix=".txt", text=True)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    say_error(f"this is a bug in downroute: {said} (details: {path}; DOWNROUTE_DEBUG=1 shows them)")
    return 1
