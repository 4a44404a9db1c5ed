"""``study --from-file``: a file's examples, answered or not, become calls of the log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from msgspec import structs

from downroute.errors import BudgetError, InputError, TaskStoppedError, UsageError
from downroute.importers.identity import Identities, source_id
from downroute.importers.lines import read_rows
from downroute.importers.openai_chat import call_from_row, fits
from downroute.money.rates import Rates
from downroute.records import Answer, BadRow, Call, Example, Json, Measurement, Usage
from downroute.routing.fingerprint import fingerprint
from downroute.store import Store
from downroute.study.asking import Candidate, Paying
from downroute.study.discovery import task_name
from downroute.study.measurement import Measuring
from downroute.study.plan import estimate_usd
from downroute.study.sampling import Sampler, examples
from downroute.study.settings import StudySettings

TOKENS_OUT = 256
"""How long an answer is taken to be of which nothing is known."""
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class ExampleFile:
    """What a file holds: ``ids`` of the calls that were answered, the sampled examples that were
    not with their calls, and the rows that cannot be used."""

    file: Path
    ids: frozenset[str]
    unanswered: Mapping[str, tuple[Example, ...]]
    calls: Mapping[str, Call]
    bad: tuple[BadRow, ...]
    left_out: Counter[str]

    def told(self) -> list[str]:
        """What of it is no example, in a few lines."""
        lines = [f"left out: {row.source}:{row.line}: {row.reason}" for row in self.bad[:_SHOWN]]
        if len(self.bad) > _SHOWN:
            lines.append(f"… and {len(self.bad) - _SHOWN:,} more")
        return lines

    @property
    def missing(self) -> int:
        """How many answers the baseline is asked for."""
        return sum(len(some) for some in self.unanswered.values())

    def cost_usd(self, rates: Rates | None) -> float | None:
        """What the missing answers will cost, about."""
        costs = [estimate_usd(e, rates) for some in self.unanswered.values() for e in some]
        return None if None in costs else sum(c or 0.0 for c in costs)


def take_in(file: Path, store: Store, question: StudySettings) -> ExampleFile:
    """Read ``file``, put its answered examples into the store, and draw from the others.

    Raises:
        UsageError: it holds no example.
        InputError: it cannot be read.
    """
    calls, bad = _read(file, question.baseline)
    if not calls:
        reason = f": {bad[0].source}:{bad[0].line}: {bad[0].reason}" if bad else ""
        raise UsageError(f"--from-file {file}: no example in it{reason}")
    done = [call for call in calls if call.answer is not None]
    store.add(done)
    waiting = {call.id: call for call in calls if call.answer is None}
    samplers: dict[str, Sampler] = {}
    for call in waiting.values():
        name = task_name(call.task, call.fingerprint)
        if not question.tasks or name in question.tasks:
            samplers.setdefault(name, Sampler(name, question.baseline)).see(_placeholder(call))
    drawn = {}
    for name, sampler in samplers.items():
        places = sampler.draw(question.examples, question.seed)
        drawn[name] = examples((_placeholder(waiting[i]) for i in places), places, name)
    return ExampleFile(
        file=file,
        ids=frozenset(call.id for call in done),
        unanswered={name: some for name, some in drawn.items() if some},
        calls=waiting,
        bad=tuple(bad),
        left_out=sum((s.left_out for s in samplers.values()), Counter()),
    )


async def answered(
    read: ExampleFile, baseline: Candidate, paying: Paying, store: Store
) -> frozenset[str]:
    """Ask the baseline for what is missing and put it into the store; the ids of the calls.

    Raises:
        BudgetError, TaskStoppedError: as of any measuring; what was answered is in the store.
    """
    ids: set[str] = set()
    for name, some in read.unanswered.items():
        measuring = Measuring(name, baseline, paying)
        stop: BudgetError | TaskStoppedError | None = None
        try:
            await measuring.measure(some)
        except (BudgetError, TaskStoppedError) as reason:
            stop = reason
        await measuring.finish()
        for one, found in measuring.answered(some).items():
            # Each drawn request stands for all calls that say the same.
            copies = _copies(read, some, one)
            ids |= {call.id for call in copies}
            store.add(_call(call, found) for call in copies)
        if stop is not None:
            raise stop
    return frozenset(ids)


def _copies(read: ExampleFile, some: Sequence[Example], one: str) -> list[Call]:
    request = next(e.request for e in some if e.id == one)
    return [c for c in read.calls.values() if c.request == request]


def _call(call: Call, found: Measurement) -> Call:
    failed = found.answer is None
    return structs.replace(
        call,
        answer=found.answer,
        usage=found.usage,
        cost_usd=found.cost_usd,
        latency_s=found.latency_s,
        snapshot=found.snapshot,
        status=None if failed else 200,
        error=(found.error or "no answer") if failed else None,
    )


def _read(file: Path, baseline: str) -> tuple[list[Call], list[BadRow]]:
    identities = Identities()
    calls: list[Call] = []
    bad: list[BadRow] = []
    for row in read_rows(file):
        if isinstance(row, BadRow):
            bad.append(row)
            continue
        try:
            call = _example_call(row.value, baseline)
        except InputError as fault:
            bad.append(BadRow(row.source, row.line, str(fault), ""))
            continue
        if call.model != baseline:
            reason = f"answered by {call.model}, not by {baseline}"
            bad.append(BadRow(row.source, row.line, reason, ""))
            continue
        assert call.request is not None
        task = call.task or file.name.split(".")[0]
        own = structs.replace(call, task=task, fingerprint=fingerprint(call.request))
        identity = identities.of(own, source_id(row.value.get("id")), row.value)
        calls.append(structs.replace(own, id=identity))
    return calls, bad


def _example_call(row: Mapping[str, Json], baseline: str) -> Call:
    """A row as a call; its answer is ``None`` where the row brings none."""
    chat = dict(row)
    if "messages" not in chat:
        chat["messages"] = list(_asked(row))
    if fits(chat):
        return call_from_row(chat, baseline)
    said = chat["messages"]
    if not isinstance(said, list) or not said:
        raise InputError('no messages: an example is {"messages": […], "reference": …}')
    unanswered = {**chat, "messages": [*said, {"role": "assistant", "content": ""}]}
    return structs.replace(call_from_row(unanswered, baseline), answer=None, usage=Usage())


def _asked(row: Mapping[str, Json]) -> Iterator[Json]:
    """The messages of a row that names what is asked ``input``, ``prompt`` or ``question``."""
    for key in ("input", "prompt", "question"):
        asked = row.get(key)
        if isinstance(asked, list):
            yield from asked
            return
        if isinstance(asked, str) and asked:
            yield {"role": "user", "content": asked}
            return


def _placeholder(call: Call) -> Call:
    assert call.request is not None
    read = len(str(call.request.get("messages"))) + len(str(call.request.get("tools")))
    written = len(str(call.reference)) // 4 + 1 if call.reference is not None else TOKENS_OUT
    usage = Usage(input_tokens=read // 4 + 1, output_tokens=written, estimated=True)
    return structs.replace(call, answer=Answer(""), usage=usage)
