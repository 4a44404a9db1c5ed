"""Which of a judge's pairs people label next, and about how many labels there will be. Pure.

Unlike grades that decide by themselves, labels are a random sample, so nobody may pick them: they
are taken in the order of the draw (`labels`), in batches that are finished before the next
reading, as in a study. Only that the baseline stays may be read at any time.
"""

from __future__ import annotations

from collections.abc import Sequence

from downroute.study.grading import Waiting
from downroute.study.labels import next_batch, next_labels
from downroute.study.look import Rules
from downroute.study.pairs import Pair
from downroute.study.verdict import Judgement, Outcome, Stopped, judge


def labels_waiting(pairs: Sequence[Pair], rules: Rules, batch: Sequence[str]) -> Waiting | None:
    """What to label of judged ``pairs`` (in sampled order, with the labels there are); ``None``
    once no label is needed. ``batch`` holds the keys that were asked for last, in their order."""
    judgement = _judged(pairs, rules)
    if judgement is None or judgement.outcome is Outcome.KEEP:
        return None
    by_key = {p.key: p for p in pairs}
    left = [by_key[key] for key in batch if key in by_key and not by_key[key].graded]
    unlabelled = sum(p.judged is not None and not p.graded for p in pairs)
    state = judgement.looks[-1].judged if judgement.looks else None
    missing = 0 if state is None else state.missing
    if not left:
        if judgement.stopped is not Stopped.LABELS or state is None:
            return None
        seen = pairs[: judgement.looks[-1].examples]
        left = next_labels(seen, rules.schedule, next_batch(missing, state.labels))
    # Before the first reading nothing is known of the judge, nor of how many more it takes.
    known = state is not None and state.gap_sd is not None
    return Waiting(tuple(left), len(left), max(missing, len(left)) if known else None, unlabelled)


def _judged(pairs: Sequence[Pair], rules: Rules) -> Judgement | None:
    """The test read look by look, as a study that measures on reads it."""
    judgement = None
    for done, until in enumerate(rules.schedule, start=1):
        if until > len(pairs):
            break
        judgement = judge(pairs, done, rules)
        if judgement.outcome is not None:
            break
    return judgement
