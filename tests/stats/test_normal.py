import math

import numpy as np
import pytest
from scipy import special

from downroute.stats.normal import ndtr, ndtri, t_beyond


def test_the_normal_distribution_is_scipy_s():
    places = np.linspace(-38.0, 10.0, 2001)
    assert ndtr(places) == pytest.approx(special.ndtr(places), rel=1e-12)
    assert [ndtr(float(z)) for z in places[::50]] == pytest.approx(
        special.ndtr(places[::50]), rel=1e-12
    )
    chances = np.concatenate([10.0 ** np.arange(-300, 0, 7.0), np.linspace(0.01, 0.9999999, 500)])
    assert [ndtri(float(p)) for p in chances] == pytest.approx(special.ndtri(chances), rel=1e-12)
    assert (ndtri(0.0), ndtri(1.0)) == (-math.inf, math.inf)


def test_student_s_t_is_scipy_s():
    for freedom in (1, 2, 3, 4, 5, 18, 31, 398, 499):
        for t in (0.0, 0.1, 1.0, 2.5, 7.0, 40.0):
            expected = 2 * special.stdtr(freedom, -t)
            assert t_beyond(t, freedom) == pytest.approx(expected, rel=1e-9, abs=1e-12)
