"""One task and one candidate: look after look until the pairs decide or nothing is left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from downroute.config import Settings
from downroute.errors import BudgetError, DownrouteError, TaskStoppedError
from downroute.records import Example, Measurement
from downroute.study.asking import Candidate, Paying
from downroute.study.cascade import looks_for_cascades, may_cascade, with_cascade, worth_asking_on
from downroute.study.conclusion import Finding, result_of
from downroute.study.labels import ask_for_labels, next_batch
from downroute.study.measurement import Manner, Measuring
from downroute.study.narrowing import Narrowing, narrow
from downroute.study.pairs import Pair, PairScore, one_answer, pair_up
from downroute.study.prepared import PreparedTask
from downroute.study.result import TaskResult
from downroute.study.settings import StudySettings
from downroute.study.slow_scores import score_ahead
from downroute.study.terms import failed_call_of, givers_of, judging_of, rules_of
from downroute.study.verdict import Judgement, Outcome, Stopped, judge, unfinished


class TaskStudy:
    """What is measured of ``task`` with ``candidate``, and how far its test has come. ``pairs`` are
    those of the answers in ``measured``, in that order: first the task's examples, then what was
    asked for beyond them. ``stop`` is why nothing more is asked."""

    def __init__(
        self,
        task: PreparedTask,
        candidate: Candidate,
        paying: Paying,
        question: StudySettings,
        config: Settings,
        grades: Mapping[str, PairScore],
        judges: Mapping[str, Candidate] | None = None,
        helper: Candidate | None = None,
    ):
        self.task = task
        self.candidate = candidate
        self.question = question
        self.rules = rules_of(task, question, config)
        self.measured: list[Measurement] = []
        self.pairs: list[Pair] = []
        self.judgement = Judgement(None, None, (), 0)
        self.stop: DownrouteError | None = None
        if task.unfit is not None:
            self.stop = TaskStoppedError(task.unfit)
        self._paying = paying
        self._grades = grades
        self._helper = helper
        self._judging = judging_of(task, candidate, paying, question, config, judges or {})
        manner = Manner(
            question.repeats,
            failed_call=failed_call_of(task.name, config),
            logprobs=looks_for_cascades(task.choice, question, self.rules.schedule),
        )
        self._measuring = Measuring(task.name, candidate, paying, manner)

    async def finding(self, lookahead: int = 0) -> Finding:
        """The verdict with what it stands on. ``lookahead`` is how many examples beyond a look
        may be asked while it comes in."""
        batch = await self._look_by_look(lookahead)
        narrowing, unlooked = await self._where_it_holds()
        cascading = self.stop is None and may_cascade(
            self.judgement, self.task, self.question, self.rules
        )
        if cascading and narrowing is None:
            cascading = await self._all_of_the_sample()
        await self._measuring.finish()
        await self._take_stock(batch)
        heard = None if self._judging is None else self._judging.heard()
        result = result_of(
            self.task, self.candidate.model, self.question, self.rules,
            self.judgement, self.pairs, self.measured, heard, narrowing,
        )  # fmt: skip
        if cascading:
            result = await self._with_cascade(result)
        if self.stop is not None or unlooked is not None:
            result = replace(result, message=unlooked if self.stop is None else str(self.stop))
        until, measured = len(self.task.examples), tuple(self.measured)
        return Finding(result, tuple(self.pairs[:until]), measured[:until], measured[until:])

    async def _look_by_look(self, lookahead: int) -> Sequence[Example]:
        """Measure until the pairs decide, all looks are taken or something stops it; the
        examples of the last look."""
        batch: Sequence[Example] = ()
        for done, until in enumerate(self.rules.schedule if self.stop is None else (), start=1):
            batch = self.task.examples[len(self.measured) : until]
            try:
                ahead = self.task.examples[until : until + lookahead]
                answers = await self._measuring.measure(batch, ahead)
                if self._judging is not None:
                    await self._judging.judge(batch, answers)
                await self._take(batch, answers)
            except (BudgetError, TaskStoppedError) as reason:
                self.stop = reason
                break
            self.judgement = judge(self.pairs, done, self.rules)
            if self.judgement.outcome is not None:
                break
        return batch

    async def _where_it_holds(self) -> tuple[Narrowing | None, str | None]:
        """Where the candidate holds, if not everywhere; else why that is not known."""
        # A judge's grades are corrected over the whole task, which says nothing of its parts.
        if self.stop is not None or not self.judgement.looks or self._judging is not None:
            return None, None
        try:
            found = await narrow(self.task, self.judgement, self.pairs, self.rules, self._ask)
        except (BudgetError, TaskStoppedError) as reason:
            # The verdict on the whole stands; only where it breaks is not known.
            return None, f"where it breaks was not looked for to the end: {reason}"
        return found, None

    async def _all_of_the_sample(self) -> bool:
        """Measure the rest of the sample where a cascade may be worth it; whether one may still be
        looked for."""
        rest = self.task.examples[len(self.measured) : self.rules.schedule[-1]]
        if not rest or not worth_asking_on(self.pairs, self.task.examples, self.measured):
            return True
        try:
            await self._ask(rest)
        except (BudgetError, TaskStoppedError):
            # The candidate's own verdict stands; a cascade would need all of the sample.
            return False
        return True

    async def _take_stock(self, batch: Sequence[Example]) -> None:
        """The judgement of what is there, where the test was stopped or waits for people."""
        if isinstance(self.stop, BudgetError):
            answered = self._measuring.answered(batch)
            whole = [e for e in batch if e.id in answered]
            if self._judging is not None:
                whole = [e for e in whole if self._judging.knows(e, answered[e.id])]
            await self._take(whole, [answered[e.id] for e in whole])
            self.judgement = unfinished(self.pairs, self.judgement, self.rules)
        elif self.stop is not None:
            # Whatever came in last is the fault's doing and is shown nowhere as the model's.
            self.judgement = replace(
                self.judgement, outcome=Outcome.INCONCLUSIVE, stopped=Stopped.FAULT
            )
        looks = self.judgement.looks
        state = looks[-1].judged if looks else None
        if self.judgement.stopped is Stopped.LABELS and state is not None:
            wanted = next_batch(state.missing, state.labels)
            self.pairs = ask_for_labels(
                self.pairs[: looks[-1].examples], self.rules.schedule, wanted
            )

    async def _with_cascade(self, result: TaskResult) -> TaskResult:
        """``result``, as a cascade where one is shown on the whole sample."""
        last, question = self._last, self.question
        pairs = self.pairs[:last]
        # Pairs that wait for a grade are those that differ: without them nothing is calibrated.
        waiting = any(p.to_grade for p in pairs)
        if waiting or result.outcome is Outcome.ROUTE or len(self.measured) < last:
            return result
        answers = [one_answer(m) for m in self.measured[:last]]
        if question.repeats > 1:
            # A cascade judges the one answer it gets, not the mean of several.
            both = zip(self.task.examples, answers, strict=False)
            pairs = [self._pair(example, answer) for example, answer in both]
        givers = givers_of(self.candidate, self._helper, question)
        return await with_cascade(
            result, self.task, pairs, answers, question, self.rules, givers, self._paying
        )

    @property
    def _last(self) -> int:
        """How many measured examples are the sample's, at the most; what comes after was asked for
        to find a boundary, or to confirm one."""
        return min(self.rules.schedule[-1], len(self.task.examples))

    async def _ask(self, batch: Sequence[Example]) -> Sequence[Pair]:
        before = len(self.pairs)
        await self._take(batch, await self._measuring.measure(batch))
        return self.pairs[before:]

    async def _take(self, batch: Sequence[Example], answers: Sequence[Measurement]) -> None:
        scored_by = self.task.choice.judge
        answered = [
            (example, m.model, m.answer)
            for example, first in zip(batch, answers, strict=True)
            for m in (first, *first.more)
            if m.answer is not None and scored_by.by_reference(example)
        ]
        await score_ahead(scored_by, answered)
        self.measured.extend(answers)
        both = zip(batch, answers, strict=True)
        if self._judging is None:
            self.pairs.extend(self._pair(example, answer) for example, answer in both)
        else:
            judging = self._judging
            self.pairs.extend(judging.pair(e, answer, self._grades) for e, answer in both)

    def _pair(self, example: Example, answer: Measurement) -> Pair:
        scored_by = self.task.choice.judge
        return pair_up(example, self.question.baseline, answer, scored_by, self._grades)
