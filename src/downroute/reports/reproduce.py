"""PURE: how to repeat a study: the command, and what it was made with."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from downroute.records import Json

_VALUES = (
    ("scorer", "--scorer"), ("margin", "--margin"), ("confidence", "--confidence"),
    ("examples", "--examples"), ("seed", "--seed"), ("calls_per_month", "--calls-per-month"),
    ("repeats", "--repeats"),
)  # fmt: skip


def command(report: Mapping[str, Json]) -> str:
    """The command line that asks the same question again. Every answer stands in the journal of
    the store it was asked from, where it costs nothing."""
    question = _question(report)
    system = question.get("system_name")
    words = ["downroute", "study", "--baseline", report["baseline"]]
    for candidate in report["candidates"]:
        named = candidate.removesuffix(f" with {system}") if system else candidate
        words += ["--candidate", named]
    for task in question.get("tasks") or ():
        words += ["--task", task]
    if system:
        words += ["--system", system]
    for key, option in _VALUES:
        value = question.get(key, report.get(key))
        if value is not None and not (key == "repeats" and value == 1):
            words += [option, f"{value:.12g}" if isinstance(value, float) else str(value)]
    words += [f"--{key}" for key in ("relative", "replace") if question.get(key)]
    if question.get("cascade") is False:
        words.append("--no-cascade")
    return shlex.join(words)


def prices(report: Mapping[str, Json]) -> list[str]:
    """A line a model: its price, by whose word and as of when."""
    found = (report.get("made_with") or {}).get("prices") or {}
    return [f"{model}: {_price(price)}" for model, price in found.items()]


def versions(report: Mapping[str, Json]) -> str:
    """``downroute 0.1.0, numpy 2.3``; empty where the study did not keep them."""
    found = (report.get("made_with") or {}).get("versions") or {}
    return ", ".join(f"{name} {number}" for name, number in found.items() if number)


def _price(price: Mapping[str, Json] | None) -> str:
    if price is None:
        return "no price known"
    by = f"{price['source']}, {price['as_of']}" if price.get("as_of") else str(price["source"])
    return f"${price['input']:g} in, ${price['output']:g} out per million tokens ({by})"


def _question(report: Mapping[str, Json]) -> Mapping[str, Json]:
    found: Mapping[str, Json] = (report.get("made_with") or {}).get("question") or {}
    return found
