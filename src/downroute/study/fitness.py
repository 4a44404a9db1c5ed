"""Can this scorer judge this task at all? The baseline's own answers say so before anything is
paid."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from downroute.records import Example
from downroute.study.pairs import Judge
from downroute.study.slow_scores import score_all


def unfit(
    examples: Sequence[Example], judge: Judge, baseline: str, margin: float, *, relative: bool
) -> str | None:
    """Why no verdict may rest on ``judge``; ``None`` where one may.

    Where the baseline's own answers score no more than the margin, no candidate can be worse by
    the margin: even one that never answers would pass. Where most of them cannot be scored,
    nothing would be learned.
    """
    scored = [e for e in examples if judge.by_reference(e)]
    if not scored:
        return None
    scores = score_all(judge, [(e, baseline, e.baseline_answer) for e in scored])
    known = [s.value for s in scores if s.value is not None]
    if len(known) < len(scores) / 2:
        reasons = Counter(s.reason for s in scores if s.value is None)
        (reason, _), *_ = reasons.most_common(1)
        return (
            f"the scorer cannot score {len(scores) - len(known)} of {len(scores)} of {baseline}'s "
            f"own answers ({reason}); nothing was asked, name another with --scorer"
        )
    mean = sum(known) / len(known)
    if mean > (0.0 if relative else margin):
        return None
    return (
        f"the scorer gives {baseline}'s own answers {mean:.3f} on average, which any model could "
        "match; nothing was asked, name a scorer that fits with --scorer"
    )
