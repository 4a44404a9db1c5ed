import pytest

from downroute.stats.planning import difference_sd, power_of
from downroute.stats.sequential import default_looks
from downroute.study.foresight import DISCORDANCE, expected_labels, prospects


def test_with_one_look_the_power_is_the_planning_formula_s():
    for found in prospects((400,), 0.05, 0.05):
        wanted = power_of(400, found.gap, difference_sd(found.gap, DISCORDANCE), 0.05)
        assert found.power == pytest.approx(wanted, abs=0.02)
        assert found.pairs == 400


def test_looking_on_the_way_saves_pairs_and_costs_little_power():
    schedule = tuple(default_looks(500))
    none, one, two = prospects(schedule, 0.05, 0.05)
    assert none.pairs < 300 < two.pairs < 500
    fixed = power_of(500, 0.0, difference_sd(0.0, DISCORDANCE), 0.05)
    assert fixed - 0.05 < none.power <= fixed + 0.01
    assert none.power > one.power > two.power


def test_grades_are_expected_only_where_a_person_is_needed():
    assert expected_labels(300, 0.0) == 0
    assert 30 < expected_labels(300, 1.0) < 60
