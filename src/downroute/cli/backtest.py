"""``downroute backtest``: how often is the whole decision right where the truth is known?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from downroute.cli.options import ConfigOption, JsonOption, StoreOption


def backtest(
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FILE", help="Recordings. Default: what studies measured."),
    ] = None,
    baseline: Annotated[
        str, typer.Option(metavar="MODEL", help="The model that answers today.")
    ] = "",
    candidate: Annotated[str, typer.Option(metavar="MODEL", help="A cheaper model.")] = "",
    helper: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="A second cheap model whose agreement may be bought."),
    ] = None,
    task: Annotated[
        list[str] | None,
        typer.Option(metavar="TASK", help="A task; may be repeated. Default: all."),
    ] = None,
    scorer: Annotated[
        str | None,
        typer.Option(metavar="SCORER", help="NAME or NAME:OPTION=VALUE,… Of recordings: recorded."),
    ] = None,
    margin: Annotated[
        float, typer.Option(metavar="SHARE", help="How much worse is still good enough.")
    ] = 0.05,
    examples: Annotated[
        int, typer.Option(min=1, metavar="N", help="Pairs drawn in each repetition.")
    ] = 500,
    repetitions: Annotated[
        int, typer.Option(min=1, metavar="N", help="How often the decision is repeated.")
    ] = 200,
    seed: Annotated[int, typer.Option(metavar="N", help="Draws the samples.")] = 0,
    prices: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="USD per million tokens: {models: {NAME: {input, output}}}. "
            "Default: downroute.yaml, prices.json beside the recordings, the price list.",
        ),
    ] = None,
    as_json: JsonOption = False,
    store: StoreOption = None,
    config: ConfigOption = None,
) -> None:
    """Repeat a whole study on random subsets of answers that are known, and count what it serves.

    Example: downroute backtest gsm.jsonl.gz --baseline gpt-4o --candidate gpt-4o-mini
    """
    from downroute import config as configuration
    from downroute.cli.backtest_run import Wanted, run_backtest
    from downroute.errors import UsageError

    for name, model in (("--baseline", baseline), ("--candidate", candidate)):
        if not model:
            raise UsageError(f"name the models: {name} MODEL is missing")
    if len({baseline, candidate, helper}) < 3:
        raise UsageError("baseline, candidate and helper must be different models")
    if not 0 < margin < 1:
        raise UsageError(f"--margin {margin:g} must lie between 0 and 1 (0.05 = five points)")
    settings = configuration.load(config)
    wanted = Wanted(
        files=tuple(files or ()),
        baseline=baseline,
        candidate=candidate,
        helper=helper,
        tasks=tuple(dict.fromkeys(task or ())),
        scorer=scorer,
        margin=margin,
        examples=examples,
        repetitions=repetitions,
        seed=seed,
        prices=prices,
        store=store or settings.store.path,
        as_json=as_json,
    )
    run_backtest(wanted, settings)
