"""Looks at pairs that a judge scored: what may be read of them, and when."""

import random
from dataclasses import replace

import pytest

from downroute.study.judge_report import Heard, errors_by_model, errors_differ, refusal, report
from downroute.study.judged_look import look_of
from downroute.study.labels import ask_for_labels, cells
from downroute.study.look import Rules, look_at
from downroute.study.pairs import Pair
from downroute.study.verdict import Outcome, Stopped, judge

Z = -1.644854
MODELS = ("large", "small")


def tried(count, bad_large, bad_small, *, pass_small=0.0, seed=3):
    """Pairs with their truth: the judge passes so many of the small model's bad answers."""
    chance = random.Random(seed)
    pairs, truth = [], {}
    for number in range(count):
        good = chance.random() >= bad_large, chance.random() >= bad_small
        said = float(good[0]), float(good[1] or chance.random() < pass_small)
        key = f"{chance.getrandbits(80):020x}"
        truth[str(number)] = float(good[0]), float(good[1])
        pairs.append(Pair(str(number), key, said[0] - said[1], *said, judged=said))
    return pairs, truth


def label(pairs, truth, names=None):
    return [
        replace(p, graded=True, baseline=b, candidate=c, difference=b - c)
        if names is None or p.example_id in names
        else p
        for p in pairs
        for b, c in [truth[p.example_id]]
    ]


def labelled(pairs, truth, count, schedule):
    names = {p.example_id for p in ask_for_labels(pairs, schedule, count) if p.to_grade}
    return label(pairs, truth, names)


def rules(count, **more):
    return Rules(0.05, 0.05, (count,), **more)


def test_without_labels_no_gap_is_known_and_the_judge_s_is_kept_apart():
    pairs, _ = tried(300, 0.05, 0.05)
    look = look_of(pairs, Z, rules(300))
    assert (look.interval.low, look.interval.high) == (-1.0, 1.0)
    assert look.judged.raw == look_at(pairs, Z, rules(300)).interval
    assert (look.judged.labels, look.ungraded) == (0, 50)
    assert look.judged.baseline is None
    found = judge(pairs, 1, rules(300))
    assert (found.outcome, found.stopped) == (Outcome.INCONCLUSIVE, Stopped.LABELS)


def test_labels_take_the_bias_out():
    pairs, truth = tried(400, 0.05, 0.25, pass_small=0.9)
    look = look_of(labelled(pairs, truth, 150, (400,)), Z, rules(400))
    assert look.judged.raw.high < 0.05
    assert look.interval.low < 0.20 < look.interval.high
    assert look.interval.low > 0.05
    assert judge(labelled(pairs, truth, 150, (400,)), 1, rules(400)).outcome is Outcome.KEEP


def test_a_keep_asks_for_no_more_labels():
    pairs, truth = tried(400, 0.05, 0.40)
    look = look_of(labelled(pairs, truth, 60, (400,)), Z, rules(400))
    assert look.interval.low > 0.05
    assert (look.ungraded, look.judged.missing) == (0, 0)


def test_a_route_waits_for_the_labels_that_were_planned():
    pairs, truth = tried(500, 0.02, 0.02)
    some = labelled(pairs, truth, 60, (500,))
    look = look_of(some, Z, rules(500, labels=120))
    assert look.judged.missing == 60
    assert judge(some, 1, rules(500, labels=120)).stopped is Stopped.LABELS
    enough = labelled(pairs, truth, 250, (500,))
    assert judge(enough, 1, rules(500, labels=120)).outcome is Outcome.ROUTE


def test_labels_for_all_are_tested_alone():
    pairs, truth = tried(200, 0.05, 0.10, pass_small=1.0)
    everything = label(pairs, truth)
    assert look_of(everything, Z, rules(200)) == look_at(everything, Z, rules(200))


def test_ties_by_construction_need_neither_judge_nor_label():
    pairs, truth = tried(200, 0.05, 0.05)
    ties = [Pair(f"t{i}", f"{i:020x}", 0.0) for i in range(200)]
    alone = look_of(labelled(pairs, truth, 80, (200,)), Z, rules(200))
    mixed = look_of([*labelled(pairs, truth, 80, (200,)), *ties], Z, rules(400))
    assert mixed.pairs == 400
    assert mixed.interval.estimate == pytest.approx(alone.interval.estimate / 2, abs=0.01)
    assert mixed.interval.high < alone.interval.high
    assert mixed.judged.baseline is None


def test_a_relative_margin_is_read_too():
    pairs, truth = tried(400, 0.20, 0.22)
    some = labelled(pairs, truth, 200, (400,))
    look = look_of(some, Z, rules(400, relative=True))
    base, cand = look.judged.baseline, look.judged.candidate
    assert look.interval.estimate == pytest.approx(1 - cand / base, abs=0.01)
    assert look.interval.low < look.interval.estimate < look.interval.high


def test_errors_are_told_by_model_and_compared():
    pairs, truth = tried(400, 0.15, 0.25, pass_small=0.8)
    some = labelled(pairs, truth, 200, (400,))
    large, small = errors_by_model(cells(some, (400,)), MODELS)
    assert large.false_pass.value == 0.0
    assert small.false_pass.low < 0.8 < small.false_pass.high
    assert small.false_fail.value == 0.0
    assert errors_differ((large, small)) < 0.001
    look = look_of(some, Z, rules(400))
    told = report(Heard("judge"), look, some, (400,), MODELS, alone=True)
    assert told.differs
    assert "error rates differ" in refusal(told, 0.05)
    assert told.as_json()["errors"]["small"]["false_pass"]["labels"] > 0


def test_a_judge_of_pairs_has_no_errors_by_model():
    pairs, _ = tried(60, 0.1, 0.1)
    told = report(Heard("judge"), look_of(pairs, Z, rules(60)), pairs, (60,), MODELS, alone=False)
    assert (told.errors, told.differ_p, told.differs) == ((), None, False)
    assert "too few" in refusal(told, 0.05)
