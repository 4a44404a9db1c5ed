"""How much of a call's words is kept, and getting rid of them again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from downroute.prompts import request_digest
from downroute.records import Call
from downroute.store.encoding import dump
from downroute.store.redaction import Redaction


class Bodies(StrEnum):
    """What of a request, its answer and its reference is kept."""

    NONE = "none"
    """Nothing: no text, and no digest of a text that could be guessed."""
    REDACTED = "redacted"
    """What is left after `Redaction`."""
    FULL = "full"


_STRICTEST_FIRST = (Bodies.NONE, Bodies.REDACTED, Bodies.FULL)


@dataclass(frozen=True, slots=True)
class Keeping:
    """What is kept of a call's words, by its task; ``usual`` where that is not known, or
    says nothing of its own."""

    usual: Bodies = Bodies.NONE
    by_task: Mapping[str, Bodies] = field(default_factory=dict)

    def of(self, task: str | None) -> Bodies:
        return self.usual if task is None else self.by_task.get(task, self.usual)

    @property
    def strictest(self) -> Bodies:
        """What may be kept of words whose task is not known yet."""
        return min((self.usual, *self.by_task.values()), key=_STRICTEST_FIRST.index)

    @property
    def keeps_words(self) -> bool:
        """Whether words of any call are kept."""
        return any(b is not Bodies.NONE for b in (self.usual, *self.by_task.values()))


def keeping(keep: Bodies | str | Keeping) -> Keeping:
    """One setting as the setting of every task."""
    return keep if isinstance(keep, Keeping) else Keeping(Bodies(keep))


class BodyRow(NamedTuple):
    """The columns of one body, in the order of the table."""

    subject: str | None
    request_digest: str | None
    request: str | None
    answer: str | None
    reference: str | None
    altered: bool
    """Whether redaction changed what was said."""
    attempt_answers: str | None
    """Attempt → the answer of it that was not sent."""

    @property
    def bytes(self) -> int:
        texts = (self.request, self.answer, self.reference, self.attempt_answers)
        return sum(len(text or "") for text in texts)


def body_row(call: Call, keep: Bodies, redaction: Redaction) -> BodyRow | None:
    """What ``keep`` allows to be kept of a call's words; ``None`` where that is nothing."""
    if keep is Bodies.NONE:
        return None
    request, answer, reference = call.request, call.answer, call.reference
    others = {str(i): a.answer for i, a in enumerate(call.attempts) if a.answer is not None}
    if request is None and answer is None and reference is None and not others:
        return None
    if keep is Bodies.REDACTED:
        request = redaction.value(request)
        answer = None if answer is None else redaction.answer(answer)
        reference = redaction.value(reference)
        others = {index: redaction.answer(other) for index, other in others.items()}
    altered = request != call.request or answer != call.answer
    return BodyRow(
        subject=call.subject,
        request_digest=_digest(request),
        request=None if request is None else dump(request),
        answer=None if answer is None else dump(answer),
        reference=None if reference is None else dump(reference),
        altered=altered,
        attempt_answers=dump(others) if others else None,
    )


def allowed_text(text: str, keep: Bodies, redaction: Redaction) -> str | None:
    """A rejected row's own text as far as ``keep`` allows."""
    if keep is Bodies.NONE:
        return None
    return text if keep is Bodies.FULL else redaction.json_text(text)


def allowed_error(error: str | None, keep: Bodies, redaction: Redaction) -> str | None:
    """An error as far as ``keep`` allows. Upstreams quote the request in what they say, and
    errors are written "kind: what was said"; with nothing to be kept only the kind stays."""
    if error is None or keep is Bodies.FULL:
        return error
    return error.partition(":")[0] if keep is Bodies.NONE else redaction.text(error)


def _digest(request: Any) -> str | None:
    try:
        return None if request is None else request_digest(request)
    except RecursionError:
        return None
