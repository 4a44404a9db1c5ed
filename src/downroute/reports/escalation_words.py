"""What the kept words of judged calls say: facts to tell calls apart by, and whether an
escalation changed the answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from downroute.answers.same import same_answer
from downroute.answers.shape import Sample, Shape, shape_of
from downroute.prompts import content_text, messages, request_digest, system_text, tool_schemas
from downroute.records import Answer, Attempt, Call, Json, Purpose
from downroute.reports.escalation_values import Usefulness
from downroute.routing.features import CATEGORIES, FEATURES
from downroute.routing.fingerprint import response_format_name
from downroute.store import GOOD

OPENING = 160
"""Characters of a question that are shown."""
LONGEST = 4_000
"""Characters of a question whose words are looked at."""
SAMPLES = 200

_WORD = re.compile(r"[^\W\d_]{3,}")

Grade = Callable[[Call, Attempt], tuple[float, float] | None]
"""An escalated call and its rejected attempt → the scores a person gave the answer that was sent
and the rejected one; ``None`` = nobody did."""


@dataclass(frozen=True, slots=True)
class Words:
    """One call's request as far as groups are made of it. ``asked`` are the distinct words of
    the user's last message, ``digest`` the identity of what is asked."""

    digest: str
    numbers: Mapping[str, float]
    categories: Mapping[str, str]
    tools: frozenset[str]
    format: str
    asked: frozenset[str]
    opening: str
    system: str


def words_of(request: Mapping[str, Json], *, altered: bool = False) -> Words:
    """The facts of one request. Where redaction ``altered`` it, what is counted in it is not what
    a route would count, so it is left out."""
    said = [content_text(m.get("content")) for m in messages(request) if m.get("role") == "user"]
    question = said[-1] if said else ""
    opening = " ".join(question.split())
    return Words(
        digest=request_digest(request),
        numbers={} if altered else {name: of(request) for name, of in FEATURES.items()},
        categories={} if altered else {name: of(request) for name, of in CATEGORIES.items()},
        tools=frozenset(tool_schemas(request)),
        format=response_format_name(request),
        asked=frozenset(w.casefold() for w in _WORD.findall(question[:LONGEST])),
        opening=opening if len(opening) <= OPENING else f"{opening[:OPENING]}…",
        system=system_text(request),
    )


@dataclass(slots=True)
class Worth:
    """Escalated calls of one task by what they were good for. Whether two answers are the same is
    decided by the shape of the first answers seen."""

    grade: Grade
    useful: int = 0
    wasted: int = 0
    equal: int = 0
    _compared: set[str] = field(default_factory=set)
    _shape: Shape | None = None
    _waiting: list[tuple[Call, Attempt]] = field(default_factory=list)

    def add(self, call: Call) -> None:
        """Count an escalated call that has its words, as they were said."""
        rejected = None if call.altered else rejected_answer(call)
        if rejected is None or call.answer is None or call.error is not None:
            return
        if self._shape is not None:
            self._count(call, rejected)
            return
        self._waiting.append((call, rejected))
        if len(self._waiting) == SAMPLES:
            self._settle()

    def result(self, escalated: Collection[str], feedback: Mapping[str, float]) -> Usefulness:
        """The counts over the ``escalated`` calls. Where the two answers were not compared,
        ``feedback`` (call → mean score of the answer sent) speaks; else it is not known."""
        self._settle()
        heard = [feedback[i] for i in escalated if i in feedback and i not in self._compared]
        good, bad = sum(s > GOOD for s in heard), sum(s < GOOD for s in heard)
        useful, wasted = self.useful + good, self.wasted + bad
        unknown = len(escalated) - useful - wasted
        return Usefulness(useful, wasted, self.equal, unknown, by_feedback=good + bad)

    def _settle(self) -> None:
        samples: list[Sample] = [
            (c.request or {}, c.answer) for c, _ in self._waiting if c.answer is not None
        ]
        if self._shape is None:
            self._shape = shape_of(samples)
        for call, rejected in self._waiting:
            self._count(call, rejected)
        self._waiting.clear()

    def _count(self, call: Call, rejected: Attempt) -> None:
        answers: tuple[Answer | None, Answer | None] = (call.answer, rejected.answer)
        assert answers[0] is not None and answers[1] is not None and self._shape is not None
        if same_answer(answers[0], answers[1], self._shape):
            self.wasted += 1
            self.equal += 1
            self._compared.add(call.id)
            return
        graded = self.grade(call, rejected)
        if graded is not None:
            self._compared.add(call.id)
            better = graded[0] > graded[1]
            self.useful += better
            self.wasted += not better


def rejected_answer(call: Call) -> Attempt | None:
    """The latest answer of ``call`` that was not sent and is kept."""
    kept = [a for a in call.attempts if a.purpose is Purpose.ANSWER and a.answer and not a.failed]
    return kept[-1] if kept else None
