"""``downroute grade``: people say which answers are good."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Annotated

import typer

from downroute.cli.options import ConfigOption, JsonOption, PolicyOption, StoreOption

_LIFETIME = re.compile(r"(\d+)([mhd])")
_SECONDS = {"m": 60.0, "h": 3600.0, "d": 86400.0}


def grade(
    study: Annotated[
        str | None, typer.Option(metavar="ID", help="The study. Default: the latest.")
    ] = None,
    task: Annotated[
        list[str] | None,
        typer.Option(metavar="TASK", help="Grade this task only; may be repeated."),
    ] = None,
    graders: Annotated[
        str | None,
        typer.Option(metavar="NAME,NAME", help="One link for each. Default: one grader."),
    ] = None,
    expires: Annotated[
        str, typer.Option(metavar="TIME", help="How long the links hold: 30m, 12h, 7d.")
    ] = "7d",
    host: Annotated[
        str,
        typer.Option(help="The address to listen on; another than this machine's lets others in."),
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Where to listen; 0 takes a free port.")
    ] = 8766,
    export: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write one HTML file that needs no server, and end."),
    ] = None,
    import_: Annotated[
        Path | None,
        typer.Option(
            "--import", metavar="FILE", help="Take the result such a file saved, and end."
        ),
    ] = None,
    status: Annotated[
        bool, typer.Option("--status", help="Show what is graded and how far graders agree.")
    ] = False,
    as_json: JsonOption = False,
    policy: PolicyOption = None,
    store: StoreOption = None,
    config: ConfigOption = None,
) -> None:
    """Have people grade the pairs a study's verdict waits for, blind, until it needs no more.

    Example: downroute grade --graders anna,ben --expires 7d
    """
    from downroute import config as configuration
    from downroute.cli.grade_run import GradeWishes, run_grade

    settings = configuration.load(config)
    wishes = GradeWishes(
        store=store or settings.store.path,
        policy=policy or settings.policy,
        as_json=as_json,
        study=study,
        tasks=tuple(task or ()),
        graders=_names(graders),
        lifetime_s=_lifetime(expires),
        host=host,
        port=port,
        export=export,
        result=import_,
        status=status,
    )
    sys.exit(run_grade(settings, wishes))


def _names(listed: str | None) -> tuple[str, ...]:
    from downroute.errors import UsageError

    if listed is None:
        return ()
    names = tuple(dict.fromkeys(name.strip() for name in listed.split(",") if name.strip()))
    if not names:
        raise UsageError("--graders names nobody; write --graders anna,ben")
    return names


def _lifetime(written: str) -> float:
    from downroute.errors import UsageError

    found = _LIFETIME.fullmatch(written.strip().lower())
    if found is None or int(found.group(1)) == 0:
        raise UsageError(f"--expires {written!r} is no time; write 30m, 12h or 7d")
    return int(found.group(1)) * _SECONDS[found.group(2)]
