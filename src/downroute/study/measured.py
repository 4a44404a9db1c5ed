"""The measured pairs of a study as a trial. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from downroute.records import Example, Measurement, Purpose
from downroute.study.pairs import Pair
from downroute.study.traffic import weighed
from downroute.study.trial import Trial
from downroute.study.trial_of import Opinion, Row, trial_of

Opinions = Mapping[Purpose, Mapping[str, Opinion]]
"""Purpose → example id → the opinion on the candidate's answer to it."""


def measured_trial(
    pairs: Sequence[Pair],
    examples: Sequence[Example],
    measured: Sequence[Measurement],
    opinions: Opinions,
    givers: Mapping[Purpose, str],
) -> Trial | None:
    """The pairs whose difference is known and that have an answer; ``None`` where there is none.

    ``givers`` names who gives each kind of opinion.
    """
    by_id = {e.id: e for e in examples}
    answers = {m.example_id: m for m in measured}
    rows = []
    for pair in weighed(pairs):
        found = answers.get(pair.example_id)
        if pair.difference is None or found is None or found.answer is None:
            continue
        example = by_id[pair.example_id]
        rows.append(
            Row(
                pair,
                example.request,
                found.answer,
                example.baseline_cost_usd,
                found.cost_usd,
                example.baseline_latency_s,
                found.latency_s,
                {p: known[pair.example_id] for p, known in opinions.items()
                 if pair.example_id in known},
            )
        )  # fmt: skip
    return trial_of(rows, givers) if rows else None
