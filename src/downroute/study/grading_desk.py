"""Who grades which pair: hands out pairs, takes grades, knows when the verdict needs no more.

Whatever a grader clicks is in the store when the call returns. Several graders share the pairs;
every fifth that each is given is one that another has graded already, so that it is known how far
they agree.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rapidfuzz import fuzz

from downroute.errors import InputError
from downroute.records import Answer, Example
from downroute.store import Blinded, Grade, Skip
from downroute.study.conclusion import Finding
from downroute.study.grading import Waiting, waiting
from downroute.study.grading_file import GRADES, scores_of
from downroute.study.labelling import labels_waiting
from downroute.study.ledger import add_grades, known_grades
from downroute.study.pairs import Pair, PairScore, shown, with_grade
from downroute.study.recall import Memory, Recalled, rejudge
from downroute.study.result import TaskResult
from downroute.study.terms import rules_of
from downroute.study.verdict import Outcome

SHARED_EVERY = 5
"""Every so many pairs of a grader are ones that another has graded."""
HELD_S = 600.0
"""For so long a pair that one grader looks at is not given to another."""
COMPARED = 4000
"""Characters of two answers that are compared to tell how alike they are."""


@dataclass(frozen=True, slots=True)
class OpenPair:
    """A pair to be graded as one grader sees it."""

    id: str
    task: str
    example: Example
    answers: tuple[Answer | None, Answer | None]


@dataclass(frozen=True, slots=True)
class Turn:
    """What a grader sees next. ``pair`` is ``None`` where the verdicts need no grade any more.
    ``given`` are this grader's grades; about ``least`` to ``more`` by whomever decide (``None``:
    nobody can tell), ``most`` at most."""

    pair: OpenPair | None
    given: int
    least: int
    more: int | None
    most: int
    can_undo: bool


@dataclass(frozen=True, slots=True)
class _Place:
    """A pair of the study: where its answers are, and how alike."""

    recalled: Recalled
    example: Example
    baseline: Answer
    candidate: Answer | None
    alike: float


@dataclass(frozen=True, slots=True)
class _State:
    grades: Mapping[str, PairScore]
    waiting: Waiting | None
    routed: bool
    batch: tuple[str, ...] = ()
    """Of labels for a judge: the keys that are asked for until the next reading."""


PairName = tuple[str, str]
"""A task and the key of one of its pairs."""


class GradingDesk:
    """The pairs of one study, handed out to its graders."""

    def __init__(
        self,
        memory: Memory,
        tasks: Sequence[Sequence[Recalled]],
        graders: Sequence[str],
        now: Callable[[], float] = time.time,
    ):
        self._memory = memory
        self._store = memory.store
        self._tasks = tasks
        self._graders = graders
        self._now = now
        self._places = _places(tasks)
        self._held: dict[str, tuple[PairName, float]] = {}
        self._states: dict[tuple[str, str], _State] = {}

    def turn(self, grader: str) -> Turn:
        """The pair this grader should look at: the one on the desk until it is graded."""
        tasks = self._tasks_waiting()
        own = self._own_grades(grader)
        skipped = [(s.task, s.pair) for s in self._skips(grader)]
        if not tasks:
            self._held.pop(grader, None)
            return Turn(None, len(own), 0, 0, 0, can_undo=bool(own))
        name = self._choose(grader, tasks, own, skipped)
        self._held[grader] = name, self._now()
        return Turn(
            self.as_seen(grader, [name])[0],
            len(own),
            *_ahead(tasks),
            can_undo=bool(own or skipped),
        )

    def grade(self, grader: str, pair_id: str, word: str) -> None:
        """Take a grade (one of `GRADES`).

        Raises:
            InputError: no such grade, or this grader was never shown such a pair.
        """
        if word not in GRADES:
            raise InputError(f"{word!r} is no grade; there are {', '.join(GRADES)}")
        blinded = self._of(grader, pair_id)
        scores = scores_of(word, candidate_first=blinded.candidate_first)
        add_grades(self._store, [(blinded.task, blinded.pair, scores)], grader, self._now())
        self._store.blinding.unskip(blinded.task, blinded.pair, grader)
        self._held.pop(grader, None)

    def skip(self, grader: str, pair_id: str) -> None:
        """Leave a pair for later; it comes again when nothing else is left."""
        blinded = self._of(grader, pair_id)
        self._store.blinding.skip(Skip(blinded.task, blinded.pair, grader, self._now()))
        self._held.pop(grader, None)

    def undo(self, grader: str) -> None:
        """Take back the last grade or skip of this grader and put that pair on the desk again."""
        own = [(g.at, (g.task, g.pair), False) for g in self._own_grades(grader)]
        own += [(s.at, (s.task, s.pair), True) for s in self._skips(grader)]
        if not own:
            return
        _, name, was_skip = max(own)
        if was_skip:
            self._store.blinding.unskip(*name, grader)
        else:
            self._store.ledger.remove_grade(*name, grader)
        self._held[grader] = name, self._now()

    def order(self) -> list[PairName]:
        """All pairs that wait, in the order in which they are to be graded, task by task."""
        return [(task, p.key) for task, w in self._tasks_waiting() for p in w.pairs]

    def ahead(self) -> tuple[int, int | None, int]:
        """(least, more, most): about so many grades decide, as in a `Turn`."""
        return _ahead(self._tasks_waiting())

    def as_seen(self, reader: str, names: Sequence[PairName]) -> list[OpenPair]:
        """Pairs with their answers on the sides drawn for ``reader``."""
        seen = []
        for blinded in self._store.blinding.blind(reader, names):
            place = self._places[blinded.task, blinded.pair]
            first, second = place.baseline, place.candidate
            sides = (second, first) if blinded.candidate_first else (first, second)
            seen.append(OpenPair(blinded.id, blinded.task, place.example, sides))
        return seen

    def findings(self) -> list[Finding]:
        """What the study comes to with the grades there are."""
        grades = known_grades(self._store)
        return [rejudge(self._memory, t[0].task, grades) for t in self._tasks]

    def results(self) -> list[TaskResult]:
        return [finding.result for finding in self.findings()]

    def grades(self) -> list[Grade]:
        """Every grade of a pair of this study, whoever gave it."""
        return [g for g in self._store.ledger.grades() if (g.task, g.pair) in self._places]

    def _choose(
        self,
        grader: str,
        tasks: Sequence[tuple[str, Waiting]],
        own: Sequence[Grade],
        skipped: Sequence[PairName],
    ) -> PairName:
        done = {(g.task, g.pair) for g in own}
        held = self._held.get(grader)
        if held is not None and held[0] not in done and held[0] not in skipped:
            return held[0]
        last = own[-1].task if own else None
        # Staying on a task spares the grader reading another rubric.
        ordered = sorted(tasks, key=lambda entry: (entry[0] != last, entry[1].least))
        names = [(task, pair.key) for task, w in ordered for pair in w.pairs]
        others = {
            n for g, (n, at) in self._held.items() if g != grader and self._now() < at + HELD_S
        }
        fresh = [n for n in names if n not in others and n not in skipped]
        shared = self._to_share(grader, done, skipped) if len(own) % SHARED_EVERY == 4 else []
        later = [n for n in skipped if n in names]
        return next(iter([*shared, *fresh, *later, *names]))

    def _to_share(
        self, grader: str, done: set[PairName], skipped: Sequence[PairName]
    ) -> list[PairName]:
        """Pairs another grader of this sitting has graded and this one has not seen."""
        others = [g for g in self.grades() if g.grader != grader and g.grader in self._graders]
        names = dict.fromkeys((g.task, g.pair) for g in others)
        twice = {n for n in names if sum((g.task, g.pair) == n for g in others) > 1}
        unseen = [n for n in names if n not in done and n not in skipped]
        return sorted(unseen, key=lambda n: n in twice)

    def _tasks_waiting(self) -> list[tuple[str, Waiting]]:
        """Per task that needs grades, the pairs of the candidate whose turn it is."""
        grades = known_grades(self._store)
        found = []
        for candidates in self._tasks:
            for recalled in candidates:
                state = self._state(recalled, grades)
                if state.waiting is not None:
                    found.append((recalled.task.name, state.waiting))
                if state.waiting is not None or state.routed:
                    break
        return sorted(found, key=lambda entry: entry[1].least)

    def _state(self, recalled: Recalled, grades: Mapping[str, PairScore]) -> _State:
        """What one task and candidate still need; worked out anew when its grades have changed."""
        name = recalled.task.name, recalled.candidate
        own = {p.key: grades[p.key] for p in recalled.pairs if _gradable(p) and p.key in grades}
        before = self._states.get(name)
        if before is None or before.grades != own:
            pairs = [with_grade(p, own) for p in recalled.pairs]
            batch = () if before is None else before.batch
            wanted = self._wanted(recalled, pairs, batch)
            routed = False
            if wanted is None:
                finding = rejudge(self._memory, recalled.task, grades, recalled.candidate)
                routed = finding.result.outcome is Outcome.ROUTE
            elif not {p.key for p in wanted.pairs} <= set(batch):
                batch = tuple(p.key for p in wanted.pairs)
            self._states[name] = _State(own, wanted, routed, batch)
        return self._states[name]

    def _wanted(
        self, recalled: Recalled, pairs: Sequence[Pair], batch: Sequence[str]
    ) -> Waiting | None:
        rules = rules_of(recalled.task, self._memory.question, self._memory.config)
        if recalled.task.choice.asked is not None:
            return labels_waiting(pairs, rules, batch)
        name = recalled.task.name
        alike = {p.key: self._places[name, p.key].alike for p in pairs if p.to_grade}
        return waiting(pairs, rules, alike)

    def _own_grades(self, grader: str) -> list[Grade]:
        return sorted((g for g in self.grades() if g.grader == grader), key=lambda g: g.at)

    def _skips(self, grader: str) -> list[Skip]:
        return [s for s in self._store.blinding.skips(grader) if (s.task, s.pair) in self._places]

    def _of(self, grader: str, pair_id: str) -> Blinded:
        blinded = self._store.blinding.behind(pair_id)
        if blinded is None or blinded.reader != grader:
            raise InputError(f"there is no pair {pair_id!r} for this grader; reload the page")
        if (blinded.task, blinded.pair) not in self._places:
            raise InputError(f"the pair {pair_id!r} is of another study; reload the page")
        return blinded


def _gradable(pair: Pair) -> bool:
    """Whether people can say something of it: nobody else did, or only a judge."""
    return pair.to_grade or pair.judged is not None


def _ahead(tasks: Sequence[tuple[str, Waiting]]) -> tuple[int, int | None, int]:
    """(least, more, most) of all tasks together; one that nobody can tell hides the sum."""
    known = [w.more for _, w in tasks if w.more is not None]
    more = sum(known) if len(known) == len(tasks) else None
    return sum(w.least for _, w in tasks), more, sum(w.most for _, w in tasks)


def _places(tasks: Sequence[Sequence[Recalled]]) -> dict[PairName, _Place]:
    found: dict[PairName, _Place] = {}
    for recalled in (r for candidates in tasks for r in candidates):
        examples = {e.id: e for e in recalled.task.examples}
        answers = {m.example_id: m.answer for m in recalled.measured}
        for pair in recalled.pairs:
            if _gradable(pair):
                example = examples[pair.example_id]
                answer = answers[pair.example_id]
                texts = (shown(a)[:COMPARED] for a in (example.baseline_answer, answer))
                found[recalled.task.name, pair.key] = _Place(
                    recalled, example, example.baseline_answer, answer, fuzz.ratio(*texts)
                )
    return found
