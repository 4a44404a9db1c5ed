"""The demo's live traffic: requests of the workload sent through the gateway over plain HTTP, as
an application would send them."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import aiohttp
from rich.table import Table

from downroute.answers.openai_chat import answer_from_completion, completion_from_chunks
from downroute.cli.demo_workload import LARGE, SMALL
from downroute.cli.tables import make_table
from downroute.errors import UpstreamError
from downroute.records import Json

CONCURRENCY = 8
UNDECLARED_EVERY = 5
STREAMED_EVERY = 3


@dataclass(frozen=True, slots=True)
class Request:
    """One row of the workload as it is sent. ``declared``: with the task's name in a header."""

    row: Mapping[str, Json]
    declared: bool
    streamed: bool


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back: the model the gateway names, and whether the text is what that model is
    known to say to this request."""

    request: Request
    model: str
    decision: str
    faithful: bool

    @property
    def task(self) -> str:
        return str(self.request.row["task"])

    @property
    def score(self) -> float:
        """1 where the model that answered is right on this request."""
        return float(self.request.row["responses"][self.model]["score"])

    @property
    def large_score(self) -> float:
        return float(self.request.row["responses"][LARGE]["score"])


def pick(rows: Sequence[Mapping[str, Json]], calls: int, seed: int) -> list[Request]:
    """``calls`` requests, as many of each task; some without a declared task, some streamed."""
    rng = Random(f"{seed}/traffic")  # noqa: S311 - a simulation, no secret
    by_task: dict[str, list[Mapping[str, Json]]] = {}
    for row in rows:
        by_task.setdefault(row["task"], []).append(row)
    picked = [
        Request(row, declared=index % UNDECLARED_EVERY > 0, streamed=index % STREAMED_EVERY == 0)
        for task in sorted(by_task)
        for index, row in enumerate(rng.sample(by_task[task], calls // len(by_task)))
    ]
    rng.shuffle(picked)
    return picked


async def send(base_url: str, requests: Sequence[Request]) -> list[Reply]:
    """Send all ``requests``, a few at a time; the replies in the same order.

    Raises:
        UpstreamError: the gateway refused one.
    """
    places = asyncio.Semaphore(CONCURRENCY)
    async with aiohttp.ClientSession() as session:

        async def one(request: Request) -> Reply:
            async with places:
                return await _send(session, base_url, request)

        return list(await asyncio.gather(*(one(r) for r in requests)))


def traffic_table(replies: Sequence[Reply]) -> Table:
    """One row a task: which calls the small model answered, and how often they came out right."""
    numbers = ["calls", "declared → small", "undeclared → small", "right", "right on large"]
    rows = [
        _row(task, [r for r in replies if r.task == task])
        for task in sorted({r.task for r in replies})
    ]
    return make_table("Live calls by task", ["task", *numbers], rows, numbers=numbers)


def traffic_summary(replies: Sequence[Reply]) -> str:
    """The whole traffic in a few lines."""
    faithful = sum(r.faithful for r in replies)
    return (
        f"{len(replies)} calls, {sum(r.request.streamed for r in replies)} of them streamed; "
        f"{faithful} replies are word for word what the model in x-downroute-model says.\n"
        f"{_mean([r.score for r in replies]):.1%} are right; "
        f"with all on {LARGE} it would be {_mean([r.large_score for r in replies]):.1%}.\n"
        "A call without x-downroute-task moves only where its fingerprint belongs to one task."
    )


def _row(task: str, replies: Sequence[Reply]) -> list[str]:
    return [
        task,
        str(len(replies)),
        _to_small([r for r in replies if r.request.declared]),
        _to_small([r for r in replies if not r.request.declared]),
        f"{_mean([r.score for r in replies]):.1%}",
        f"{_mean([r.large_score for r in replies]):.1%}",
    ]


def _to_small(replies: Sequence[Reply]) -> str:
    return f"{sum(r.model == SMALL for r in replies)} of {len(replies)}"


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan


async def _send(session: aiohttp.ClientSession, base_url: str, request: Request) -> Reply:
    body: dict[str, Any] = {"model": LARGE, **request.row["request"], "stream": request.streamed}
    headers = {"x-downroute-task": request.row["task"]} if request.declared else {}
    url = f"{base_url}/chat/completions"
    async with session.post(url, json=body, headers=headers) as reply:
        text = await reply.text()
        if reply.status != 200:
            raise UpstreamError(
                f"the gateway answered {reply.status}: {text[:200]}", status=reply.status
            )
        model = reply.headers.get("x-downroute-model", "")
        decision = reply.headers.get("x-downroute-decision", "")
    completion = _from_stream(text) if request.streamed else json.loads(text)
    expected = request.row["responses"].get(model, {}).get("completion", {})
    faithful = answer_from_completion(completion).text == answer_from_completion(expected).text
    return Reply(request, model, decision, faithful)


def _from_stream(text: str) -> dict[str, Json]:
    lines = (line.removeprefix("data: ") for line in text.splitlines() if line[:6] == "data: ")
    return completion_from_chunks(json.loads(line) for line in lines if line != "[DONE]")
