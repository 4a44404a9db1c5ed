"""`downroute grade` of a task that a model judges: the labels of its draw, in order."""

import json

import pytest

from .hearing import STUDY, hearing, lenient_to_small
from .judge_stand_in import Bias, StandIn
from .test_grade import get, grading, sight

__all__ = ["hearing"]


def careful(good):
    return StandIn(good, [Bias("", 0.05, 0.02)])


def truth(card, good):
    """The grade of one who knows which answers are good."""
    sides = good[card["a"]["raw"]], good[card["b"]["raw"]]
    return {
        (True, True): "both", (True, False): "a", (False, True): "b", (False, False): "neither",
    }[sides]  # fmt: skip


def label_until_decided(url, good):
    """What each page said before its click."""
    seen, told = sight(url), []
    while seen["card"]:
        told.append(seen)
        word = truth(seen["card"], good)
        seen = json.loads(get(url + "grade", {"card": seen["card"]["id"], "grade": word})[1])
    return told


def without_costs(task):
    """A task's result but for what a file of labels leaves behind that a page does not."""
    return {k: v for k, v in task.items() if k not in ("evidence",)}


@pytest.mark.parametrize(
    ("bad_small", "judge_of", "verdict"), [(60, lenient_to_small, "keep"), (13, careful, "route")]
)
def test_labels_given_in_the_page_end_in_the_corrected_verdict_of_a_study(
    work, downroute, hearing, bad_small, judge_of, verdict
):
    with hearing(300, 14, bad_small, judge_of) as judge:
        ran = downroute(*STUDY, "300", "--json", "--export-grades", "labels.jsonl")
        first = json.loads(ran.out)["tasks"][0]
        assert first["stopped"] == "waiting for labels"
        asked = len(judge.asked)
        with grading(work, "--json") as (process, links):
            told = label_until_decided(links["grader"], judge.good)
            out, err = process.communicate(timeout=60)
        assert len(judge.asked) == asked, err
        report = json.loads(out)
        (task,) = report["tasks"]
        assert task["verdict"] == verdict
        assert task["judge"]["corrected"] and task["judge"]["labels"] == len(told)
        # At first nobody can tell how many it takes, but for the first reading.
        told_first = told[0]["least"], told[0]["more"], told[0]["most"]
        assert told_first == (50, None, first["need"]["of"])
        assert [t["least"] for t in told[:50]] == list(range(50, 0, -1))
        assert all(t["least"] <= t["more"] <= t["most"] for t in told[50:])
        # The pairs of the draw, as the file has them, and no model's name with them.
        filed = [json.loads(line) for line in (work / "labels.jsonl").read_text().splitlines()]
        shown = {frozenset(t["card"][side]["raw"] for side in "ab") for t in told[:50]}
        assert shown == {frozenset((row["answer_a"], row["answer_b"])) for row in filed}
        assert not any(name in json.dumps(told) for name in ("large", "small", "arbiter"))
        # The same as the study itself comes to, which asks nothing either.
        again = json.loads(downroute(*STUDY, "300", "--json").out)
        assert len(judge.asked) == asked
        (same,) = again["tasks"]
        assert without_costs(same) == without_costs(task)
        assert again["spent_usd"] <= report["spent_usd"]


def test_an_offline_file_of_labels_is_taken_in_and_status_says_what_is_missing(
    work, downroute, hearing
):
    with hearing(120, 6, 24, lenient_to_small) as judge:
        downroute(*STUDY, "120")
        made = downroute("grade", "--export", "labels.html")
        assert "50 pairs to grade" in made.out and "at least 50 more" in made.out
        text = (work / "labels.html").read_text()
        assert not any(name in text for name in ("large", "small", "arbiter"))
        data = text.split('id="cards">')[1].split("</script>")[0]
        cards = json.loads(data)["cards"]
        grades = [{"card": c["id"], "grade": truth(c, judge.good)} for c in cards]
        result = {"kind": "downroute grades", "sitting": "a1b2c3d4", "grades": grades[:49]}
        (work / "result.json").write_text(json.dumps(result))
        downroute("grade", "--import", "result.json")
        status = json.loads(downroute("grade", "--status", "--json").out)
        assert (status["at_least"], status["about"], status["pairs_left"]) == (1, None, 71)
        assert status["tasks"]["tickets"]["graded"] == 49
        (work / "result.json").write_text(json.dumps({**result, "grades": grades}))
        done = json.loads(downroute("grade", "--import", "result.json", "--json").out)
        told = done["tasks"][0]["judge"]
        assert told["labels"] == 50 and told["errors"]["small"]["false_pass"]["labels"] > 0


def test_a_judge_named_on_the_command_line_is_known_afterwards(work, downroute, hearing):
    with hearing(60, 3, 9, lenient_to_small):
        config = work / "downroute.yaml"
        config.write_text(config.read_text().replace("model: arbiter, ", "", 1))
        assert downroute(*STUDY, "60", "--judge", "arbiter").code == 101
        status = downroute("grade", "--status", "--json")
        assert json.loads(status.out)["at_least"] == 50, status.err
