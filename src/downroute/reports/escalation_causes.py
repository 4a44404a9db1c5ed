"""PURE: what became of a cascade's first answer, and why it did not do."""

from __future__ import annotations

from downroute.records import Attempt, Call, Decision, Purpose
from downroute.reports.escalation_values import Ending
from downroute.routing.cascade import OUT_OF_TIME, UNVERIFIED
from downroute.routing.question import QUESTION

UPSTREAM = "the cheaper model's upstream failed"
TOO_HIGH = "score too high"
NO_SCORE = "a signal was missing, so the score is unknown"
OPINIONS = {
    Purpose.SELF_CHECK: "the self-check spoke against it",
    Purpose.HELPER: "a second model answered otherwise",
}
OTHER = "not told by the log"
CHECK = "check "

_ENDINGS = {
    Decision.ESCALATED: Ending.ESCALATED,
    Decision.FALLBACK: Ending.FALLBACK,
    Decision.ACCEPTED: Ending.ACCEPTED,
}


def ending(call: Call) -> Ending | None:
    """What became of the first answer of ``call``; ``None`` where none was judged."""
    reason = call.reason or ""
    if call.decision is Decision.ACCEPTED and reason.startswith((UNVERIFIED, OUT_OF_TIME)):
        return Ending.UNVERIFIED
    return None if call.decision is None else _ENDINGS.get(call.decision)


def first_answer(call: Call) -> Attempt | None:
    """The attempt that was judged first."""
    return next((a for a in call.attempts if a.purpose is Purpose.ANSWER), None)


def causes(call: Call) -> tuple[str, ...]:
    """Why the first answer was not accepted: every check that failed, else what else spoke
    against it; empty where it was accepted."""
    if ending(call) in (None, Ending.ACCEPTED):
        return ()
    first = first_answer(call)
    if first is None:
        return (OTHER,)
    if first.failed:
        return (UPSTREAM,)
    failed = tuple(f"{CHECK}{name} failed" for name, ok in first.checks.items() if ok is False)
    if failed:
        return failed
    asked = next((a.purpose for a in call.attempts if a.purpose in OPINIONS), None)
    if asked is not None:
        return (OPINIONS[asked],)
    if first.score is not None:
        return (TOO_HIGH,)
    # A score leaves its signals in the log beside the numbers about the question.
    scored = any(name not in QUESTION for name in first.signals)
    return (NO_SCORE if scored else OTHER,)


def check_of(cause: str) -> str | None:
    """The check that a cause speaks of."""
    named = cause.startswith(CHECK) and cause.endswith(" failed")
    return cause.removeprefix(CHECK).removesuffix(" failed") if named else None
