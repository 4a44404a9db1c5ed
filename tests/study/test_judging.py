"""A judge asked about pairs: what it is asked of, and what its silence means."""

import asyncio
import json
import re

import pytest

from downroute.errors import TaskStoppedError
from downroute.money.table import rates_per_million
from downroute.providers.replies import Reply
from downroute.records import Answer, Example, Measurement, Score, Usage
from downroute.scoring.judge import Factuality, Pairwise, Rubric
from downroute.store import Store
from downroute.study.asking import Candidate, Paying
from downroute.study.budget import Budget
from downroute.study.judging import Judging

RUBRIC = Rubric(text="good")


def example(name, said="old", reference=None):
    request = {"messages": [{"role": "user", "content": name}]}
    return Example(name, "t", request, f"digest of {name}", Answer(said), reference=reference)


def measured(name, said="new", score=None):
    answer = None if said is None else Answer(said)
    return Measurement(name, "gpt-4o-mini", answer, score or Score.unscored("not scored yet"))


def replied(verdict):
    """A judge that gives this verdict, or as its prompt says."""

    async def ask(body):
        system = body["messages"][0]["content"]
        nonce = re.search(r'"nonce": "([0-9a-f]+)"', system).group(1)
        said = verdict(body) if callable(verdict) else verdict
        text = json.dumps({"nonce": nonce, "reason": "r", "verdict": said})
        message = {"message": {"role": "assistant", "content": text}}
        return Reply(
            status=200, body={"choices": [message]}, answer=Answer(text), usage=Usage(9, 9)
        )

    return ask


async def refused(body):
    return Reply(status=401, error="court answered 401: no such key")


def heard(tmp_path, ask, pairs, scorer=RUBRIC, repeats=0.0, grades=None):
    """The pairs that come of judging (example, measurement), and what was heard."""

    async def run():
        with Store.open(tmp_path / "store") as store:
            paying = Paying("s", store.journal, Budget(None), lambda *_: None)
            slots = asyncio.Semaphore(4)
            rates = rates_per_million(1.0, 1.0)
            judge = Candidate("gpt-4.1", "u", lambda r: {**r, "model": "j"}, ask, slots, 4, rates)
            judging = Judging(scorer, judge, paying, "claude-3", "gpt-4o-mini", repeats)
            await judging.judge([e for e, _ in pairs], [m for _, m in pairs])
            return [judging.pair(e, m, grades or {}) for e, m in pairs], judging.heard()

    return asyncio.run(run())


def test_equal_answers_tie_and_are_not_judged(tmp_path):
    pairs = [(example("a", "yes"), measured("a", " yes\n")), (example("b"), measured("b"))]
    (tie, other), told = heard(tmp_path, replied("pass"), pairs)
    assert (tie.difference, tie.judged) == (0.0, None)
    assert other.judged == (1.0, 1.0)
    assert told.judged == 2


def test_what_people_say_stands_beside_what_the_judge_says(tmp_path):
    pairs = [(example("a"), measured("a"))]
    [plain], _ = heard(tmp_path, replied("pass"), pairs)
    [graded], _ = heard(tmp_path, replied("pass"), pairs, grades={plain.key: (1.0, 0.0)})
    assert (plain.difference, plain.graded) == (0.0, False)
    assert (graded.difference, graded.graded, graded.judged) == (1.0, True, (1.0, 1.0))


def test_a_refused_request_is_a_failed_answer_beside_the_judged_one(tmp_path):
    refusal = measured("a", None, Score(0.0, "the request was refused"))
    lost = measured("b", None, Score.unscored("timed out"))
    pairs = [(example("a"), refusal), (example("b"), lost)]
    (failed, unscored), told = heard(tmp_path, replied("pass"), pairs)
    assert failed.judged == (1.0, 0.0)
    assert unscored.unscored == "gpt-4o-mini: timed out"
    assert told.judged == 1


def test_an_unreadable_verdict_leaves_the_pair_unscored_with_the_reason(tmp_path):
    [pair], told = heard(tmp_path, replied("maybe"), [(example("a"), measured("a"))])
    assert pair.unscored == "claude-3: the judge's verdict is none of pass, fail"
    assert (told.judged, told.unscored) == (0, 2)


def test_without_a_reference_facts_cannot_be_compared(tmp_path):
    pairs = [(example("a"), measured("a")), (example("b", reference="r"), measured("b"))]
    (without, given), told = heard(tmp_path, replied("C"), pairs, Factuality())
    assert without.unscored == "there is no reference"
    assert given.judged == (1.0, 1.0)
    assert told.judged == 2


def test_a_winner_that_changes_with_the_order_is_a_flip(tmp_path):
    pairs = [(example("a"), measured("a")), (example("b"), measured("b"))]

    def verdict(body):
        prompt = body["messages"][-1]["content"]
        asked = re.search(r"\[user\]\n(\w)", prompt).group(1)
        old_first = prompt.index("\nold\n") < prompt.index("\nnew\n")
        return "first" if asked == "a" or old_first else "second"

    (flipped, won), told = heard(tmp_path, replied(verdict), pairs, Pairwise(text="better"))
    assert flipped.judged == (0.5, 0.5)
    assert won.judged == (1.0, 0.0)
    assert (told.both_orders, told.flipped) == (2, 1)


def test_repeats_show_how_far_a_judge_agrees_with_itself(tmp_path):
    times = {}

    def moody(body):
        prompt = body["messages"][-1]["content"]
        times[prompt] = times.get(prompt, 0) + 1
        return "pass" if times[prompt] == 1 or "\nold\n" in prompt else "fail"

    pairs = [(example(f"e{i}"), measured(f"e{i}")) for i in range(10)]
    found, told = heard(tmp_path, replied(moody), pairs, repeats=1.0)
    assert (told.repeated, told.agreed) == (20, 10)
    assert {p.judged for p in found} == {(1.0, 1.0)}
    assert told.relatives == (("gpt-4o-mini", "gpt"),)


def test_a_judge_whose_key_is_refused_stops_the_task(tmp_path):
    with pytest.raises(TaskStoppedError, match="no such key"):
        heard(tmp_path, refused, [(example("a"), measured("a"))])
