"""An order of requests in which neighbours are alike: by length, then topic, then time. A sample
spread evenly over it is stratified by all three, in proportion. Pure.

Lengths are thirds of the words, times quarters of the log (untimed calls by themselves), topics
`TOPICS` clusters of the words (k-means on hashed word counts, each bucket scaled to unit spread,
so that words all requests share do not count).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

TOPICS = 6
_ROUNDS = 15
_LEARNT_FROM = 4000

Floats = NDArray[np.float64]


def strata(
    words: Sequence[int], bags: Sequence[bytes], times: Sequence[float | None]
) -> list[tuple[int, int, int]]:
    """(length, topic, time) of each request, as small numbers; the requests in an order that does
    not depend on the log."""
    lengths = _quantiles([float(w) for w in words], 3)
    when = _quantiles(list(times), 4)
    return list(zip(lengths, _topics(bags), when, strict=True))


def _quantiles(values: Sequence[float | None], parts: int) -> list[int]:
    known = [v for v in values if v is not None]
    if not known:
        return [0] * len(values)
    cuts = np.quantile(np.array(known), np.arange(1, parts) / parts)
    return [-1 if v is None else int(np.searchsorted(cuts, v)) for v in values]


def _topics(bags: Sequence[bytes]) -> list[int]:
    if not bags:
        return []
    counts = np.frombuffer(b"".join(bags), np.uint8).reshape(len(bags), -1)
    sample = np.sqrt(counts[:_LEARNT_FROM].astype(np.float64))
    middle, spread = sample.mean(axis=0), sample.std(axis=0)
    scale = np.where(spread > 0, 1.0 / np.where(spread > 0, spread, 1.0), 0.0)
    centres = _centres((sample - middle) * scale)
    found: list[int] = []
    for start in range(0, len(counts), _LEARNT_FROM):
        part = (np.sqrt(counts[start : start + _LEARNT_FROM].astype(np.float64)) - middle) * scale
        found += _nearest(part, centres).tolist()
    return found


def _centres(points: Floats) -> Floats:
    """Lloyd's algorithm from the points farthest apart: no chance is involved."""
    chosen = [int(np.argmax((points**2).sum(axis=1)))]
    away = ((points - points[chosen[0]]) ** 2).sum(axis=1)
    while len(chosen) < TOPICS and away.max() > 0:
        chosen.append(int(np.argmax(away)))
        away = np.minimum(away, ((points - points[chosen[-1]]) ** 2).sum(axis=1))
    centres = points[chosen]
    for _ in range(_ROUNDS):
        nearest = _nearest(points, centres)
        moved = np.stack(
            [
                points[nearest == k].mean(axis=0) if (nearest == k).any() else centres[k]
                for k in range(len(centres))
            ]
        )
        if np.allclose(moved, centres):
            break
        centres = moved
    return centres


def _nearest(points: Floats, centres: Floats) -> NDArray[np.intp]:
    away = (centres**2).sum(axis=1) - 2.0 * points @ centres.T
    nearest: NDArray[np.intp] = np.argmin(away, axis=1)
    return nearest
