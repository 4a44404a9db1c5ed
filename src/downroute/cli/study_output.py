"""What ``downroute study`` prints: the plan, the progress, the policy's diff and the verdicts."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from downroute.cli.cascade_output import cascade_lines, curve_table, points
from downroute.cli.detector_output import detector_table, left_out_lines, opinion_plan_lines
from downroute.cli.judge_output import judge_lines, judge_plan_lines
from downroute.cli.tables import make_table
from downroute.records import Json
from downroute.reports.display import usd
from downroute.study.answer_effort import told
from downroute.study.prepared import PreparedTask
from downroute.study.result import Floor, TaskResult
from downroute.study.settings import StudySettings
from downroute.study.verdict import Outcome, Stopped

STYLE = {
    Outcome.ROUTE: "green",
    Outcome.CASCADE: "green",
    Outcome.KEEP: "red",
    Outcome.INCONCLUSIVE: "yellow",
}


def print_left_out(
    console: Console,
    prepared: Sequence[PreparedTask],
    worth: Sequence[PreparedTask],
    question: StudySettings,
) -> None:
    """What of the log cannot be measured, and why."""
    reasons: Counter[str] = sum((t.left_out for t in worth), Counter())
    if reasons:
        listed = ", ".join(f"{n} {reason}" for reason, n in reasons.most_common())
        console.print(f"Left out of the sample: {listed}.", style="dim")
    small = [t for t in prepared if t not in worth]
    if small:
        console.print(
            f"{len(small)} tasks have too few distinct requests answered by {question.baseline} "
            "to show anything; name one with --task to measure it all the same.",
            style="dim",
        )


def print_plan(console: Console, worth: Sequence[PreparedTask], question: StudySettings) -> None:
    """What will be asked, what it can show, and what it costs at most."""
    rows = [
        [
            task.plan.task,
            task.plan.shape,
            task.plan.scorer,
            task.plan.scorer_reason,
            str(task.plan.pairs),
            f"{task.plan.provable:.0%}",
            usd(task.plan.cost_usd),
        ]
        for task in worth
    ]
    columns = ["task", "shape", "scored by", "because", "pairs ≤", "provable", "cost ≈"]
    console.print(make_table("Plan", columns, rows, numbers=columns[4:]))
    costs = [t.plan.cost_usd for t in worth]
    total = None if any(c is None for c in costs) else sum(c or 0.0 for c in costs)
    calls = sum(t.plan.pairs for t in worth) * len(question.candidates) * question.repeats
    console.print(
        f"At most {calls:,} calls to {', '.join(question.candidates)}, about {usd(total)}; "
        "the test stops earlier where it can. Provable: the share of pairs whose scores may "
        "differ and an equal candidate still be shown with 80 % power."
    )
    for line in (*judge_plan_lines(worth, question), *opinion_plan_lines(worth)):
        console.print(line, soft_wrap=True)


@contextmanager
def progress_bars(
    console: Console, worth: Sequence[PreparedTask], question: StudySettings
) -> Iterator[Callable[[str, str], None]]:
    """A bar per task and candidate on a terminal; nothing elsewhere."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        bars = {
            (task.name, model): progress.add_task(f"{task.name} · {model}", total=task.plan.pairs)
            for task in worth
            for model in question.candidates
        }

        def advance(task: str, model: str) -> None:
            # The baseline, asked again, has no bar.
            if (task, model) in bars:
                progress.advance(bars[task, model])

        yield advance


def policy_diff(path: Path, before: str, after: str) -> str:
    """What changed in the policy; empty where nothing did."""
    return "\n".join(
        difflib.unified_diff(
            before.splitlines(), after.splitlines(), str(path), str(path), lineterm="", n=2
        )
    )


def print_diff(console: Console, path: Path, before: str, after: str) -> None:
    """What changed in the policy."""
    if before == after:
        console.print(f"{path}: no change", style="dim")
        return
    styles = {"+": "green", "-": "red", "@": "cyan"}
    for line in policy_diff(path, before, after).splitlines():
        console.print(Text(line, style=styles.get(line[:1], "")), soft_wrap=True)


def print_results(
    console: Console,
    results: Sequence[TaskResult],
    worth: Sequence[PreparedTask],
    question: StudySettings,
    report: Mapping[str, Json],
) -> None:
    """The verdicts, then what each still needs."""
    kind = "of the baseline's score" if question.relative else "points"
    margin = f"{question.margin * 100:g} {'% ' if question.relative else ''}{kind}"
    title = f"{question.baseline} → {', '.join(question.candidates)}, margin {margin}"
    columns = ["task", "shape", "pairs", "graded", "scores", "gap in points",
               "USD per right", "verdict", "saving"]  # fmt: skip
    rows = [_row(result) for result in results]
    console.print(make_table(title, columns, rows, numbers=columns[2:7]))
    marks = {t.name: t.fingerprints for t in worth}
    for result in results:
        if result.cascade is not None:
            console.print(curve_table(result.task, result.cascade))
        if result.detectors:
            console.print(detector_table(result.task, result.detectors))
        for line in remarks(result, marks.get(result.task, ())):
            console.print(f"  {result.task}: {line}", soft_wrap=True)
    if question.system is not None:
        console.print(
            f"No route is written: none can change a prompt. To use what was shown, put "
            f"{question.system_name} into your application, log its calls, and study these.",
            soft_wrap=True,
        )
    spent = report["spent_usd"]
    console.print(f"Spent {usd(spent)} (study {report['study']}).")
    if report["asking"]["retries"] or report["asking"]["failed"]:
        console.print(asking_line(report["asking"]), soft_wrap=True)
    if report["possibly_paid_calls"]:
        console.print(
            f"{report['possibly_paid_calls']} calls of an interrupted run were in flight and were "
            f"asked again: possibly paid twice, about {usd(report['possibly_paid_usd'])}."
        )


def asking_line(effort: Mapping[str, Json]) -> str:
    """How often had to be asked again, and what of it may have been billed."""
    billed = ""
    if effort["unanswered"]:
        billed = f"; {effort['unanswered']} tries broke off and may have been billed"
    return (
        f"{effort['asks']} calls took {effort['retries']} retries, {effort['failed']} failed all "
        f"the same{billed}."
    )


def remarks(result: TaskResult, fingerprints: Sequence[str]) -> list[str]:
    """What a reader of one verdict should know besides the table."""
    lines = []
    if result.message and result.stopped is not Stopped.FAULT:
        lines.append(result.message)
    need = result.need
    if need is not None and need.labels:
        missing = 0 if result.judge is None else result.judge.missing
        more = f", {missing} may be needed in all" if missing > need.labels else ""
        lines.append(
            f"inconclusive: label these {need.labels} of {need.of}{more} (downroute grade, or "
            "--export-grades FILE)"
        )
    elif need is not None and need.grades:
        lines.append(
            f"inconclusive: grade these {need.grades} of {need.of} (downroute grade, or "
            "--export-grades FILE)"
        )
    elif need is not None:
        cost = "" if need.cost_usd is None else f", about {usd(need.cost_usd)}"
        lines.append(f"about {need.pairs:,} more pairs would settle it (80 % power){cost}")
    elif result.outcome is Outcome.INCONCLUSIVE and result.interval and not result.message:
        lines.append("the estimated gap is not below the margin; more pairs would not help")
    if result.judge is not None:
        lines += judge_lines(result.judge)
    biased = None if result.length_bias is None else result.length_bias.warning()
    if biased is not None:
        lines.append(biased)
    if result.stands_among_all is False:
        lines.append(
            "shown by itself, but not among all tasks measured together (Benjamini–Hochberg, "
            "10 %): measure it again before you rely on it"
        )
    if result.stopped is Stopped.UNSCORED:
        lines.append("too many pairs could not be scored to call it shown")
    if result.unscored:
        lines.append(f"{result.unscored} pairs could not be scored and are in no number")
    if result.floor is not None:
        lines.append(floor_line(result.baseline, result.floor))
    effort = told(*map(result.effort.get, (result.baseline, result.candidate)))
    lines += [] if effort is None else [effort]
    lines += _break_lines(result)
    worst = result.worst_slice
    if worst is not None and result.outcome is not Outcome.KEEP:
        lines.append(
            f"worst slice: {worst.name}, {worst.pairs} pairs, gap {points(worst.interval)}"
        )
    if result.cascade is not None:
        lines += cascade_lines(result.cascade)
    elif result.no_cascade is not None:
        lines.append(result.no_cascade)
    lines += left_out_lines(result.detectors, result.sought)
    if result.outcome in (Outcome.ROUTE, Outcome.CASCADE) and not fingerprints:
        lines.append(
            "its requests cannot be told from other tasks' by what they say: clients must send "
            f"the header x-downroute-task: {result.task}"
        )
    lines += [f"{o.candidate}: {o.verdict}, gap {gap(o)}" for o in result.others]
    return lines


def floor_line(baseline: str, floor: Floor) -> str:
    """How far the baseline is from itself."""
    if not floor.pairs:
        return f"{baseline} against itself could not be measured: {floor.message or 'no answers'}"
    gap = "" if floor.gap is None else f", gap {floor.gap * 100:+.1f}"
    return (
        f"{baseline} against itself differs on {floor.differ / floor.pairs:.1%} of {floor.pairs} "
        f"pairs{gap}"
    )


def _break_lines(result: TaskResult) -> list[str]:
    # What fresh pairs did not confirm is no finding; it stands in --json as exploratory.
    found = result.narrowed
    if found is None:
        return []
    beyond = f"beyond, {found.outside.pairs} pairs, gap {points(found.outside.interval)}"
    why = "; the whole task was shown, and this is its better part"
    if found.judgement is not None and found.whole is not None:
        held = "each held against a boundary found without it, " if found.cross_fitted else ""
        fresh = "" if found.cross_fitted else "fresh "
        why = (
            f"; confirmed on {len(found.fresh)} {fresh}pairs inside, {held}of which the table "
            f"speaks (all requests: gap {points(found.whole)})"
        )
    return [f"{found.words()}, {found.share:.0%} of the requests; {beyond}: {result.baseline}{why}"]


def gap(result: TaskResult) -> str:
    """The gap in points with its interval."""
    if result.interval is None:
        return "—"
    told = points(result.interval)
    # While grades are missing only the ends are known: whatever the grades will be, it lies there.
    return f"? {told[told.index('[') :]}" if result.ungraded else told


def _row(result: TaskResult) -> list[str | Text]:
    models = (result.baseline, result.candidate)
    scores = [result.scores.get(m) for m in models]
    saving = "—"
    paid = result.route_saving
    if paid is not None:
        saving = f"{paid.share:.0%}"
        if paid.month_usd is not None:
            low, high = paid.month_usd
            saving += f", {usd(low)} to {usd(high)} a month"
    return [
        result.task,
        result.shape,
        str(result.examples),
        str(result.graded),
        " → ".join("—" if s is None else f"{s:.3f}" for s in scores),
        gap(result),
        " → ".join(usd(result.cost_per_right_usd.get(m)) for m in models),
        Text(result.verdict, style=STYLE[result.outcome]),
        saving,
    ]
