import math

import pytest
from scipy.optimize import brentq

from downroute.stats.roots import root

CASES = [
    (lambda x: x**3 - 2, 0.0, 5.0),
    (lambda x: math.cos(x) - x, -3.0, 3.0),
    (lambda x: math.exp(-x) - 1e-9, 0.0, 100.0),
    (lambda x: math.atan(1e6 * (x - 0.123456)), -1.0, 1.0),
    (lambda x: -1.0 if x < 0.3 else 1e12, -1.0, 1.0),
    (lambda x: x**3 + x, -1.0, 4.0),
]


@pytest.mark.parametrize(("function", "start", "end"), CASES)
def test_roots_are_scipy_s(function, start, end):
    found = root(function, start, end)
    assert found == pytest.approx(brentq(function, start, end), abs=1e-11)
    assert root(function, end, start) == pytest.approx(found, abs=1e-11)


def test_a_root_at_an_end_is_that_end_and_equal_signs_are_a_mistake():
    assert root(lambda x: x, 0.0, 1.0) == 0.0
    assert root(lambda x: x - 1, 0.0, 1.0) == 1.0
    with pytest.raises(ValueError, match="same sign"):
        root(lambda x: x * x + 1, -1.0, 1.0)
