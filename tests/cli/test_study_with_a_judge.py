"""A study whose answers only a judge can score, by the real command line and real servers."""

import json

import pytest

from .hearing import STUDY, configure, fair, hearing, lenient_to_small, write_tickets
from .judge_stand_in import Bias, StandIn, serving

__all__ = ["hearing"]

JUDGE_USD = (300 * 2.0 + 30 * 8.0) / 1e6


def grade_all(path, good):
    """Fill a grading file in by the truth, as people who know their work would."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for row in rows:
        sides = good[row["answer_a"]], good[row["answer_b"]]
        row["grade"] = {
            (True, True): "both", (True, False): "a", (False, True): "b", (False, False): "neither",
        }[sides]  # fmt: skip
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return len(rows)


@pytest.fixture
def court(work, downroute, hearing):
    """Studies of a recording under a judge, people labelling in between; the task's results."""

    def study(rows, bad_large, bad_small, judge_of, rounds):
        results = []
        with hearing(rows, bad_large, bad_small, judge_of) as judge:
            grades = ()
            for number in range(rounds):
                file = f"labels{number}.jsonl"
                ran = downroute(*STUDY, rows, "--json", "--export-grades", file, *grades)
                results.append(json.loads(ran.out)["tasks"][0])
                grade_all(work / file, judge.good)
                if not results[-1]["need"] or "labels" not in results[-1]["need"]:
                    break
                grades = ("--grades", file)
        return results, judge

    return study


def test_a_biased_judge_alone_is_refused_and_labels_set_it_right(court):
    results, _ = court(300, 15, 60, lenient_to_small, rounds=4)
    first, last = results[0], results[-1]
    assert first["verdict"] == "inconclusive"
    assert first["stopped"] == "waiting for labels"
    assert first["need"]["labels"] == 50
    assert first["judge"]["raw_gap"] < 0.05
    assert not first["judge"]["corrected"]
    assert (first["gap"], first["evidence"] and first["evidence"]["gap"]) == (None, [-1.0, 1.0])
    assert "no verdict" in first["message"]
    assert last["verdict"] == "keep"
    assert last["gap_low"] <= 0.15 <= last["gap_high"]
    errors = last["judge"]["errors"]
    assert errors["small"]["false_pass"]["rate"] > errors["large"]["false_pass"]["rate"]
    assert last["judge"]["labels"] >= 50


def test_a_fair_judge_and_enough_labels_route(court):
    def careful(good):
        return StandIn(good, [Bias("", 0.05, 0.02)])

    results, _ = court(300, 12, 13, careful, rounds=5)
    assert results[0]["verdict"] == "inconclusive"
    assert results[-1]["verdict"] == "route"
    assert results[-1]["gap_high"] < 0.05
    assert results[-1]["judge"]["corrected"]
    assert results[-1]["evidence"]["judge"] == "arbiter"
    told = results[-1]["judge"]
    assert told["cost_usd"] == pytest.approx((told["judged"] + told["repeated"]) * JUDGE_USD)


def test_the_judge_is_told_of_no_model_and_sees_one_answer_at_a_time(court):
    _, judge = court(60, 3, 3, lenient_to_small, rounds=1)
    for body in judge.asked:
        prompt = json.dumps(body["messages"])
        assert body["model"] == "arbiter"
        assert "small" not in prompt
        assert "large" not in prompt
        assert prompt.count("Dear customer") == 1


def test_an_upstream_without_schemas_judges_all_the_same(court):
    def plain(good):
        return StandIn(good, [Bias("")], habit="refuses_schema")

    results, judge = court(60, 3, 3, plain, rounds=1)
    assert results[0]["judge"]["unscored"] == 0
    assert results[0]["judge"]["judged"] == 120
    assert "response_format" not in judge.asked[-1]


def test_a_judge_that_repeats_the_answer_s_json_scores_nothing(court):
    def echo(good):
        return StandIn(good, [Bias("")], habit="echo")

    results, _ = court(60, 3, 3, echo, rounds=1)
    assert results[0]["unscored"] == 60
    assert results[0]["judge"]["judged"] == 0
    assert results[0]["verdict"] == "inconclusive"
    [reason] = results[0]["judge"]["reasons"]
    assert "code of its question" in reason


def test_nothing_is_sent_to_a_judge_whose_host_was_not_named(work, downroute, replay):
    good = write_tickets(work / "tickets.jsonl", 60, 3, 3)
    judge = StandIn(good, [Bias("")])
    with replay("tickets.jsonl") as url, serving(judge) as judge_url:
        configure(work, url, judge_url, allow="[api.example.com]")
        downroute("import", "tickets.jsonl", "--served", "large")
        refused = downroute(*STUDY, "60")
        assert refused.code == 2
        assert "--judge-allow 127.0.0.1" in refused.err
        assert judge.asked == []
        allowed = downroute(*STUDY, "60", "--judge-allow", "127.0.0.1")
        assert allowed.code == 101
        assert "judge arbiter: 120 answers judged" in allowed.out
        assert "label these 50 of 60" in allowed.out


def test_judging_stays_within_the_budget_and_is_never_paid_twice(downroute, hearing):
    with hearing(100, 5, 5, fair) as judge:
        short = downroute(*STUDY, "100", "--budget", "0.05", "--json")
        assert short.code == 102
        told = json.loads(short.out)
        assert 0.02 < told["spent_usd"] <= 0.05 + 32 * JUDGE_USD
        before = len(judge.asked)
        whole = json.loads(downroute(*STUDY, "100", "--json").out)
        again = json.loads(downroute(*STUDY, "100", "--json").out)
    assert before < len(judge.asked)
    assert whole["tasks"][0]["judge"]["judged"] == 200
    assert again["tasks"][0]["judge"] == whole["tasks"][0]["judge"]
    bodies = [json.dumps(b, sort_keys=True) for b in judge.asked]
    repeated = whole["tasks"][0]["judge"]["repeated"]
    assert repeated > 0
    assert len(bodies) == 200 + repeated
    assert len(set(bodies)) == 200


def test_pairs_are_judged_in_both_orders(downroute, hearing):
    with hearing(60, 3, 9, fair, scorer="pairwise") as judge:
        told = json.loads(downroute(*STUDY, "60", "--json").out)["tasks"][0]["judge"]
    assert (told["both_orders"], told["flipped"], told["errors"]) == (60, 0, {})
    lost = sum(g for t, g in judge.good.items() if "(l)" in t)
    won = sum(g for t, g in judge.good.items() if "(s)" in t)
    assert told["raw_gap"] == pytest.approx((lost - won) / 60)
