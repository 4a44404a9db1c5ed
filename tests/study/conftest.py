"""Tasks made up for tests: answers whose risk shows in a signal."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from downroute.records import Purpose
from downroute.study.pairs import Pair
from downroute.study.trial import PaidSignal, Trial


@pytest.fixture(scope="session")
def made_up() -> Callable[..., Trial]:
    return _made_up


def _made_up(
    n: int,
    seed: int = 0,
    *,
    gain: float = 0.12,
    loss: float = 0.03,
    telling: float = 2.0,
    paid_telling: float | None = None,
    noise: int = 5,
) -> Trial:
    """``gain`` of the answers are wrong where the baseline is right, ``loss`` the other way round;
    the signal ``words_out`` is higher by ``telling`` standard deviations on the former."""
    rng = np.random.default_rng(seed)
    kind = rng.choice(3, size=n, p=[gain, loss, 1 - gain - loss])
    both = (rng.random(n) < 0.8) * 1.0
    baseline = np.where(kind == 0, 1.0, np.where(kind == 1, 0.0, both))
    candidate = np.where(kind == 0, 0.0, np.where(kind == 1, 1.0, both))
    signals = {"words_out": rng.normal(size=n) + telling * (kind == 0)}
    signals |= {f"numbers_{k}": rng.normal(size=n) for k in range(noise)}
    paid = {}
    if paid_telling is not None:
        values = rng.normal(size=n) - paid_telling * (kind == 0)
        paid[Purpose.HELPER] = PaidSignal("helper", values, np.full(n, 0.05), np.full(n, np.nan))
    pairs = tuple(
        Pair(str(i), str(i), float(b - c), float(b), float(c))
        for i, (b, c) in enumerate(zip(baseline, candidate, strict=True))
    )
    nothing = np.full(n, np.nan)
    return Trial(
        pairs, baseline, candidate, np.ones(n), np.full(n, 0.06), nothing, nothing, signals,
        np.zeros(n, bool), paid,
    )  # fmt: skip
