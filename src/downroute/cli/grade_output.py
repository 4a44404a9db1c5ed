"""What ``downroute grade`` prints: links, what is graded, how far graders agree."""

from __future__ import annotations

import ipaddress
import itertools
import json
from collections.abc import Mapping, Sequence
from datetime import datetime

from rich.console import Console

from downroute.cli.study_conclusion import exit_code
from downroute.cli.tables import console, make_table
from downroute.records import Json
from downroute.stats.agreement import cohen_kappa, krippendorff_alpha, raw_agreement
from downroute.store import Grade, Link
from downroute.study.grading_desk import GradingDesk


def print_links(output: Console, links: Sequence[Link], host: str, port: int) -> None:
    """One line a grader; who holds a link grades under that name."""
    shown = f"[{host}]" if ":" in host else host
    for link in links:
        until = datetime.fromtimestamp(link.expires_at).strftime("%Y-%m-%d %H:%M")
        url = f"http://{shown}:{port}/g/{link.token}/"
        output.print(f"{link.grader}: {url} (until {until})", soft_wrap=True)
    if not _is_loopback(host):
        output.print(
            "Others on this network can reach it, unencrypted: whoever sees a link can grade.",
            style="yellow",
        )
    output.print("Grades are kept as they are given. It ends when decided, or with Ctrl-C.")


def about(least: int, more: int | None) -> str:
    """How many grades it takes, as far as anybody can tell."""
    if more is None:
        return f"at least {least} more"
    return f"about {least} to {more} more" if least < more else f"about {more} more"


def status_json(desk: GradingDesk, study_id: str) -> dict[str, Json]:
    """Who graded how much, what is left, and the graders' agreement."""
    grades = desk.grades()
    counts: dict[str, int] = {}
    for grade in grades:
        counts[grade.grader] = counts.get(grade.grader, 0) + 1
    results = desk.results()
    least, more, most = desk.ahead()
    return {
        "study": study_id,
        "graders": counts,
        "pairs_left": most,
        "about": None if more is None else [least, more],
        "at_least": least,
        "tasks": {r.task: {"verdict": r.verdict, "graded": r.graded} for r in results},
        "agreement": agreement_json(grades),
        "exit_code": exit_code(results),
    }


def agreement_json(grades: Sequence[Grade]) -> dict[str, Json]:
    """Over the pairs that several people graded; a number that is not defined is null."""
    units: dict[tuple[str, str], dict[str, Json]] = {}
    for grade in grades:
        units.setdefault((grade.task, grade.pair), {})[grade.grader] = tuple(grade.grade)
    shared = [labels for labels in units.values() if len(labels) > 1]
    names = sorted({grade.grader for grade in grades})
    kappas = {}
    for first, second in itertools.combinations(names, 2):
        both = [(u[first], u[second]) for u in shared if first in u and second in u]
        if both:
            kappas[f"{first}, {second}"] = cohen_kappa(both)
    return {
        "pairs": len(shared),
        "raw": raw_agreement(shared),
        "kappa": kappas,
        "alpha": krippendorff_alpha(shared),
    }


def print_status(status: Mapping[str, Json], as_json: bool, *, only_agreement: bool = False) -> int:
    """Print it; the exit code of the verdicts as they stand."""
    if as_json:
        print(json.dumps(status, ensure_ascii=False, indent=2))
        return int(status["exit_code"])
    output = console()
    if not only_agreement:
        rows = [[name, str(count)] for name, count in status["graders"].items()]
        output.print(
            make_table(f"Study {status['study']}", ["grader", "grades"], rows, numbers=["grades"])
        )
        for task, found in status["tasks"].items():
            output.print(f"  {task}: {found['verdict']}, {found['graded']} pairs graded")
        left = status["pairs_left"]
        if left:
            more = None if status["about"] is None else status["about"][1]
            said = about(status["at_least"], more)
            output.print(f"{left} pairs can be graded, {said} decide it.")
        else:
            output.print("No pair waits for a grade.")
    agreed = status["agreement"]
    if agreed["pairs"]:
        kappas = ", ".join(f"{names} {_number(k)}" for names, k in agreed["kappa"].items())
        output.print(
            f"Graders agree on {_number(agreed['raw'])} of what several graded ({agreed['pairs']} "
            f"pairs); Cohen's kappa {kappas}; Krippendorff's alpha {_number(agreed['alpha'])}."
        )
    return int(status["exit_code"])


def _number(value: float | None) -> str:
    return "—" if value is None else f"{value:.2f}"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
