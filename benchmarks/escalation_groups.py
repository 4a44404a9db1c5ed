"""How honest the report on escalations is: groups where there are none, and what straight to the
baseline is said to cost beside what it does cost.

Groups where there are none are also looked for in a sample of the calls, as the gateway takes one
of many, beside a sample of the accepted ones with every escalated one. Without a folder of
recordings only groups are measured. Usage:

    python benchmarks/escalation_groups.py [FOLDER_OF_RECORDINGS] [--seeds 200]
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import statistics
import time
from pathlib import Path
from typing import Any

from downroute.gateway.question_sample import QuestionSample
from downroute.records import Answer, Usage
from downroute.reports.escalation_conditions import selectors
from downroute.reports.escalation_effect import straight_to_baseline
from downroute.reports.escalation_groups import find_groups
from downroute.reports.escalation_values import Ending, JudgedCall
from downroute.reports.escalation_words import words_of
from downroute.routing.question import QUESTION
from downroute.routing.signals import signals

PRICES = {"gpt-4o": (2.5e-6, 1e-5), "gpt-4o-mini": (1.5e-7, 6e-7)}
TASKS = ("gsm", "numersense", "mmlu", "tools-simple", "tools-complex", "math-l5", "triviaqa")
SYLLABLES = [a + b for a in "bdfgklmnprst" for b in "aeiou"]

QUIET, BUSY = (300, 1, 60), (3000, 20, 30)
"""Calls, calls a second and most words of a question, by night and at noon."""

Row = tuple[int, float, int, float, int, int]
"""Characters of the question, the cheaper answer's cost and score (or 0), the baseline's cost,
and the cheaper answer's tokens in and out."""


def call(number: int, escalated: bool, **facts: Any) -> JudgedCall:
    known = {
        "spent_usd": None, "rejected_usd": None, "baseline_usd": None, "candidate_usd": None,
        "candidate_usage": Usage(), "features": {}, **facts,
    }  # fmt: skip
    return JudgedCall(
        id=str(number),
        at=0.0,
        fingerprint="f",
        unit=str(number),
        policy=None,
        ending=Ending.ESCALATED if escalated else Ending.ACCEPTED,
        cause=None,
        latency_s=None,
        baseline_s=None,
        **known,
    )


def false_groups(seeds: int, calls: int) -> None:
    """Logs in which a fifth of the calls escalates whatever they say."""
    found, took = {True: 0, False: 0}, 0.0
    for seed in range(seeds):
        draw = random.Random(seed)
        texts = [
            " ".join("".join(draw.choices(SYLLABLES[:18], k=2)) for _ in range(draw.randint(4, 60)))
            for _ in range(calls)
        ]
        requests = [{"messages": [{"role": "user", "content": text}]} for text in texts]
        entries = [
            call(i, draw.random() < 0.2, features=signals(Answer(), request, QUESTION))
            for i, request in enumerate(requests)
        ]
        for kept in (True, False):
            words = {str(i): words_of(r) for i, r in enumerate(requests)} if kept else {}
            began = time.perf_counter()
            found[kept] += bool(find_groups(entries, words, selectors(entries, words)))
            took += time.perf_counter() - began
    print(f"{calls} calls, {seeds} seeds, {took / seeds / 2:.2f} s each: a group is reported in")
    for kept, times in found.items():
        print(f"  {times / seeds:.1%} of logs {'with' if kept else 'without'} their words")


def sampled_groups(seeds: int) -> None:
    """Nights of few calls and long questions, noons of many calls and short ones, of which a sample
    is measured; a fifth escalates whatever it says, and takes five seconds longer."""
    found, measured = [0, 0], [0, 0]
    for seed in range(seeds):
        draw = random.Random(seed)
        kinds: tuple[list[JudgedCall], list[JudgedCall]] = ([], [])
        for number, (words, escalated, taken) in enumerate(night_and_noon(draw)):
            if not (taken or escalated):
                continue
            text = " ".join("".join(draw.choices(SYLLABLES[:18], k=2)) for _ in range(words))
            request = {"messages": [{"role": "user", "content": text}]}
            entry = call(number, escalated, features=signals(Answer(), request, QUESTION))
            for kind, within in zip(kinds, (taken, True), strict=True):
                if within:
                    kind.append(entry)
        for i, entries in enumerate(kinds):
            measured[i] += len(entries)
            found[i] += bool(find_groups(entries, {}, selectors(entries, {})))
    print(
        f"{QUIET[0] + BUSY[0]} calls of a night and a noon, {seeds} seeds: a group is reported in"
    )
    for i, name in enumerate(("a sample of all", "all escalated and a sample of the accepted")):
        print(f"  {found[i] / seeds:.1%} of logs with {name} ({measured[i] / seeds:.0f} calls)")


def night_and_noon(draw: random.Random) -> list[tuple[int, bool, bool]]:
    """Each call's words, whether it escalates, and whether it is in the gateway's sample."""
    ended = 0.0
    sample = QuestionSample(2.0, 20.0, lambda: ended, draw.random)
    ends, began = [], 0.0
    for calls, a_second, most in (QUIET, BUSY):
        for _ in range(calls):
            began += draw.expovariate(a_second)
            escalated = draw.random() < 0.2
            took = 5.5 if escalated else 0.5
            ends.append((began + took, began, draw.randint(4, most), escalated))
    found = []
    for end, began, words, escalated in sorted(ends):
        ended = end
        found.append((words, escalated, sample.takes(began)))
    return found


def rows(folder: Path, task: str) -> list[Row]:
    found = []
    with gzip.open(folder / f"{task}.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            asked = row["request"]["messages"][-1]["content"]
            told = {m: row["responses"][m]["completion"]["usage"] for m in PRICES}
            cost = {
                m: u["prompt_tokens"] * PRICES[m][0] + u["completion_tokens"] * PRICES[m][1]
                for m, u in told.items()
            }
            small = told["gpt-4o-mini"]
            score = row["responses"]["gpt-4o-mini"].get("score") or 0.0
            tokens = small["prompt_tokens"], small["completion_tokens"]
            found.append((len(asked), cost["gpt-4o-mini"], score, cost["gpt-4o"], *tokens))
    return found


RULES = ("short answers", "long answers", "wrong ones and 5 % of the others", "40 %, at random")


def escalates(rule: str, row: Row, cut: int, draw: random.Random) -> bool:
    """Whether a call is escalated. With a cut in length no accepted answer is as long as any
    escalated one: the hardest case to tell the others' costs from."""
    match rule:
        case "short answers":
            return row[5] <= cut
        case "long answers":
            return row[5] >= cut
        case "40 %, at random":
            return draw.random() < 0.4
    return row[2] < 0.5 or draw.random() < 0.05


def coverage(folder: Path, seeds: int) -> None:
    known = {task: rows(folder, task) for task in TASKS}
    print("what is escalated | one task | two tasks | width of the interval")
    for name in RULES:
        shares, widths = [], []
        for mixed in (False, True):
            inside = tried = 0
            for seed in range(seeds):
                draw = random.Random(f"{name}{mixed}{seed}")
                first, second = draw.sample(TASKS, 2)
                log = draw.sample(known[first], min(400, len(known[first])))
                log += draw.sample(known[second], 150) if mixed else []
                held, width = one_group(log, name, draw)
                if held is not None:
                    tried, inside = tried + 1, inside + held
                    widths.append(width)
            shares.append(f"{inside / tried:.1%}")
        print(f"{name} | {' | '.join(shares)} | {statistics.median(widths):.0%}")


def one_group(log: list[Row], rule: str, draw: random.Random) -> tuple[bool | None, float]:
    """Whether the interval of the half with the shorter questions holds what it did cost, and how
    wide it is beside that; ``None`` where none is given."""
    lengths = sorted(row[5] for row in log)
    cut = lengths[int(len(lengths) * draw.choice([0.3, 0.5, 0.7]))]
    middle = statistics.median(row[0] for row in log)
    calls, truth, group = [], 0.0, []
    for number, row in enumerate(log):
        escalated = escalates(rule, row, cut, draw)
        spent = row[1] + (row[3] if escalated else 0.0)
        facts = {
            "spent_usd": spent, "baseline_usd": row[3] if escalated else None,
            "candidate_usd": row[1], "candidate_usage": Usage(row[4], row[5]),
        }  # fmt: skip
        calls.append(call(number, escalated, **facts))
        if row[0] <= middle:
            truth += row[3] - spent
            group.append(calls[-1])
    told = straight_to_baseline(group, calls).total_usd
    if told is None:
        return None, 0.0
    return told.low - 1e-12 <= truth <= told.high + 1e-12, (told.high - told.low) / abs(truth)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--seeds", type=int, default=200)
    wished = parser.parse_args()
    false_groups(wished.seeds, 600)
    sampled_groups(wished.seeds)
    if wished.folder is not None:
        coverage(wished.folder, wished.seeds)


if __name__ == "__main__":
    main()
