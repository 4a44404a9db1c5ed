"""``downroute policy``: look at the routing policy, check it, compare it, switch it off and on."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from downroute.cli import policy_test
from downroute.cli.options import ConfigOption, JsonOption, PolicyOption, StoreOption
from downroute.cli.policy_reading import (
    located,
    off_file,
    policy_text,
    read_policy_file_at,
    remarks_on,
)
from downroute.cli.policy_served import (
    as_moment,
    earlier_text,
    served_policies,
    to_roll_back_to,
)
from downroute.errors import ConfigError

if TYPE_CHECKING:
    from downroute.config import Settings
    from downroute.records import Json

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Look at the routing policy, check it, compare it, switch it off and on.\n\n"
    "Example: downroute policy check && downroute policy diff",
)


@app.command()
def show(
    policy: PolicyOption = None, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """Show the routes and their evidence.

    Example: downroute policy show
    """
    from downroute.cli.policy_output import print_policy, route_json

    path, _ = _place(policy, config)
    found = read_policy_file_at(path)
    if as_json:
        routes = [route_json(r, time.time()) for r in found.routes]
        facts = {"policy": str(path), "digest": found.digest, "off": off_file(path).exists()}
        print(json.dumps({**facts, "routes": routes}, ensure_ascii=False, indent=2, default=str))
    else:
        print_policy(path, found, off=off_file(path).exists(), now=time.time())


@app.command()
def check(
    policy: PolicyOption = None,
    config: ConfigOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find faults, and what to look at.

    Every fault is named with its line and column, and the command exits 1; a route whose models
    are asked in different APIs (`api` of their upstreams) is one. Warnings do not stop a
    policy from being served: evidence that has expired or soon will, routes without any, models
    the configuration does not know, fingerprints that the log knows of other tasks too.

    Example: downroute policy check --policy policy.yaml
    """
    from downroute.gateway.shapes import refuse_mixed_shapes

    path, settings = _place(policy, config)
    found = read_policy_file_at(path)
    refuse_mixed_shapes(found, policy_text(path), str(path), settings)
    remarks = remarks_on(found, settings, store or settings.store.path)
    lines = [located(path, remark) for remark in remarks]
    if as_json:
        facts: dict[str, Json] = {"policy": str(path), "digest": found.digest}
        print(json.dumps({**facts, "warnings": lines}, ensure_ascii=False, indent=2))
        return
    for line in lines:
        typer.echo(f"warning: {line}")
    off = "; it is off (downroute policy on)" if off_file(path).exists() else ""
    typer.echo(f"{path}: valid, {len(found.routes)} routes, digest {found.digest}{off}")


@app.command()
def diff(
    old: Annotated[
        str | None,
        typer.Argument(help="A file, or the digest of a served policy. Default: served last."),
    ] = None,
    new: Annotated[Path | None, typer.Argument(help="A file. Default: the policy.")] = None,
    policy: PolicyOption = None,
    config: ConfigOption = None,
    store: StoreOption = None,
) -> None:
    """Compare two policies, in text and in words.

    Says for which task what changes. Without arguments the policy is compared with the one that
    was served last.

    Example: downroute policy diff policy-before.yaml policy.yaml
    """
    import difflib

    from downroute.reports.policy_changes import changes
    from downroute.routing.policy import read_policy

    path, settings = _place(policy, config)
    old_name, old_text = earlier_text(old, store or settings.store.path)
    new_name, new_text = str(new or path), policy_text(new or path)
    lines = difflib.unified_diff(
        old_text.splitlines(), new_text.splitlines(), old_name, new_name, lineterm=""
    )
    for line in lines:
        typer.echo(line)
    found = changes(read_policy(old_text, old_name), read_policy(new_text, new_name))
    if old_text == new_text:
        typer.echo(f"{new_name} is the same as {old_name}")
    elif not found:
        typer.echo("No request is routed differently.")
    for change in found:
        typer.echo(f"{change.task}: {change.words}")


app.command("test")(policy_test.test)


@app.command()
def rollback(
    to: Annotated[
        str | None,
        typer.Argument(help="The digest of a served policy. Default: the one before this one."),
    ] = None,
    policy: PolicyOption = None,
    config: ConfigOption = None,
    store: StoreOption = None,
) -> None:
    """Put back a policy that was served before.

    The file as it stands is kept beside it, ending in `.before-rollback`. The gateway follows
    within a second. Which policies were served: `downroute policy history`.

    Example: downroute policy rollback
    """
    from downroute.cli.policy_file import write_policy_file
    from downroute.routing.policy import read_policy, text_digest

    path, settings = _place(policy, config)
    now_text = policy_text(path) if path.exists() else ""
    served = served_policies(store or settings.store.path)
    found = to_roll_back_to(served, to, text_digest(now_text))
    read_policy(found.text, f"served {found.digest}")
    if now_text:
        write_policy_file(path.with_name(f"{path.name}.before-rollback"), now_text)
    write_policy_file(path, found.text)
    typer.echo(
        f"{path} is {found.digest} again, first served {as_moment(found.first_served_at)}; "
        "see what changed: downroute policy diff"
    )


@app.command()
def history(
    policy: PolicyOption = None,
    config: ConfigOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the policies that were served, the latest last.

    Example: downroute policy history
    """
    from downroute.routing.policy import text_digest

    path, settings = _place(policy, config)
    current = text_digest(policy_text(path)) if path.exists() else None
    served = served_policies(store or settings.store.path)
    if as_json:
        facts = [
            {
                "digest": p.digest,
                "first_served_at": p.first_served_at,
                "current": p.digest == current,
            }
            for p in served
        ]
        print(json.dumps({"policy": str(path), "served": facts}, indent=2))
        return
    for one in served:
        mark = "  <- the file as it stands" if one.digest == current else ""
        typer.echo(f"{one.digest}  first served {as_moment(one.first_served_at)}{mark}")
    if not served:
        typer.echo("no policy was served yet")


@app.command()
def off(policy: PolicyOption = None, config: ConfigOption = None) -> None:
    """Send everything to the baseline.

    Takes effect within a second and lasts until `downroute policy on`.

    Example: downroute policy off
    """
    path = _switched(policy, config)
    switch = off_file(path)
    was_off = switch.exists()
    if not was_off:
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        switch.write_text(f"off since {moment}; `downroute policy on` removes this file\n")
    typer.echo(
        f"{path} is off{' already' if was_off else ''}: every request goes to the baseline; takes "
        "effect within a second"
    )


@app.command()
def on(policy: PolicyOption = None, config: ConfigOption = None) -> None:
    """Follow the policy again.

    Takes effect within a second.

    Example: downroute policy on
    """
    path = _switched(policy, config)
    switch = off_file(path)
    was_off = switch.exists()
    switch.unlink(missing_ok=True)
    typer.echo(
        f"{path} is on{'' if was_off else ' already'}: requests follow its routes; takes effect "
        "within a second"
    )


@app.command()
def schema() -> None:
    """Print the file's JSON Schema.

    Editors that know it complete keys and mark faults.

    Example: downroute policy schema > policy.schema.json
    """
    from downroute.routing.policy import policy_schema

    print(json.dumps(policy_schema(), ensure_ascii=False, indent=2))


def _switched(policy: Path | None, config: Path | None) -> Path:
    """The policy to switch. It need not be readable, nor need the settings where it is named: who
    switches off is in a hurry."""
    if policy is not None:
        return policy
    try:
        return _place(None, config)[0]
    except ConfigError as fault:
        raise ConfigError(
            f"{fault}\nto switch all the same, name the policy: --policy FILE"
        ) from None


def _place(policy: Path | None, config: Path | None) -> tuple[Path, Settings]:
    from downroute import config as configuration

    settings = configuration.load(config)
    return policy or settings.policy, settings
