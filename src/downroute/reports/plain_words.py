"""PURE: a verdict in words for somebody who has never seen a confidence interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from downroute.records import Json
from downroute.reports.display import MISSING

MOVES = ("route", "safe", "cascade")
STAYS = ("keep", "unsafe")


def margin(report: Mapping[str, Json]) -> str:
    """How much worse is still good enough: ``5 points``."""
    if report["relative"]:
        return f"{report['margin'] * 100:g} % of the baseline's score"
    return f"{report['margin'] * 100:g} points"


def gap(found: Mapping[str, Json]) -> str:
    """The gap in points with its interval; "?" while grades are missing: it then lies between
    the ends whatever the grades will be."""
    low, high = found["gap_low"], found["gap_high"]
    if low is None or high is None:
        return MISSING
    middle = "?" if found["gap"] is None else f"{found['gap'] * 100:+.1f}"
    return f"{middle} [{low * 100:+.1f}, {high * 100:+.1f}]"


def headline(report: Mapping[str, Json]) -> str:
    """``3 of 7 tasks can move from gpt-4o to gpt-4o-mini``."""
    tasks = report["tasks"]
    moving = sum(t["verdict"] in MOVES for t in tasks)
    return (
        f"{moving} of {len(tasks)} tasks can move from {report['baseline']} to "
        f"{', '.join(report['candidates'])}"
    )


def said(task: Mapping[str, Json], report: Mapping[str, Json]) -> str:
    """What the verdict means for the task."""
    baseline, candidate, verdict = report["baseline"], task["candidate"], task["verdict"]
    if verdict == "cascade" and len(task.get("models") or ()) > 2:
        return f"Can move with a safety net: {_climbs(task)}."
    if verdict == "cascade":
        return (
            f"Can move with a safety net: {candidate} answers first, and about "
            f"{task['escalation']:.0%} of the requests are passed on to {baseline}."
        )
    if verdict in MOVES:
        limit = f"within the agreed {margin(report)}"
        found = task.get("break")
        if found:
            return (
                f"Can move in part: it {plain(found['words'])}, which is {found['share']:.0%} of "
                f"the requests. There {candidate} is {limit}; all others stay on {baseline}."
            )
        return f"Can move: {candidate} is shown to be {limit} of {baseline} here."
    if verdict in STAYS:
        if task["message"]:
            return f"Stays on {baseline}: {task['message']}."
        return f"Stays on {baseline}: {candidate} is shown to be worse by more than the margin."
    return f"Not decided, so it stays on {baseline}. {next_step(task)}"


def _climbs(task: Mapping[str, Json]) -> str:
    """How requests go up a ladder of models."""
    *cheaper, last = task["models"]
    answered = (task.get("cascade") or {}).get("answered")
    share = "the rest" if not answered else f"about {answered[-1]:.0%} of the requests"
    told = f"{cheaper[0]} answers first"
    for before, model in pairwise(cheaper):
        told += ", once more where its answer does not do" if model == before else f", then {model}"
    return f"{told}; {share} are passed on to {last}"


def next_step(task: Mapping[str, Json]) -> str:
    """What would settle an open verdict."""
    if task["message"]:
        return f"{str(task['message'])[:1].upper()}{str(task['message'])[1:]}."
    need = task["need"]
    if need and need.get("grades"):
        return f"People need to grade {need['grades']} of {need['of']} pairs to decide it."
    if need and need.get("labels"):
        return f"People need to label {need['labels']} of {need['of']} judged pairs to decide it."
    if need:
        return f"About {need['pairs']:,} more pairs would decide it."
    return "More pairs would probably not show it."


def served_gap(task: Mapping[str, Json]) -> Mapping[str, Json]:
    """The gap of what the verdict leads to: a cascade's own, where it is one."""
    cascade = task.get("cascade")
    if task["verdict"] == "cascade" and cascade:
        chosen: Mapping[str, Json] = cascade["chosen"]
        return chosen
    return task


def facts(task: Mapping[str, Json], report: Mapping[str, Json]) -> list[str]:
    """What else a reader should know before signing, one sentence each."""
    lines = []
    worst = task.get("worst_slice")
    served = served_gap(task)
    if served is not task:
        lines.append(
            f"{task['candidate']} alone: gap {gap(task)} points, not shown to be within the margin."
        )
        lines += _worse_than_a_lot(task["cascade"])
    if task.get("no_cascade"):
        lines.append(f"{task['no_cascade'][:1].upper()}{task['no_cascade'][1:]}.")
    if worst:
        alone = f" of {task['candidate']} alone" if served is not task else ""
        lines.append(
            f"Weakest part{alone}: {plain(worst['name'])}, gap {gap(worst)} points on "
            f"{worst['pairs']} pairs."
        )
    found = task.get("break")
    if found:
        lines.append(
            f"Outside that boundary the gap is {gap(found['outside'])} points on "
            f"{found['outside']['pairs']} pairs."
        )
    lines += [
        f"Guardrail {plain(g['name'])}: {task['candidate']} {g['candidate']:.1%}, "
        f"{report['baseline']} {g['baseline']:.1%} of {g['pairs']} answers"
        f"{' — too many more' if g['failed'] else ''}."
        for g in task.get("guardrails") or ()
        if g["candidate"] or g["baseline"]
    ]
    bias = task.get("length_bias")
    if bias and bias["warning"]:
        warning = bias["warning"]
        lines.append(f"{warning[:1].upper()}{warning[1:]}.")
    if task["unscored"]:
        lines.append(f"{task['unscored']} pairs could not be scored and are in no number.")
    if task.get("stands_among_all") is False:
        lines.append(
            "* Shown by itself, but not when all tasks are read together (Benjamini–Hochberg, "
            "10 %): measure it again before you rely on it."
        )
    return lines


def _worse_than_a_lot(cascade: Mapping[str, Json]) -> list[str]:
    """A point that somebody asked for may save less than a random split does."""
    split, saving = cascade.get("random_split"), cascade["chosen"].get("saving")
    if not split or not split["passed"] or split["saving"] is None or saving is None:
        return []
    if split["saving"] <= saving:
        return []
    return [
        f"This safety net saves {saving:.0%}, measuring left out; sending a share of the requests, "
        f"drawn by lot, to the better model would save {split['saving']:.0%}. It is offered "
        "because a target was named."
    ]


def sure(report: Mapping[str, Json]) -> str:
    """How sure all of it is, in one paragraph."""
    tasks = report["tasks"]
    errs = (1 - report["confidence"]) * 100
    told = (
        "A task moves only if all of the gap's interval lies within the margin, by a rule that "
        "lets a model which is truly worse than that through in at most "
        f"{errs:.2g} of 100 such tests"
    )
    if len(report["candidates"]) > 1:
        told += ", all candidates of a task together"
    told += ". "
    routed = [t for t in tasks if t.get("stands_among_all") is not None]
    if routed:
        kept = sum(t["stands_among_all"] for t in routed)
        told += (
            f"Of the {len(routed)} that move without a safety net, {kept} also stand when all "
            f"{len(tasks)} tasks are read together (Benjamini–Hochberg, false discovery rate "
            f"10 %){'' if kept == len(routed) else '; the others are marked *'}. "
        )
    graded = sum(t["graded"] for t in tasks)
    judged = [t["judge"] for t in tasks if t.get("judge")]
    if graded:
        told += f"People graded {graded:,} of the pairs. "
    if judged:
        told += "Where a model judged, its word was checked against people's. "
    return told + "The estimate of the gap alone decides nothing."


def untested(report: Mapping[str, Json]) -> list[str]:
    """What the study says nothing about."""
    lines = [
        "Requests unlike those in the log, and tasks that are not listed here.",
        f"Other versions of the models{_versions(report['tasks'])}.",
        "Whatever the scorer named under each task does not see: tone, style, safety, speed.",
    ]
    still = [t["task"] for t in report["tasks"] if t["verdict"] not in (*MOVES, *STAYS)]
    if still:
        lines.append(f"Whether these could move: {', '.join(still)}.")
    unscored = sum(t["unscored"] for t in report["tasks"])
    if unscored:
        lines.append(f"{unscored:,} pairs that could not be scored.")
    return lines


def plain(name: str) -> str:
    """A feature's name in a sentence: ``holds up to 619 input words``."""
    return name.replace("_", " ")


def _versions(tasks: Sequence[Mapping[str, Json]]) -> str:
    found = {
        snapshot
        for task in tasks
        for snapshot in ((task.get("evidence") or {}).get("snapshots") or {}).values()
    }
    return f" than {', '.join(sorted(found))}" if found else ""
