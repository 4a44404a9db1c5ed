"""Length bias: seen where it was put, told by chance in about one of a hundred, never invented."""

from __future__ import annotations

import numpy as np

from downroute.records import Answer, Example, Measurement, Score
from downroute.study.length_bias import LEVEL, LengthBias, length_bias
from downroute.study.pairs import Pair


def biased_by(strength: float, seed: int, n: int = 100) -> LengthBias:
    """Answers of random lengths whose score rises by ``strength`` for each standard deviation."""
    rng = np.random.default_rng(seed)
    longer = rng.normal(size=n)
    better = strength * longer + rng.normal(size=n)
    examples, measured, pairs = {}, [], []
    for i in range(n):
        name = str(i)
        examples[name] = Example(name, "t", {}, name, Answer("x" * 500))
        text = "x" * int(500 + 100 * longer[i])
        measured.append(Measurement(name, "small", Answer(text), Score(0.5)))
        pairs.append(Pair(name, name, -float(better[i]), 0.5, 0.5))
    found = length_bias(pairs, examples, measured)
    assert found is not None
    return found


def test_a_preference_for_length_is_told_with_its_direction():
    assert "longer answers score higher" in (biased_by(0.6, 1).warning() or "")
    assert "shorter answers score higher" in (biased_by(-0.6, 1).warning() or "")
    assert 0.9 < biased_by(0.6, 1).ratio < 1.1


def test_where_length_does_not_matter_a_warning_is_rare():
    seeds = 300
    told = sum(biased_by(0.0, seed).warning() is not None for seed in range(seeds))
    assert told <= seeds * LEVEL + 3 * (seeds * LEVEL) ** 0.5


def test_scores_that_never_differ_have_no_correlation():
    examples = {str(i): Example(str(i), "t", {}, str(i), Answer("xx")) for i in range(30)}
    measured = [Measurement(str(i), "s", Answer("x" * i), Score(1.0)) for i in range(30)]
    pairs = [Pair(str(i), str(i), 0.0, 1.0, 1.0) for i in range(30)]
    found = length_bias(pairs, examples, measured)
    assert found is not None and found.correlation is None and found.warning() is None
    assert length_bias(pairs[:5], examples, measured) is None
