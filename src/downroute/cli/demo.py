"""`downroute demo`: the whole story on a bundled workload, through the real commands.

The two models are simulated and said to be: which of them errs where was drawn with a seed, so
the true gaps are known and the verdicts can be held against them. Everything else is what a user
runs: the same commands, real HTTP, the real store, policy and gateway.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from downroute.cli.demo_page import serve_page
from downroute.cli.demo_processes import HOST, Stage, free_port, termination_interrupts
from downroute.cli.demo_traffic import Reply, pick, send, traffic_summary, traffic_table
from downroute.cli.demo_verdicts import RULE_EXAMPLES, Comparison, compare, lessons, verdict_table
from downroute.cli.demo_workload import (
    DEFAULT_SEED,
    LARGE,
    SMALL,
    USD_PER_MILLION,
    WORKLOAD,
    recording_rows,
    write_recording,
)
from downroute.cli.tables import console
from downroute.records import Json
from downroute.store import Store

RECORDING = "workload.jsonl"
CALLS_PER_MONTH = 600_000
EXAMPLES = 400
LIVE_CALLS = 300
MARGIN = 0.05
VERDICT_CODES = (0, 100, 101)
"""Exit codes of a study that ended with verdicts."""
INTERRUPTED = 130
MORAL = "An estimate says how much; only a bound says how sure."


def demo(
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep gateway and report up until Ctrl-C.")
    ] = False,
    seed: Annotated[
        int, typer.Option(help="Draws the workload and the samples; another seed, another story.")
    ] = DEFAULT_SEED,
) -> None:
    """Tell the whole story on a bundled workload with two simulated models, in about a minute.

    Nothing leaves this machine, nothing is spent, and nothing stays behind.

    Example: downroute demo --keep
    """
    try:
        with (
            termination_interrupts(),
            tempfile.TemporaryDirectory(prefix="downroute-demo-") as folder,
        ):
            code = tell(Stage(Path(folder), console()), seed, keep=keep)
    except KeyboardInterrupt:
        typer.echo("the demo is stopped; nothing of it is left behind", err=True)
        code = INTERRUPTED
    sys.exit(code)


def tell(stage: Stage, seed: int, *, keep: bool) -> int:
    """The story from the log to the bill; 0 where every verdict agrees with the truth and every
    live answer was that of the model the gateway named."""
    rows = recording_rows(seed)
    write_recording(stage.folder / RECORDING, rows)
    stage.console.print(
        f"{len(rows):,} calls over {len(WORKLOAD)} tasks, two simulated models. Answers "
        "and prices are made up, and so the true gaps are known exactly."
    )
    with ExitStack() as servers:
        comparisons = compare(prove(stage, servers, seed), WORKLOAD, MARGIN)
        gateway, replies = serve(stage, servers, rows, seed)
        conclude(stage, comparisons)
        if keep:
            stage.console.print(f"\nGateway: {gateway} (model {LARGE}, no key needed)")
            serve_page(stage)
    right = all(c.holds for c in comparisons) and all(r.faithful for r in replies)
    return 0 if right else 1


def prove(stage: Stage, servers: ExitStack, seed: int) -> Mapping[str, Json]:
    """Log → tasks → verdicts → policy; the study's report as the store's ledger keeps it."""
    port = free_port()
    (stage.folder / "downroute.yaml").write_text(configuration(port), encoding="utf-8")
    stage.chapter("Recorded answers stand in for the provider.")
    servers.enter_context(
        stage.serving("replay", RECORDING, "--port", str(port), port=port, ready="/v1/models")
    )
    stage.chapter(f"The log: so far {LARGE} answers everything.")
    stage.run("import", RECORDING, "--served", LARGE)
    stage.run("audit", "--calls-per-month", str(CALLS_PER_MONTH))
    stage.chapter(f"The proof: {SMALL} is asked the same until its answers decide.")
    stage.run(
        "study", "--baseline", LARGE, "--candidate", SMALL, "--examples", str(EXAMPLES),
        "--seed", str(seed), "--calls-per-month", str(CALLS_PER_MONTH), "--yes",
        fine=VERDICT_CODES,
    )  # fmt: skip
    with Store.open(stage.folder / ".downroute", create=False) as store:
        report: Mapping[str, Json] = store.ledger.studies()[-1].result
    return report


def serve(
    stage: Stage, servers: ExitStack, rows: Sequence[Mapping[str, Json]], seed: int
) -> tuple[str, list[Reply]]:
    """Policy → gateway → log: live calls by that proof, and the bill. The gateway's URL and what
    it answered."""
    stage.chapter("The policy that follows: one file, safe to read and edit.")
    stage.run("policy", "show")
    port = free_port()
    url = f"http://{HOST}:{port}/v1"
    stage.chapter("The gateway follows it; an application changes its base_url and no more.")
    servers.enter_context(stage.serving("serve", "--port", str(port), port=port, ready="/ready"))
    replies = asyncio.run(send(url, pick(rows, LIVE_CALLS, seed)))
    stage.console.print(traffic_table(replies))
    stage.console.print(traffic_summary(replies))
    stage.chapter("The bill, from what the gateway logged.")
    stage.run("report")
    return url, replies


def conclude(stage: Stage, comparisons: Sequence[Comparison]) -> None:
    """The verdicts beside the truth, and what is to be learned from it."""
    rule = f'"within {MARGIN * 100:g} points on {RULE_EXAMPLES} examples"'
    stage.chapter(f"The verdicts beside the truth, and beside the rule {rule}.")
    stage.console.print(verdict_table(comparisons))
    for line in lessons(comparisons):
        stage.console.print(line, soft_wrap=True)
    stage.console.print(MORAL, style="bold")


def configuration(port: int) -> str:
    """The demo's ``downroute.yaml``: one upstream on ``port``, the simulated models' prices."""
    prices = "\n".join(
        f'  {model}: {{input: {paid_in}, output: {paid_out}, source: "simulated, for this demo"}}'
        for model, (paid_in, paid_out) in USD_PER_MILLION.items()
    )
    return f"""upstreams:
  replay: {{base_url: http://{HOST}:{port}/v1}}
prices:
{prices}
tasks:
  address-format: {{scorer: exact}}
"""
