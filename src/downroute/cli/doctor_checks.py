"""What ``downroute doctor`` looks at. Each check says in one line what is and what to do."""

from __future__ import annotations

import os
import platform
import shutil
import stat
import sys
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from downroute import config as configuration
from downroute.cli.doctor_finding import Finding
from downroute.cli.doctor_keys import keys
from downroute.cli.doctor_tools import judges, sandbox, traces
from downroute.cli.doctor_upstreams import Upstreams, ask_upstreams
from downroute.cli.policy_reading import off_file, policy_text, remarks_on
from downroute.cli.pricing import price_table
from downroute.config import Settings
from downroute.errors import ConfigError, PolicyError, StoreError
from downroute.gateway.built import COMPILED, STALE, built
from downroute.records import Policy
from downroute.routing.policy import read_policy
from downroute.store import Store

OLDEST_PYTHON = (3, 11)
PACKAGES = (
    *("downroute", "aiohttp", "genai-prices", "jinja2", "jsonschema-rs", "msgspec", "pydantic"),
    *("ruamel.yaml", "scipy", "typer"),
)
OLD_AFTER = timedelta(days=30)
LITTLE_ROOM = 2**30
NO_ROOM = 100 * 2**20


def examine(config: Path | None, policy: Path | None, store: Path | None) -> list[Finding]:
    """Every check. One that cannot be made because an earlier one failed is left out."""
    findings = [*_python(), *_packages(), *_gateway()]
    try:
        settings = configuration.load(config)
    except ConfigError as fault:
        findings += [Finding("fail", "config", line) for line in str(fault).splitlines()]
        findings += _store(store or Settings().store.path)
        return findings
    findings += _config(config, settings)
    folder = store or settings.store.path
    findings += _store(folder)
    answers = ask_upstreams(settings)
    findings += _upstreams(settings, answers)
    path = policy or settings.policy
    findings += _policy(path, settings, folder)
    findings += _prices(settings, _models(settings, path))
    findings += [*keys(settings), *judges(settings), *sandbox(), *traces(settings)]
    return findings


def _python() -> Iterator[Finding]:
    found = platform.python_version()
    if sys.version_info < OLDEST_PYTHON:
        yield Finding("fail", "python", f"{found}; downroute needs 3.11 or newer")
    else:
        yield Finding("ok", "python", found)


def _packages() -> Iterator[Finding]:
    found = []
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            yield Finding("fail", "packages", f"{name} is not installed: pip install {name}")
    yield Finding("ok", "packages", ", ".join(found))


def _gateway() -> Iterator[Finding]:
    said = built()
    if said == STALE:
        yield Finding("fail", "gateway", f"{said}: `make compiled` or `make pure` in the checkout")
    elif said == COMPILED:
        yield Finding("ok", "gateway", "compiled")
    else:
        yield Finding(
            "ok", "gateway", "interpreted; compiled it needs less CPU (docs/performance.md)"
        )


def _config(path: Path | None, settings: Settings) -> Iterator[Finding]:
    file = path or configuration.DEFAULT_PATH
    if not file.exists():
        yield Finding("warn", "config", f"no {file}: defaults hold; `serve` and `study` need one")
        return
    models = f"upstreams: {len(settings.upstreams)}, models: {len(settings.models)}"
    own = [f", of {n}: {t.bodies}" for n, t in settings.tasks.items() if t.bodies is not None]
    kept = settings.store.bodies + "".join(own)
    yield Finding("ok", "config", f"{file}: {models}, gateway keeps content: {kept}")


def _store(folder: Path) -> Iterator[Finding]:
    file = folder / "store.db"
    if not file.exists():
        yield Finding("warn", "store", f"none in {folder} yet: `downroute import PATH` makes one")
        return
    for path in sorted(folder.glob("store.db*")):
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            yield Finding("warn", "store", f"{path} has mode {mode:04o}: chmod 600 {path}")
    try:
        with Store.open(folder, create=False) as opened:
            calls = opened.calls.count()
    except StoreError as fault:
        yield Finding("fail", "store", str(fault))
        return
    if not os.access(file, os.W_OK):
        yield Finding("fail", "store", f"{file} cannot be written: make it writable for this user")
        return
    size = sum(path.stat().st_size for path in folder.glob("store.db*"))
    yield Finding("ok", "store", f"{folder}: {calls:,} calls, {_bytes(size)}")
    free = shutil.disk_usage(folder).free
    state = "fail" if free < NO_ROOM else "warn" if free < LITTLE_ROOM else "ok"
    remedy = "" if state == "ok" else ": free some room"
    yield Finding(state, "disk", f"{_bytes(free)} free{remedy}")


def _upstreams(settings: Settings, answers: Upstreams) -> Iterator[Finding]:
    if not settings.upstreams:
        yield Finding(
            "warn",
            "upstreams",
            "none: add `upstreams: {NAME: {base_url: URL, key: env:VARIABLE}}` to downroute.yaml",
        )
    for name, answer in answers.items():
        yield Finding(answer.state, f"upstream {name}", answer.says)
        for model, entry in settings.models.items():
            asked = entry.name or model
            lives = settings.upstream_of(model)[0]
            if lives == name and answer.models and asked not in answer.models:
                yield Finding(
                    "warn",
                    f"model {model}",
                    f"{name} does not list {asked}: check the name (`name:` under `models:`)",
                )


def _policy(path: Path, settings: Settings, folder: Path) -> Iterator[Finding]:
    if off_file(path).exists():
        yield Finding("warn", "policy", f"{path} is off: `downroute policy on` follows it again")
    if not path.exists():
        yield Finding("warn", "policy", f"no {path}: `serve` only observes; `study` writes one")
        return
    try:
        found = read_policy(policy_text(path), str(path))
    except PolicyError as fault:
        for line in str(fault).splitlines():
            yield Finding("fail", "policy", line)
        return
    yield Finding("ok", "policy", f"{path}: {len(found.routes)} routes, digest {found.digest}")
    try:
        remarks = remarks_on(found, settings, folder)
    except StoreError:
        # Said above, where the store is looked at.
        remarks = remarks_on(found, settings, None)
    for remark in remarks:
        yield Finding("warn", f"route {found.routes[remark.route].task}", remark.words)


def _prices(settings: Settings, models: Sequence[str]) -> Iterator[Finding]:
    table = price_table(settings)
    unpriced = [model for model in models if table.rates(model) is None]
    for model in unpriced:
        yield Finding(
            "warn",
            f"price {model}",
            f"unknown: add `prices: {{{model}: {{input: USD, output: USD}}}}` (per million tokens)",
        )
    if models and not unpriced:
        yield Finding("ok", "prices", f"known for all {len(models)} models")
    today = date.today()
    for model, price in settings.prices.items():
        yield from _age(model, price.date, today)
    newest = _newest_listed_price()
    installed = f"genai-prices {version('genai-prices')}"
    if newest is None:
        yield Finding("ok", "price list", f"{installed}; it does not say how old it is")
    elif today - newest > OLD_AFTER:
        yield Finding(
            "warn",
            "price list",
            f"{installed} knows no price change after {newest}: pip install -U genai-prices",
        )
    else:
        yield Finding("ok", "price list", f"{installed}, at least as new as {newest}")


def _age(model: str, stated: str | None, today: date) -> Iterator[Finding]:
    try:
        day = None if stated is None else date.fromisoformat(stated[:10])
    except ValueError:
        day = None
    if day is None:
        yield Finding(
            "warn",
            f"price {model}",
            "your own, with no day it was read on: add `date: YYYY-MM-DD` beside it",
        )
    elif today - day > OLD_AFTER:
        yield Finding(
            "warn",
            f"price {model}",
            f"your own, read on {day}, {(today - day).days} days ago: read it again",
        )


def _newest_listed_price() -> date | None:
    """The last day a price of the installed list began: the list is at least that new."""
    from genai_prices import data_snapshot

    days = [
        start
        for provider in data_snapshot.get_snapshot().providers
        for model in provider.models
        if isinstance(model.prices, list)
        for price in model.prices
        if isinstance(start := getattr(price.constraint, "start_date", None), date)
    ]
    return max((d for d in days if d <= date.today()), default=None)


def _models(settings: Settings, path: Path) -> list[str]:
    """Every model that is configured or in the policy."""
    models = dict.fromkeys(settings.models)
    try:
        found = read_policy(policy_text(path), str(path))
    except PolicyError:
        found = Policy((), "")
    for route in found.routes:
        models.update(dict.fromkeys(route.asked))
    return list(models)


def _bytes(size: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:,.0f} {unit}"
        size /= 1024
    return f"{size:,.1f} GiB"
