"""``downroute policy test``: what a policy would have done with requests whose answers are
known."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from downroute.cli.options import ConfigOption, JsonOption, StoreOption

if TYPE_CHECKING:
    from downroute.config import Settings
    from downroute.money.rates import Rates
    from downroute.records import Json, Policy
    from downroute.store import Store
    from downroute.study.pairs import Judge
    from downroute.study.policy_test import Both, Logged, PolicyRun
    from downroute.study.stored_log import Keys

UNTOUCHED = "all baseline"


def test(
    policy: Annotated[Path, typer.Argument(help="The policy to try.")],
    log: Annotated[
        list[Path] | None,
        typer.Argument(help="Recordings. Default: the log and the studies in the store."),
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Compare with this policy. Default: the one in force."),
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="What requests ask for where that is not known."),
    ] = None,
    task: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this task; may be repeated.")
    ] = None,
    scorer: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Default: recorded, or the task's own."),
    ] = None,
    each: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a JSON line for every request, too."),
    ] = None,
    upstream: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Where the studies asked, if not as configured."),
    ] = None,
    store: StoreOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Simulate a policy on measured or recorded answers, beside the one in force.

    Each request is matched and its route followed by the functions that serve, over answers that
    are known: nothing is asked. Says quality, cost, escalation and latency per task.

    Example: downroute policy test proposed.yaml
    """
    from downroute import config as configuration
    from downroute.cli.policy_reading import read_policy_file_at
    from downroute.cli.policy_test_output import as_values, print_test
    from downroute.cli.pricing import price_table
    from downroute.errors import UsageError
    from downroute.study.own_checks import OwnChecks
    from downroute.study.policy_test import run_policy, together
    from downroute.usercode import UserCode

    settings = configuration.load(config, upstream=upstream)
    tried = read_policy_file_at(policy)
    current, current_name = _current(against, policy, settings)
    rates = price_table(settings).rates
    with ExitStack() as stack:
        source = _log(log or [], settings, store, rates, scorer, upstream, stack, tried)
        rows = [row for row in source if not task or row.task in task]
        if not rows:
            raise UsageError(
                "there is no request to try it on: name a recording, or import a log with its words"
            )
        now = time.time()
        code = UserCode()
        stack.callback(code.close)
        own = OwnChecks(code)
        run = run_policy(tried, rows, baseline=baseline, now=now, own=own)
        if not run.outcomes:
            reasons = "; ".join(f"{n:,} × {why}" for why, n in run.left_out.items())
            raise UsageError(
                f"{policy}: none of {len(rows):,} requests could be followed: {reasons}"
            )
        others: dict[str, PolicyRun] = {}
        if current is not None:
            others[current_name] = run_policy(current, rows, baseline=baseline, now=now, own=own)
        asked = {r.id: r.model or baseline or _asked(tried, r.task) for r in rows}
        unrouted = [dataclasses.replace(r, model=asked[r.id]) for r in rows if asked[r.id]]
        others[UNTOUCHED] = run_policy(None, unrouted, baseline=baseline, now=now)
    for fault, times in own.faults.items():
        typer.echo(f"check cannot tell, {times} times: {fault}", err=True)
    sides: dict[str, Both] = {name: together(run, other) for name, other in others.items()}
    if each is not None:
        _write_each(each, run)
    if as_json:
        values = as_values(policy, run, sides)
        print(json.dumps(values, ensure_ascii=False, indent=2))
    else:
        print_test(policy, run, sides)


def _current(against: Path | None, policy: Path, settings: Settings) -> tuple[Policy | None, str]:
    from downroute.cli.policy_reading import read_policy_file_at

    path = against or settings.policy
    if against is None and (not path.exists() or path.resolve() == policy.resolve()):
        return None, ""
    return read_policy_file_at(path), str(path)


def _asked(policy: Policy, task: str | None) -> str | None:
    from downroute.routing.match import RouteTable

    return RouteTable(policy).baseline_for(task)


def _log(
    files: Sequence[Path],
    settings: Settings,
    folder: Path | None,
    rates: Callable[[str], Rates | None],
    scorer: str | None,
    upstream: str | None,
    stack: ExitStack,
    tried: Policy,
) -> Iterable[Logged]:
    """The requests to try it on; a store stays open until ``stack`` is left."""
    from downroute.scoring.spec import build_scorer
    from downroute.scoring.table import RECORDED
    from downroute.study.recorded_log import recorded_log

    if files:
        judge = None if scorer in (None, RECORDED) else build_scorer(str(scorer))
        _, found = recorded_log(files, rates, judge)
        return found
    return _stored(settings, folder, scorer, upstream, stack, tried)


def _stored(
    settings: Settings,
    folder: Path | None,
    scorer: str | None,
    upstream: str | None,
    stack: ExitStack,
    tried: Policy,
) -> Iterable[Logged]:
    from downroute.cli.pricing import price_table, pricing
    from downroute.store import Store
    from downroute.study.stored_log import stored_log

    store = stack.enter_context(Store.open(folder or settings.store.path, create=False))
    store.calls.fill_missing_costs(pricing(price_table(settings)))
    return stored_log(store, _judges(store, settings, scorer, tried), _keys(settings, upstream))


def _judges(
    store: Store, settings: Settings, scorer: str | None, tried: Policy
) -> Mapping[str, Judge]:
    """Each task's judge: the one that is named, else the one its route's evidence was scored by,
    else the one a study would choose."""
    from downroute.study.choice import choose_scorer, measured_by
    from downroute.study.discovery import find_tasks
    from downroute.study.settings import StudySettings
    from downroute.study.stored_log import some_examples

    shapes = {found.task.name: found.task.shape for found in find_tasks(store, None)}
    evidence = {route.task: route.evidence or {} for route in reversed(tried.routes)}
    judges = {}
    for name, picked in some_examples(store).items():
        spec = scorer or measured_by(evidence.get(name, {}), picked, shapes[name], store)
        question = StudySettings(baseline="", candidates=(), scorer=spec)
        judges[name] = choose_scorer(name, picked, shapes[name], question, settings, store).judge
    return judges


def _keys(settings: Settings, upstream: str | None) -> Keys:
    from downroute.errors import ConfigError
    from downroute.providers.parameters import adapt
    from downroute.study.stored_log import journal_keys

    def lives_at(model: str) -> str:
        try:
            return upstream or settings.upstream_of(model)[0]
        except ConfigError:
            return ""

    def adapted(model: str, body: Mapping[str, Json]) -> Mapping[str, Json]:
        own = settings.model(model)
        return adapt(body, own.name or model, set_=own.set, rename=own.rename, drop=own.drop)

    return journal_keys(lives_at, adapted)


def _write_each(path: Path, run: PolicyRun) -> None:
    from downroute.errors import InputError

    lines: list[dict[str, Any]] = [
        {k: v for k, v in dataclasses.asdict(o).items() if k != "said"}
        for o in run.outcomes.values()
    ]
    try:
        path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    except OSError as fault:
        raise InputError(f"{path}: cannot be written: {fault.strerror}") from None
