"""``downroute doctor``: is everything in place?"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from downroute.cli.options import ConfigOption, JsonOption, PolicyOption, StoreOption

if TYPE_CHECKING:
    from downroute.cli.doctor_finding import Finding

MARKS = {"ok": "ok  ", "warn": "warn", "fail": "FAIL"}
COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


def doctor(
    config: ConfigOption = None,
    policy: PolicyOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
    outbound: Annotated[
        bool, typer.Option("--outbound", help="Only list the hosts the settings let it reach.")
    ] = False,
) -> None:
    """Check settings, store, upstreams, keys, policy, prices, judges, sandbox, traces: a line each.

    Asks each upstream for its list of models, which costs nothing. Keys are never shown. Exits 1
    where something does not work.

    Example: downroute doctor --config downroute.yaml
    """
    if outbound:
        _print_outbound(config, as_json)
        return
    from downroute.cli.doctor_checks import examine

    findings = examine(config, policy, store)
    failed = any(f.state == "fail" for f in findings)
    if as_json:
        checks = [{"state": f.state, "what": f.what, "says": f.says} for f in findings]
        print(json.dumps({"ok": not failed, "checks": checks}, ensure_ascii=False, indent=2))
    else:
        _print(findings)
    if failed:
        raise typer.Exit(1)


def _print_outbound(config: Path | None, as_json: bool) -> None:
    from downroute import config as configuration
    from downroute.cli.doctor_outbound import outbound_hosts

    hosts = outbound_hosts(configuration.load(config))
    if as_json:
        print(json.dumps({"hosts": hosts}, ensure_ascii=False, indent=2))
    elif not hosts:
        print("no upstream is configured: no host")
    else:
        for host, names in hosts.items():
            print(f"{host}  {', '.join(names)}")


def _print(findings: Sequence[Finding]) -> None:
    width = max(len(f.what) for f in findings)
    for finding in findings:
        typer.secho(MARKS[finding.state], fg=COLOURS[finding.state], nl=False)
        typer.echo(f"  {finding.what:<{width}}  {finding.says}")
