"""How many grades decide a study of recorded answers whose references and scores are hidden.

    python benchmarks/grades_that_decide.py ../shared/recorded --seeds 20

Imports the recordings without references, runs the real `downroute study` for each seed, and then
grades, in the order of `downroute grade`, by the scores that the recordings hold. Prints a Markdown
table: grades given of pairs, whether the verdict is the one that grades of all pairs give, and
how often the range that was shown after ten grades held what it took.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from downroute import config as configuration
from downroute.cli.grade_run import open_study
from downroute.store import Store
from downroute.study.grading_desk import GradingDesk, OpenPair
from downroute.study.recall import Recalled, rejudge
from recorded_studies import BASELINE, replaying, run
from scorer_agreement import TASKS

CANDIDATE = "gpt-4o-mini"
NAMES = ["gsm", "tools-simple", "triviaqa", "numersense", "mmlu"]
SAID_AFTER = 10
GRADER = "one"


@dataclass(frozen=True)
class Sitting:
    """One task graded until its verdict. ``said`` is the range shown after ten grades."""

    pairs: int
    differing: int
    grades: int
    verdict: str
    with_all: str
    said: tuple[int, int] | None

    @property
    def moves(self) -> bool:
        return self.verdict == "route"

    @property
    def would_move(self) -> bool:
        return self.with_all == "route"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recorded", type=Path)
    parser.add_argument("--seeds", type=int, default=20)
    options = parser.parse_args()
    files = {name: (options.recorded / f"{name}.jsonl.gz").resolve() for name in NAMES}
    prices = json.loads((options.recorded / "prices.json").read_text())["models"]
    found: dict[str, list[Sitting]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        scorers = {name: {"scorer": TASKS[name]} for name in NAMES if name in TASKS}
        (work / "downroute.yaml").write_text(json.dumps({"prices": prices, "tasks": scorers}))
        truth = {name: hide_references(work, name, file) for name, file in files.items()}
        run(work, "import", *(f"{name}.jsonl" for name in NAMES), "--served", BASELINE)
        with replaying(work, list(files.values())) as url:
            for seed in range(options.seeds):
                for sitting in graded(work, url, seed, truth):
                    found[sitting[0]].append(sitting[1])
                print(f"seed {seed}", file=sys.stderr)
    print_table(found)


def hide_references(work: Path, name: str, file: Path) -> dict[str, tuple[float, float]]:
    """Writes the recording without references and scores; both scores by the prompt."""
    truth = {}
    with (
        gzip.open(file, "rt", encoding="utf-8") as lines,
        (work / f"{name}.jsonl").open("w") as out,
    ):
        for line in lines:
            row = json.loads(line)
            row.pop("reference", None)
            row.pop("slice", None)
            both = row["responses"]
            scores = [both[m].pop("score") for m in (BASELINE, CANDIDATE)]
            row["responses"] = {BASELINE: both[BASELINE]}
            truth[prompt_of(row["request"])] = scores[0], scores[1]
            out.write(json.dumps(row) + "\n")
    return truth


def prompt_of(request: Mapping) -> str:
    return json.dumps([request["messages"], request.get("tools")], sort_keys=True)


def graded(
    work: Path, url: str, seed: int, truth: Mapping[str, dict[str, tuple[float, float]]]
) -> Iterator[tuple[str, Sitting]]:
    """The tasks of one study, graded one after another."""
    run(
        work, "study", "--baseline", BASELINE, "--candidate", CANDIDATE, "--upstream", url,
        "--seed", str(seed), "--yes", "--no-floor", "--no-cascade",
        "--policy", str(work / f"policy-{seed}.yaml"),
    )  # fmt: skip
    os.chdir(work)
    with Store.open(work / ".downroute", create=False) as store:
        forget(store)
        opened = open_study(store, configuration.load(None), None, (), (GRADER,))
        for name in NAMES:
            (tried,) = [t for t in opened.tasks if t[0].task.name == name]
            desk = GradingDesk(opened.memory, [tried], (GRADER,))
            yield name, sat(desk, opened.memory, tried[0], truth[name])
        forget(store)


def sat(desk: GradingDesk, memory, recalled: Recalled, truth: Mapping) -> Sitting:
    ranges: list[tuple[int, int]] = []
    while (turn := desk.turn(GRADER)).pair is not None:
        ranges.append((turn.least, turn.more or turn.most))
        desk.grade(GRADER, turn.pair.id, word(turn.pair, truth))
    (finding,) = desk.findings()
    by_id = {e.id: e for e in recalled.task.examples}
    everything = {
        p.key: truth[prompt_of(by_id[p.example_id].request)] for p in recalled.pairs if p.to_grade
    }
    return Sitting(
        pairs=len(recalled.pairs),
        differing=len(everything),
        grades=len(ranges),
        verdict=finding.result.verdict,
        with_all=rejudge(memory, recalled.task, everything).result.verdict,
        said=ranges[SAID_AFTER] if len(ranges) > SAID_AFTER else None,
    )


def word(pair: OpenPair, truth: Mapping) -> str:
    scores = truth[prompt_of(pair.example.request)]
    if pair.answers[0] is not pair.example.baseline_answer:
        scores = scores[::-1]
    good = tuple(score >= 0.5 for score in scores)
    return {(True, True): "both", (True, False): "a", (False, True): "b"}.get(good, "neither")


def forget(store: Store) -> None:
    """Every seed is graded by people who have seen nothing yet."""
    for grade in store.ledger.grades():
        store.ledger.remove_grade(grade.task, grade.pair, grade.grader)


COLUMNS = [
    "task", "pairs", "differ", "grades: median (range)", "route", "keep", "inconclusive",
    "same verdict with all graded", "same route or none", "range after 10 grades held",
]  # fmt: skip


def print_table(found: Mapping[str, list[Sitting]]) -> None:
    print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
    for name, sittings in found.items():
        grades = sorted(s.grades for s in sittings)
        verdicts = [s.verdict for s in sittings]
        told = [(s.said, s.grades - SAID_AFTER) for s in sittings if s.said]
        held = sum(few <= took <= many for (few, many), took in told)
        print(
            f"| {name} | {statistics.median(s.pairs for s in sittings):.0f} "
            f"| {statistics.median(s.differing for s in sittings):.0f} "
            f"| {statistics.median(grades):.0f} ({grades[0]}–{grades[-1]}) "
            f"| {verdicts.count('route')} | {verdicts.count('keep')} "
            f"| {verdicts.count('inconclusive')} "
            f"| {sum(s.verdict == s.with_all for s in sittings)} of {len(sittings)} "
            f"| {sum(s.moves == s.would_move for s in sittings)} of {len(sittings)} "
            f"| {f'{held} of {len(told)}' if told else '—'} |"
        )


if __name__ == "__main__":
    main()
