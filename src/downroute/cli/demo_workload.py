"""The demo's workload: 2,000 calls over five tasks, answered by two *simulated* models whose true
gaps are known exactly.

Its rows are in the recording format, so that ``replay`` serves them and ``import`` reads them like
anybody's. No model was asked for any of it: which of the two errs where is drawn
with a seed, in the numbers that `WORKLOAD` states.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import comb, exp, log1p
from pathlib import Path
from random import Random
from typing import Any

from downroute.cli import demo_problems, demo_requests
from downroute.cli.demo_requests import Case
from downroute.prompts import canonical_json
from downroute.records import Json

LARGE = "demo-large"
SMALL = "demo-small"
USD_PER_MILLION = {LARGE: (4.0, 16.0), SMALL: (0.25, 1.0)}
"""Input and output price of the simulated models, sixteen to one."""

DEFAULT_SEED = 136
"""Chosen so that the first 100 sampled examples of `faq-from-context` look harmless, as they do in
one sample of five, and the next ones show that they are not."""

CHARACTERS_PER_TOKEN = 4
SURE_IF_RIGHT, SURE_IF_WRONG, SPREAD = 4.0, 2.0, 1.5
"""How sure the models are of short answers, as mean log odds and their standard deviation. Of a
right and a wrong answer the right one is the surer in 83 of 100 cases, as with real models (82 on
recorded multiple choice)."""
CLEARLY_FINE = 0.01


@dataclass(frozen=True, slots=True)
class Truth:
    """What is true of one task: in how many of its requests which model is right."""

    task: str
    write: Callable[[Random], Case]
    both: int
    large_only: int
    small_only: int
    neither: int
    sure: bool = True
    """Whether log probabilities tell anything: those of a derivation's last number hardly do."""

    @property
    def rows(self) -> int:
        return self.both + self.large_only + self.small_only + self.neither

    @property
    def gap(self) -> float:
        """Share of right answers lost by moving to the small model."""
        return (self.large_only - self.small_only) / self.rows

    @property
    def clearly_fine(self) -> bool:
        """So close that a study with these examples ought to show it."""
        return self.gap <= CLEARLY_FINE

    def chance_of_looking_fine(self, examples: int, margin: float) -> float:
        """How often the estimate on ``examples`` requests, drawn without replacement, is at most
        ``margin``: what a rule on the point estimate would ship."""
        ties = self.both + self.neither
        ways = sum(
            comb(self.large_only, b) * comb(self.small_only, c) * comb(ties, examples - b - c)
            for b in range(min(self.large_only, examples) + 1)
            for c in range(min(self.small_only, examples - b) + 1)
            if b - c <= examples * margin + 1e-9
        )
        return ways / comb(self.rows, examples)


WORKLOAD = (
    Truth("support-triage", demo_requests.support_triage, 382, 3, 1, 14),
    Truth("order-extract", demo_requests.order_extract, 382, 5, 2, 11),
    Truth("faq-from-context", demo_requests.faq_from_context, 356, 31, 1, 12),
    Truth("address-format", demo_requests.address_format, 330, 30, 20, 20),
    Truth("plan-math", demo_problems.plan_math, 298, 70, 4, 28, sure=False),
)


def recording_rows(seed: int) -> list[dict[str, Json]]:
    """The workload of ``seed`` in the recording format, the tasks mixed as in a day's log."""
    rows = [row for truth in WORKLOAD for row in _task_rows(truth, seed)]
    _seeded(seed, "order").shuffle(rows)
    return rows


def write_recording(path: Path, rows: Iterable[Mapping[str, Json]]) -> None:
    """Write ``rows`` to ``path``, one a line."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _task_rows(truth: Truth, seed: int) -> Iterator[dict[str, Json]]:
    cases = _distinct_cases(truth, _seeded(seed, truth.task, "requests"))
    rightness = _who_is_right(truth, cases, _seeded(seed, truth.task, "rightness"))
    wording = _seeded(seed, truth.task, "wording")
    sure = _seeded(seed, truth.task, "sure") if truth.sure else None
    for number, (case, right) in enumerate(zip(cases, rightness, strict=True), start=1):
        yield _row(f"{truth.task}/{number:04d}", truth.task, case, right, wording, sure)


def _distinct_cases(truth: Truth, rng: Random) -> list[Case]:
    """As many different requests as the task has rows, each with at least one way to err."""
    cases: dict[str, Case] = {}
    while len(cases) < truth.rows:
        case = truth.write(rng)
        if case.wrong:
            cases.setdefault(case.messages[-1]["content"], case)
    return list(cases.values())


def _who_is_right(truth: Truth, cases: Sequence[Case], rng: Random) -> list[tuple[bool, bool]]:
    """Whether the large and the small model are right on each case, in the exact numbers of
    ``truth``; difficult cases are got wrong more often (weighted sampling without replacement,
    Efraimidis & Spirakis 2006)."""
    keys = [rng.random() ** (1 / case.difficulty) for case in cases]
    hardest = sorted(range(len(cases)), key=keys.__getitem__, reverse=True)
    missed = [(True, False)] * truth.large_only + [(False, True)] * truth.small_only
    missed += [(False, False)] * truth.neither
    rng.shuffle(missed)
    rightness = [(True, True)] * len(cases)
    for index, outcome in zip(hardest, missed, strict=False):
        rightness[index] = outcome
    return rightness


def _row(
    name: str, task: str, case: Case, right: tuple[bool, bool], rng: Random, sure: Random | None
) -> dict[str, Json]:
    request: dict[str, Any] = {"messages": list(case.messages)}
    row: dict[str, Any] = {"id": name, "task": task, "request": request}
    if case.schema is not None:
        named = {"name": "order", "schema": case.schema, "strict": True}
        request["response_format"] = {"type": "json_schema", "json_schema": named}
        row["schema"] = case.schema
    row["reference"] = case.reference
    asked = sum(len(m["content"]) for m in case.messages)
    asked += len(canonical_json(case.schema)) if case.schema else 0
    row["responses"] = {
        model: _response(model, _answer(model, case, is_right, rng), is_right, asked, sure)
        for model, is_right in zip((LARGE, SMALL), right, strict=True)
    }
    return row


def _answer(model: str, case: Case, right: bool, rng: Random) -> str:
    """The large model mostly keeps to the plainest wording, the small one varies more."""
    said = case.right if right else rng.choice(case.wrong)
    plainest, *others = case.wordings(said)
    return plainest if rng.random() < (0.9 if model == LARGE else 0.6) else rng.choice(others)


def _response(
    model: str, text: str, right: bool, asked_characters: int, sure: Random | None
) -> dict[str, Json]:
    read, written = _tokens(asked_characters), _tokens(len(text))
    return {
        "completion": {
            "model": model,
            "system_fingerprint": "simulated",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": text},
                    "finish_reason": "stop",
                    "logprobs": None if sure is None else _logprobs(text, right, sure),
                }
            ],
            "usage": {
                "prompt_tokens": read,
                "completion_tokens": written,
                "total_tokens": read + written,
            },
        },
        "score": 1.0 if right else 0.0,
        "usage_estimated": True,
    }


def _logprobs(text: str, right: bool, rng: Random) -> dict[str, Json]:
    """The whole answer as one token: only its probability as a whole is simulated."""
    odds = rng.gauss(SURE_IF_RIGHT if right else SURE_IF_WRONG, SPREAD)
    token = {"token": text, "logprob": round(-log1p(exp(-odds)), 6), "top_logprobs": []}
    return {"content": [token]}


def _tokens(characters: int) -> int:
    return -(-characters // CHARACTERS_PER_TOKEN)


def _seeded(seed: int, *purpose: str) -> Random:
    return Random("/".join((str(seed), *purpose)))  # noqa: S311 - a simulation, no secret
