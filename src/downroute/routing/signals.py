"""Signals: numbers read off an answer, from which a route's score is summed. ``None`` = missing.

One table of names; adding a signal adds a row. All of them are free: they are read from what is
there. What a second call tells is in `PAID`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from downroute.records import Answer, Json, Purpose
from downroute.routing import answer_signals, logprob_signals
from downroute.routing.checks import CHECKS, check_alone, checks_passed
from downroute.routing.question import QUESTION
from downroute.routing.reading import Reading

Request = Mapping[str, Json]

CHECK = "check:"
"""``check:NAME`` is the signal of a check that takes no argument: 1 passed, 0 failed, missing
where it does not apply."""

PAID: Mapping[Purpose, str] = {
    Purpose.SELF_CHECK: "self_check",
    Purpose.HELPER: "agreement",
}
"""What asking a model once more is for → the name of the signal it gives."""


@dataclass(frozen=True, slots=True)
class Signal:
    """``logprobs``: the signal is there only if the upstream was asked for token logprobs;
    ``alternatives``: only if for those of other tokens as well."""

    doc: str
    read: Callable[[Reading], float | None]
    logprobs: bool = False
    alternatives: bool = False


def signals(
    answer: Answer, request: Request, names: Collection[str] | None = None
) -> dict[str, float | None]:
    """The signals ``names`` (all of the table by default) of one answer; unknown names are
    missing."""
    return read_signals(readers(tuple(SIGNALS if names is None else names)), answer, request)


Readers = Sequence[tuple[str, Callable[[Reading], float | None]]]
"""Signals by name, with how each is read."""


def read_signals(wanted: Readers, answer: Answer, request: Request) -> dict[str, float | None]:
    """The signals ``wanted`` of one answer."""
    reading = Reading(answer, request)
    return {name: read(reading) for name, read in wanted}


def readers(names: Collection[str]) -> Readers:
    """How the signals ``names`` are read; unknown ones are missing."""
    return [(n, SIGNALS[n].read if n in SIGNALS else _check_reader(n)) for n in names]


def known_signals() -> Mapping[str, str]:
    """Every free signal's name → what it is, in one line."""
    checks = {f"{CHECK}{name}": f"whether {CHECKS[name].doc}" for name in check_alone()}
    return {**{name: signal.doc for name, signal in SIGNALS.items()}, **checks}


def is_signal(name: str) -> bool:
    """Whether ``name`` is a free signal."""
    return name in SIGNALS or (name.removeprefix(CHECK) in check_alone() and name[:6] == CHECK)


def needs_logprobs(names: Collection[str]) -> bool:
    """Whether any of ``names`` is read from token logprobs, which must then be asked for."""
    return any(SIGNALS[name].logprobs for name in names if name in SIGNALS)


def needs_alternatives(names: Collection[str]) -> bool:
    """Whether any of ``names`` compares tokens with those that might have stood in their place
    (``top_logprobs``)."""
    return any(SIGNALS[name].alternatives for name in names if name in SIGNALS)


def _check_reader(name: str) -> Callable[[Reading], float | None]:
    """Of a signal that is not in the table: a check's, or none that is known."""
    if not name.startswith(CHECK) or name.removeprefix(CHECK) not in check_alone():
        return lambda _: None
    check = CHECKS[name.removeprefix(CHECK)]

    def read(reading: Reading) -> float | None:
        outcome = check.run(reading.answer, reading.request, None)
        return None if outcome is None else float(outcome)

    return read


def _checks_passed(reading: Reading) -> float | None:
    return checks_passed(reading.answer, reading.request)


SIGNALS: Mapping[str, Signal] = {
    **{
        name: Signal(doc, read, logprobs=True, alternatives=alternatives)
        for name, (doc, read, alternatives) in logprob_signals.TABLE.items()
    },
    **{name: Signal(doc, read) for name, (doc, read) in answer_signals.TABLE.items()},
    **{name: Signal(doc, read) for name, (doc, read) in QUESTION.items()},
    "checks_passed": Signal("share of the checks that apply and pass", _checks_passed),
}
