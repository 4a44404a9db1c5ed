"""The study's verdicts beside the truth, and beside what a rule on the point estimate would say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.table import Table
from rich.text import Text

from downroute.cli.demo_workload import Truth
from downroute.cli.tables import make_table
from downroute.errors import DownrouteError
from downroute.records import Json

RULE_EXAMPLES = 100
"""How many examples the point rule looks at."""

RARELY = 0.01
"""A chance below this is not worth a line."""

STYLE = {"route": "green", "cascade": "green", "keep": "red", "inconclusive": "yellow"}


@dataclass(frozen=True, slots=True)
class Comparison:
    """One task: what is true of it, and ``result``, its entry in ``study --json``."""

    truth: Truth
    margin: float
    result: Mapping[str, Json]

    @property
    def verdict(self) -> str:
        return str(self.result["verdict"])

    @property
    def worse(self) -> bool:
        """Truly worse by more than the margin: it must not be routed."""
        return self.truth.gap > self.margin

    @property
    def early_gap(self) -> float | None:
        """The estimate on the first examples, the same that the study saw at its first look."""
        gaps = (k["gap"] for k in self.result["looks"] if k["examples"] == RULE_EXAMPLES)
        return next(gaps, None)

    @property
    def rule_ships(self) -> bool | None:
        """Whether "within the margin on 100 examples" would move this task."""
        return None if self.early_gap is None else self.early_gap <= self.margin + 1e-9

    @property
    def holds(self) -> bool:
        """The verdict agrees with the truth: nothing worse is routed, nothing clearly fine is
        kept back. Between the two an honest study may say that it does not know."""
        if self.verdict == "route":
            return not self.worse
        if self.verdict == "keep":
            return self.worse
        return not self.truth.clearly_fine


def compare(report: Mapping[str, Json], truths: Sequence[Truth], margin: float) -> list[Comparison]:
    """Each task of the study's report beside its truth.

    Raises:
        DownrouteError: the report says nothing of a task.
    """
    found = {entry["task"]: entry for entry in report["tasks"]}
    missing = [t.task for t in truths if t.task not in found]
    if missing:
        raise DownrouteError(f"the study says nothing of {', '.join(missing)}")
    return [Comparison(truth, margin, found[truth.task]) for truth in truths]


def verdict_table(comparisons: Sequence[Comparison]) -> Table:
    """One row a task: the truth, the estimate on the rule's examples and what the rule makes of
    it, then the study's interval and verdict, and whether that is right."""
    numbers = ["true gap", f"on {RULE_EXAMPLES}", "rule", "pairs", "interval"]
    rows = [_row(comparison) for comparison in comparisons]
    return make_table(
        "Gaps in points", ["task", *numbers, "verdict", "right?"], rows, numbers=numbers
    )


def lessons(comparisons: Sequence[Comparison]) -> list[str]:
    """What the table shows, in a few lines."""
    held = sum(c.holds for c in comparisons)
    return [
        *(line for row in comparisons for line in _lesson(row)),
        f"{held} of {len(comparisons)} verdicts hold against the truth.",
    ]


def _lesson(row: Comparison) -> list[str]:
    task, gap = row.truth.task, f"{row.truth.gap * 100:g}"
    chance = row.truth.chance_of_looking_fine(RULE_EXAMPLES, row.margin)
    if row.worse and (row.rule_ships or chance >= RARELY):
        ships = "ships" if row.rule_ships else "did not ship"
        return [
            f'"Within {row.margin * 100:g} points on {RULE_EXAMPLES} examples" {ships} {task}, '
            f"{gap} points worse in truth; it ships it in {chance:.0%} of samples. "
            f"The study said {row.verdict}."
        ]
    if not row.worse and row.verdict == "inconclusive":
        return [
            f"{task} is within the margin in truth ({gap} points), but {row.result['examples']} "
            "pairs do not show it yet: the baseline stays."
        ]
    return []


def _row(row: Comparison) -> list[str | Text]:
    return [
        row.truth.task,
        f"{row.truth.gap * 100:g}",
        _points(row.early_gap),
        _rule(row),
        str(row.result["examples"]),
        f"[{_points(row.result['gap_low'])}, {_points(row.result['gap_high'])}]",
        Text(row.verdict, style=STYLE.get(row.verdict, "")),
        _right(row),
    ]


def _points(gap: float | None) -> str:
    """An estimated gap in percentage points."""
    return "—" if gap is None else f"{gap * 100:.1f}"


def _rule(row: Comparison) -> Text:
    if row.rule_ships is None:
        return Text("—")
    says = "ships" if row.rule_ships else "keeps"
    return Text(f"{says} ✗", style="bold red") if row.rule_ships == row.worse else Text(says)


def _right(row: Comparison) -> Text:
    if not row.holds:
        return Text("NO", style="bold red")
    open_question = row.verdict == "inconclusive" and not row.worse
    return Text("open" if open_question else "yes")
