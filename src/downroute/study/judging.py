"""A judge asked about a task's answers: through the same journal and budget as the candidates."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from downroute.answers.openai_chat import answer_from_completion
from downroute.errors import BudgetError, DownrouteError
from downroute.money.rates import Rates, cost_usd
from downroute.prompts import digest
from downroute.records import Answer, Example, Json, Measurement, Purpose, Score, Usage
from downroute.scoring.families import relatives
from downroute.scoring.judge import Alone, Pairwise, both_orders
from downroute.scoring.judge_ask import Heard, Judge
from downroute.scoring.judge_question import Question
from downroute.store.journal import JournalEntry, JournalKey
from downroute.study import judge_report
from downroute.study.asking import Candidate, Paying, ask_and_pay, known
from downroute.study.faults import FaultRun
from downroute.study.labels import PASSES_AT
from downroute.study.pairs import Pair, PairScore, of_example, pair_key, with_grade

REPLY_TOKENS = 100
"""What a verdict with its reason is taken to cost before it is known."""
FORMAT_WORDS = ("response_format", "json_schema", "structured")


@dataclass(frozen=True, slots=True)
class Verdicts:
    """A judge's scores of one pair, or why there are none."""

    scores: PairScore | None
    unscored: str | None = None
    why: tuple[str | None, str | None] = (None, None)
    """The reasons the judge gave."""


class Judging:
    """One task's answers judged, batch after batch. ``repeats`` is the share of pairs that are
    judged once more, to see how far the judge agrees with itself."""

    def __init__(
        self,
        scorer: Alone | Pairwise,
        judge: Candidate,
        paying: Paying,
        baseline: str,
        candidate: str,
        repeats: float,
    ):
        self._scorer = scorer
        self._model = judge
        self._paying = paying
        self._baseline = baseline
        self._candidate = candidate
        self._repeats = repeats
        self._judge = Judge(self._ask)
        self._faults = FaultRun(judge.model)
        self._stopped: DownrouteError | None = None
        self._found: dict[str, Verdicts] = {}
        self._reasons: Counter[str] = Counter()
        self._counts: Counter[str] = Counter()
        self._cost_usd: float | None = 0.0

    async def judge(self, examples: Sequence[Example], measured: Sequence[Measurement]) -> None:
        """Have the judge look at every pair of answers that differ.

        Raises:
            BudgetError: the budget is reached; what was judged is in the journal.
            TaskStoppedError: every call to the judge fails the same way.
        """
        work = [
            (example, found.answer)
            for example, found in zip(examples, measured, strict=True)
            if self._to_judge(example, found)
        ]
        # The first alone: a fault common to all then costs one call.
        for pair in work[:1]:
            await self._pair(*pair)
        await asyncio.gather(*(self._pair(*pair) for pair in work[1:]))
        if self._stopped is not None:
            raise self._stopped

    def knows(self, example: Example, measured: Measurement) -> bool:
        """Whether nothing is left to ask about this pair."""
        return example.id in self._found or not self._to_judge(example, measured)

    def pair(
        self, example: Example, measured: Measurement, grades: Mapping[str, PairScore]
    ) -> Pair:
        """The pair as people labelled it, else as the judge scored it; both are kept."""
        return of_example(example, self._paired(example, measured, grades))

    def _paired(
        self, example: Example, measured: Measurement, grades: Mapping[str, PairScore]
    ) -> Pair:
        answer = measured.answer
        if answer is None and measured.score.value is None:
            reason = measured.score.reason or "no answer"
            return Pair(example.id, "", None, unscored=f"{measured.model}: {reason}")
        key = pair_key(example, self._baseline, measured.model, answer)
        if not self._to_judge(example, measured):
            return Pair(example.id, key, 0.0)
        found = self._found.get(example.id, Verdicts(None, "not judged"))
        if found.scores is None:
            return Pair(example.id, key, None, unscored=found.unscored)
        first, second = found.scores
        judged = Pair(
            example.id, key, first - second, first, second, judged=found.scores, why=found.why
        )
        return with_grade(judged, grades)

    def heard(self) -> judge_report.Heard:
        """What asking came to so far."""
        models = (self._baseline, self._candidate)
        family = [(m, relatives(self._model.model, m)) for m in models]
        return judge_report.Heard(
            model=self._model.model,
            judged=self._counts["judged"],
            unscored=sum(self._reasons.values()),
            reasons=tuple(self._reasons.most_common()),
            repeated=self._counts["repeated"],
            agreed=self._counts["agreed"],
            both_orders=self._counts["both orders"],
            flipped=self._counts["flipped"],
            cost_usd=self._cost_usd,
            relatives=tuple((m, f) for m, f in family if f is not None),
        )

    def _to_judge(self, example: Example, measured: Measurement) -> bool:
        """Not what ties by construction, nor what never came through. A request that the upstream
        refused is a failed answer, beside which the baseline's is judged."""
        if measured.answer is None:
            return measured.score.value is not None
        return not self._scorer.same(example.baseline_answer, measured.answer)

    async def _pair(self, example: Example, answer: Answer | None) -> None:
        if example.id in self._found:
            return
        if self._scorer.needs_reference and example.reference is None:
            self._found[example.id] = Verdicts(None, "there is no reference")
            return
        first = await self._scores(example, answer, 0)
        if self._stopped is not None:
            return
        self._found[example.id] = first
        if first.scores is None or not self._drawn_twice(example):
            return
        again = await self._scores(example, answer, 1)
        if again.scores is not None:
            same = [
                (a >= PASSES_AT) == (b >= PASSES_AT)
                for a, b in zip(first.scores, again.scores, strict=True)
            ]
            self._counts["repeated"] += len(same)
            self._counts["agreed"] += sum(same)

    async def _scores(self, example: Example, answer: Answer | None, repeat: int) -> Verdicts:
        """What the judge makes of the two answers; ``None`` = the candidate has none."""
        if isinstance(self._scorer, Pairwise):
            if answer is None:
                return Verdicts((1.0, 0.0))
            return await self._compared(self._scorer, example, answer, repeat)
        ends = (example.reference, example.request)
        answers = [example.baseline_answer] + ([] if answer is None else [answer])
        found = await asyncio.gather(
            *(self._verdict(self._scorer.question(a, *ends), repeat) for a in answers)
        )
        if answer is None:
            found.append(Score(0.0))
        first, second = found
        if first.value is None or second.value is None:
            model, fault = self._baseline, first
            if first.value is not None:
                model, fault = self._candidate, second
            return Verdicts(None, f"{model}: {fault.reason}")
        return Verdicts((first.value, second.value), why=(first.reason, second.reason))

    async def _compared(
        self, scorer: Pairwise, example: Example, answer: Answer, repeat: int
    ) -> Verdicts:
        one, ends = example.baseline_answer, (example.reference, example.request)
        forward, backward = await asyncio.gather(
            self._verdict(scorer.versus(one, answer, *ends), repeat),
            self._verdict(scorer.versus(answer, one, *ends), repeat),
        )
        scores, flipped = both_orders(forward, backward)
        if scores is not None and not repeat:
            self._counts["both orders"] += 1
            self._counts["flipped"] += flipped
        fault = forward if forward.value is None else backward
        return Verdicts(scores, None if scores else fault.reason, (None, forward.reason))

    async def _verdict(self, question: Question, repeat: int) -> Score:
        score = await self._judge.verdict(question, repeat)
        if self._stopped is None and not repeat:
            self._counts["judged"] += score.value is not None
            if score.value is None:
                self._reasons[score.reason or "no verdict"] += 1
        return score

    def _drawn_twice(self, example: Example) -> bool:
        share = int(digest(["judged twice", example.request_digest])[:8], 16) / 16**8
        return share < self._repeats

    async def _ask(self, body: Mapping[str, Json], repeat: int) -> Heard:
        sent = self._model.adapt(body)
        key = JournalKey(
            upstream=self._model.upstream,
            model=self._model.model,
            request_digest=digest(sent),
            purpose=Purpose.JUDGE,
            repeat=repeat,
        )
        try:
            entry = known([key], self._paying)
        except BudgetError as reason:
            self._stopped = reason
            return Heard(error=str(reason))
        if entry is not None:
            self._paid(entry)
            return _heard(entry)
        async with self._model.slots:
            if self._stopped is not None:
                return Heard(error=str(self._stopped))
            try:
                estimate = cost_usd(expected_usage(body), self._model.rates)
                entry, reply = await ask_and_pay(key, sent, estimate, self._model, self._paying)
                heard = _heard(entry)
                if not heard.refuses_format:
                    self._faults.see(reply)
            except DownrouteError as reason:
                self._stopped = reason
                return Heard(error=str(reason))
        self._paid(entry)
        return heard

    def _paid(self, entry: JournalEntry) -> None:
        if entry.cost_usd is None or self._cost_usd is None:
            self._cost_usd = None
        else:
            self._cost_usd += entry.cost_usd


def expected_usage(body: Mapping[str, Json]) -> Usage:
    """Tokens of one question and its verdict, four characters each."""
    return Usage(len(str(body.get("messages"))) // 4 + 1, REPLY_TOKENS, estimated=True)


def estimated_usd(
    scorer: Alone | Pairwise, examples: Sequence[Example], rates: Rates | None, repeats: float
) -> float | None:
    """What judging all ``examples`` costs at most, with answers as long as the baseline's; ``None``
    without a price."""
    total = 0.0
    for example in examples:
        answer, ends = example.baseline_answer, (example.reference, example.request)
        if isinstance(scorer, Pairwise):
            question = scorer.versus(answer, answer, *ends)
        else:
            question = scorer.question(answer, *ends)
        cost = cost_usd(expected_usage(question.body(structured=True)), rates)
        if cost is None:
            return None
        total += 2 * cost
    return total * (1.0 + repeats)


def _heard(entry: JournalEntry) -> Heard:
    """What the journal holds of one question to a judge."""
    if entry.error is None and entry.body is not None:
        answer = answer_from_completion(entry.body)
        return Heard(text=answer.text, error=None if answer.text else "an empty reply")
    error = entry.error or "no reply"
    refuses = entry.status in (400, 422) and any(w in error.lower() for w in FORMAT_WORDS)
    return Heard(error=error, refuses_format=refuses)
