"""``downroute keys``: virtual keys of the gateway, made, listed, revoked."""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from downroute.cli.options import ConfigOption, JsonOption

if TYPE_CHECKING:
    from downroute.gateway_settings import KeySettings

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Make, list and revoke keys for the gateway. Example: downroute keys create support-app",
)
_FROM_NOW = re.compile(r"(\d+)\s*([mhdw])")
_SECONDS = {"m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
_SHOWN_DIGITS = 12

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="What the log calls it.")]


@app.command()
def create(
    name: NameArgument,
    task: Annotated[
        list[str] | None,
        typer.Option(metavar="TASK", help="Allow this task only; repeat for several."),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(metavar="MODEL", help="Allow this model only; repeat for several."),
    ] = None,
    per_minute: Annotated[
        int | None,
        typer.Option(min=1, max=1_000_000, metavar="N", help="So many requests a minute."),
    ] = None,
    expires: Annotated[
        str | None,
        typer.Option(metavar="WHEN", help="Until 2027-01-31 (00:00 UTC), or for 90d, 12h."),
    ] = None,
    only_print: Annotated[
        bool, typer.Option("--print", help="Show what to put into the settings; change nothing.")
    ] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a key: it is shown once, on stdout; the settings get its digest.

    Gateways that run take it over within a second.

    Example: downroute keys create support-app --task support-triage --expires 90d
    """
    from downroute.cli.keys_file import add_key, as_text
    from downroute.config import DEFAULT_PATH
    from downroute.errors import UsageError
    from downroute.gateway.keys import digest_of, new_key
    from downroute.gateway_settings import KEY_NAME

    if not re.match(KEY_NAME, name):
        raise UsageError(
            f"{name!r} is no name of a key: letters, digits, '.', '_' and '-', 64 at most"
        )
    if not all([*(task or ()), *(model or ())]):
        raise UsageError("an empty --task or --model allows nothing; leave it out to allow all")
    key, now = new_key(), time.time()
    entry: dict[str, Any] = {
        "digest": f"sha256:{digest_of(key).hex()}",
        "created": datetime.fromtimestamp(now, UTC).date(),
    }
    if expires is not None:
        entry["expires"] = _instant(expires, now)
    limits = {"tasks": task, "models": model, "requests_per_minute": per_minute}
    entry.update({k: list(v) if isinstance(v, list) else v for k, v in limits.items() if v})
    file = config or DEFAULT_PATH
    if not only_print:
        add_key(file, name, entry)
    where = None if only_print else str(file)
    if as_json:
        shown = {k: str(v) if k in ("created", "expires") else v for k, v in entry.items()}
        print(json.dumps({"name": name, "key": key, "file": where, **shown}, indent=2))
        return
    print(key)
    if only_print:
        typer.echo(f"\n# into {file}:\n{as_text(name, entry)}", err=True, nl=False)
    else:
        typer.echo(f"this is the only time it is shown; {file} has its digest", err=True)


@app.command("list")
def list_(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show the keys there are and what they may be used for; never a key itself.

    Example: downroute keys list
    """
    from downroute.config import load

    gateway, now = load(config).gateway, time.time()
    if as_json:
        rows = [_row(name, key, now) for name, key in gateway.keys.items()]
        print(json.dumps({"admin_key": gateway.admin_key, "keys": rows}, indent=2))
        return
    if not gateway.keys:
        print("no keys: whoever reaches the gateway is let in; `downroute keys create NAME`")
    else:
        _print_table([_row(name, key, now) for name, key in gateway.keys.items()])
    print(f"admin key: {gateway.admin_key or 'none'}")


@app.command()
def revoke(name: NameArgument, config: ConfigOption = None) -> None:
    """Let a key in no more; gateways that run follow within a second.

    Its entry stays, so that its name is not given to another key.

    Example: downroute keys revoke support-app
    """
    from downroute.cli.keys_file import revoke_key
    from downroute.config import DEFAULT_PATH

    file = config or DEFAULT_PATH
    changed = revoke_key(file, name)
    print(f"{name}: {'revoked' if changed else 'was revoked already'} ({file})")


def _instant(text: str, now: float) -> Any:
    """What ``--expires`` means, as it is written into the settings: a day, or a time in UTC."""
    from downroute.errors import UsageError

    from_now = _FROM_NOW.fullmatch(text.strip())
    try:
        if from_now is not None:
            at = datetime.fromtimestamp(now + int(from_now[1]) * _SECONDS[from_now[2]], UTC)
        else:
            at = datetime.fromisoformat(text.strip())
    except (ValueError, OverflowError, OSError):
        raise UsageError(
            f"--expires {text}: give a day (2027-01-31), a time (2027-01-31T12:00Z) or how long "
            "from now (90d, 12h)"
        ) from None
    at = (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC).replace(microsecond=0)
    if at.timestamp() <= now:
        raise UsageError(f"--expires {text}: that is over already")
    midnight = (at.hour, at.minute, at.second) == (0, 0, 0)
    return at.date() if midnight else f"{at:%Y-%m-%dT%H:%M:%SZ}"


def _row(name: str, key: KeySettings, now: float) -> dict[str, Any]:
    over = key.expires_at is not None and key.expires_at <= now
    return {
        "name": name,
        "state": "revoked" if key.revoked else "expired" if over else "active",
        "created": key.created,
        "expires": key.expires,
        "tasks": key.tasks,
        "models": key.models,
        "requests_per_minute": key.requests_per_minute,
        "digest": key.digest,
    }


def _print_table(rows: list[dict[str, Any]]) -> None:
    head = ("name", "state", "created", "expires", "tasks", "models", "a minute", "digest")
    lines = [head]
    for row in rows:
        listed = [", ".join(row[k]) if row[k] else "all" for k in ("tasks", "models")]
        lines.append(
            (
                *(row["name"], row["state"], row["created"] or "—", row["expires"] or "never"),
                *listed,
                str(row["requests_per_minute"] or "any"),
                row["digest"].removeprefix("sha256:")[:_SHOWN_DIGITS],
            )
        )
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    for line in lines:
        print(
            "  ".join(f"{cell:{width}}" for cell, width in zip(line, widths, strict=True)).rstrip()
        )
