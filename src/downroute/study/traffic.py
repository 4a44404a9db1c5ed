"""How many logged calls each pair stands for, so that a verdict speaks of the traffic. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from downroute.study.pairs import Pair


def weighed(pairs: Sequence[Pair]) -> list[Pair]:
    """``pairs``, a beginning of the sampled order, each weighted by its calls over its chance to
    be in so long a beginning (Horvitz–Thompson).

    That chance is min(1, weight·rank of the last), so every request that came less often than
    one in a sample's length gets the same weight, and only the frequent ones more.
    """
    until = max((p.rank for p in pairs if not p.certain), default=0.0)
    if until <= 0.0:
        return list(pairs)
    least = 1.0 / until
    return [p if p.certain else replace(p, weight=max(p.weight, least)) for p in pairs]
