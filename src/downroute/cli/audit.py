"""``downroute audit``: the tasks in the log and what they cost."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from downroute.cli.options import ConfigOption, JsonOption, StoreOption

if TYPE_CHECKING:
    from downroute.records import Json
    from downroute.store import Store
    from downroute.study.discovery import FoundTask

TASKS_SHOWN = 40
MODELS_SHOWN = 3


def audit(
    calls_per_month: Annotated[
        float | None,
        typer.Option(min=0, metavar="N", help="All tasks together; else read off timestamps."),
    ] = None,
    store: StoreOption = None,
    config: ConfigOption = None,
    rejected: Annotated[
        bool, typer.Option("--rejected", help="List the rows that imports left out, and why.")
    ] = False,
    as_json: JsonOption = False,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write it as a page as well.")
    ] = None,
) -> None:
    """Show which tasks the log holds, with their calls, models, tokens and cost.

    Example: downroute audit --calls-per-month 250000
    """
    from downroute import config as configuration
    from downroute.cli.pricing import price_table, pricing
    from downroute.store import Store
    from downroute.study.discovery import find_tasks

    settings = configuration.load(config)
    folder = store or settings.store.path
    with Store.open(folder, create=False) as opened:
        if rejected:
            for row in opened.rejected.each():
                typer.echo(f"{row.source}:{row.line}: {row.reason}")
            return
        opened.calls.fill_missing_costs(pricing(price_table(settings)))
        tasks = find_tasks(opened, calls_per_month)
        report = _report(tasks, opened)
    if as_json:
        print(json.dumps(report, ensure_ascii=False, indent=2))
    else:
        _print(tasks, report, folder)
    if html is not None:
        from downroute.reports.tasks import write_tasks_page

        write_tasks_page(html, report)
        typer.echo(f"page: {html}", err=as_json)


def _report(tasks: Sequence[FoundTask], store: Store) -> dict[str, Json]:
    from downroute.study.discovery import exclusive_fingerprints

    exclusive = exclusive_fingerprints(tasks)
    return {
        "calls": sum(t.task.calls for t in tasks),
        "tasks": [_task_json(t, exclusive[t.task.name]) for t in tasks],
        "unpriced": _unpriced_json(tasks),
        "left_out": store.rejected.count(),
    }


def _task_json(found: FoundTask, exclusive: Sequence[str]) -> dict[str, Json]:
    task = found.task
    return {
        "task": task.name,
        "declared": task.declared,
        "shape": task.shape,
        "calls": task.calls,
        "failed": found.failed,
        "with_content": found.with_content,
        "models": dict(task.models),
        "input_tokens": found.input_tokens,
        "output_tokens": found.output_tokens,
        "without_tokens": found.without_tokens,
        "usage_estimated": found.usage_estimated,
        "cost_usd": found.cost_usd,
        "priced_usd": found.priced_usd,
        "unpriced_calls": found.unpriced_calls,
        "calls_per_month": found.calls_per_month,
        "cost_usd_month": found.cost_usd_month,
        "first_started_at": found.first_started_at,
        "last_started_at": found.last_started_at,
        "fingerprints": len(task.fingerprints),
        "exclusive_fingerprints": list(exclusive),
        "shared_fingerprints": {m: list(t) for m, t in found.shared_fingerprints.items()},
    }


def _unpriced_json(tasks: Sequence[FoundTask]) -> list[dict[str, Json]]:
    calls: Counter[str] = Counter()
    without_tokens: Counter[str] = Counter()
    for entry in (u for t in tasks for u in t.unpriced):
        calls[entry.model] += entry.calls
        without_tokens[entry.model] += entry.without_tokens
    return [
        {
            "model": model,
            "without_tokens": without_tokens[model],
            "without_price": n - without_tokens[model],
        }
        for model, n in calls.most_common()
    ]


def _print(tasks: Sequence[FoundTask], report: dict[str, Json], folder: Path) -> None:
    from downroute.cli.tables import print_table
    from downroute.reports.display import count

    if not tasks:
        typer.echo(f"the store {folder} holds no calls yet; next: downroute import PATH")
        return
    print_table(
        f"{report['calls']:,} calls in {folder}",
        ["task", "shape", "calls", "models", "tokens in", "tokens out", "cost", "cost/month",
         "told apart by"],
        [_row(t) for t in tasks[:TASKS_SHOWN]],
        numbers=["calls", "tokens in", "tokens out", "cost", "cost/month"],
    )  # fmt: skip
    hidden = tasks[TASKS_SHOWN:]
    if hidden:
        calls = count(sum(t.task.calls for t in hidden))
        typer.echo(f"… and {len(hidden):,} more tasks with {calls} calls (all: --json)")
    for line in _remarks(tasks, report):
        typer.echo(line)


def _row(found: FoundTask) -> list[str]:
    from downroute.reports.display import ABOUT, count, usd

    task = found.task
    about = ABOUT if found.usage_estimated else ""
    models = [f"{m} ({n:,})" if len(task.models) > 1 else m for m, n in task.models.items()]
    more = len(models) - MODELS_SHOWN
    shown = ", ".join(models[:MODELS_SHOWN]) + (f" and {more} more" if more > 0 else "")
    cost = usd(found.cost_usd, about=bool(about))
    if found.unpriced and found.priced_usd is not None:
        cost = f"> {usd(found.priced_usd)}"
    return [
        task.name,
        task.shape,
        count(task.calls),
        shown,
        about + count(found.input_tokens),
        about + count(found.output_tokens),
        cost,
        usd(found.cost_usd_month, about=True),
        _told_apart(found),
    ]


def _told_apart(found: FoundTask) -> str:
    """How live requests of the task will be recognised."""
    from downroute.study.discovery import exclusive_fingerprints

    keyed = bool(exclusive_fingerprints([found])[found.task.name])
    if not found.task.declared:
        return "its fingerprint" if keyed else f"nothing: declare it{_why_not(found)}"
    return "its name or fingerprint" if keyed else f"its name only{_why_not(found)}"


def _why_not(found: FoundTask) -> str:
    """Why no fingerprint tells the task's requests from others."""
    others = sorted({name for names in found.shared_fingerprints.values() for name in names})
    if others:
        more = f" and {len(others) - 2} more" if len(others) > 2 else ""
        return f" (looks like {', '.join(others[:2])}{more})"
    if len(found.task.fingerprints) == 1:
        return " (no instructions, tools or format)"
    return " (too many fingerprints)"


def _remarks(tasks: Sequence[FoundTask], report: dict[str, Json]) -> list[str]:
    lines = []
    if any(t.usage_estimated for t in tasks):
        lines.append("≈ the log's own token counts are estimates")
    for entry in report["unpriced"]:
        model = entry["model"]
        if entry["without_price"]:
            lines.append(
                f"no price for {model} ({entry['without_price']:,} calls): add `prices: {{{model}: "
                "{input: USD, output: USD}}` (per million tokens) to downroute.yaml"
            )
        if entry["without_tokens"]:
            lines.append(
                f"no token counts on {entry['without_tokens']:,} calls to {model}: their cost is "
                "not known"
            )
    if all(t.calls_per_month is None for t in tasks):
        lines.append("no timestamps over a day or more: cost per month needs --calls-per-month N")
    if report["left_out"]:
        lines.append(f"{report['left_out']:,} rows were left out by imports: --rejected lists them")
    lines.append(_next_step(tasks))
    return lines


def _next_step(tasks: Sequence[FoundTask]) -> str:
    if not any(t.with_content for t in tasks):
        return (
            "no content is kept, so nothing can be measured: import a log with its words, or set "
            "`store: {bodies: full}` in downroute.yaml"
        )
    models: Counter[str] = Counter()
    for found in tasks:
        models.update(found.task.models)
    return (
        f"next: downroute study --baseline {models.most_common(1)[0][0]} --candidate CHEAPER_MODEL"
    )
