import asyncio
import dataclasses

import pytest

from downroute.errors import BudgetError
from downroute.money.table import rates_per_million
from downroute.providers.replies import Reply
from downroute.records import Answer, Example, Usage
from downroute.store import Store
from downroute.study.asking import Candidate, Paying
from downroute.study.budget import Budget
from downroute.study.measurement import Manner, Measuring

USAGE = Usage(100, 10)
RATES = rates_per_million(1.0, 1.0)
CALL_USD = 110e-6


def examples(count):
    return [
        Example(
            f"e{i}",
            "t",
            {"messages": [{"role": "user", "content": f"q{i}"}]},
            f"d{i}",
            Answer("x"),
            baseline_usage=USAGE,
        )
        for i in range(count)
    ]


async def answered(request):
    await asyncio.sleep(0)
    body = {"choices": [{"message": {"role": "assistant", "content": "yes"}}]}
    body["usage"] = {"prompt_tokens": 100, "completion_tokens": 10}
    return Reply(status=200, body=body, answer=Answer("yes"), usage=USAGE, latency_s=0.1)


def measured(tmp_path, allowed_calls, steps, ask=answered, manner=None):
    """What ``steps``, given a `Measuring` whose budget allows so many calls, return."""

    async def run():
        with Store.open(tmp_path / "store") as store:
            budget = Budget((allowed_calls + 0.5) * CALL_USD)
            paying = Paying("s", store.journal, budget, lambda task, model: None)
            slots = asyncio.Semaphore(2)
            candidate = Candidate("m", "u", lambda r: r, ask, slots, 2, RATES)
            return await steps(Measuring("t", candidate, paying, manner))

    return asyncio.run(run())


def test_a_budget_that_ends_while_asking_ahead_leaves_the_batch_whole(tmp_path):
    some = examples(6)

    async def steps(measuring):
        first = await measuring.measure(some[:4], some[4:])
        await asyncio.sleep(0.05)
        with pytest.raises(BudgetError):
            await measuring.measure(some[4:])
        await measuring.finish()
        return first, measuring.answered(some)

    first, all_answered = measured(tmp_path, 4, steps)
    assert [m.example_id for m in first] == ["e0", "e1", "e2", "e3"]
    assert list(all_answered) == ["e0", "e1", "e2", "e3"]


def test_nothing_new_is_sent_once_it_is_finished(tmp_path):
    asked = []

    async def slow(request):
        asked.append(request)
        await asyncio.sleep(0.05)
        return await answered(request)

    async def steps(measuring):
        some = examples(20)
        await measuring.measure(some[:1], some[1:])
        await measuring.finish()
        return len(asked)

    assert measured(tmp_path, 100, steps, slow) <= 3


def test_a_call_that_never_comes_through_is_unscored_or_failed_as_the_task_says(tmp_path):
    async def busy(request):
        return Reply(status=503, error="up answered 503: busy", tries=5)

    for failed_call, value in (("unscored", None), ("fail", 0.0)):

        async def steps(measuring):
            return await measuring.measure(examples(1))

        (found,) = measured(
            tmp_path / failed_call, 100, steps, busy, Manner(failed_call=failed_call)
        )
        assert found.score.value == value and "503" in found.score.reason


def test_repeats_are_asked_one_by_one_and_kept_apart(tmp_path):
    asked = []

    async def counting(request):
        asked.append(request)
        return await answered(request)

    async def steps(measuring):
        first = await measuring.measure(examples(2))
        await measuring.finish()
        return first

    found = measured(tmp_path, 100, steps, counting, Manner(repeats=3))
    assert [len(m.more) for m in found] == [2, 2] and len(asked) == 6
    again = measured(tmp_path, 100, steps, counting, Manner(repeats=4))
    assert [len(m.more) for m in again] == [3, 3] and len(asked) == 8


def completion(text="yes", logprobs=None):
    choice = {"message": {"role": "assistant", "content": text}}
    if logprobs:
        choice["logprobs"] = {"content": [{"token": text, "logprob": -0.1, "top_logprobs": []}]}
    return {"choices": [choice], "usage": {"prompt_tokens": 100, "completion_tokens": 10}}


def test_an_upstream_that_refuses_logprobs_is_asked_without_them_and_told_once(tmp_path):
    asked = []

    async def refusing(request):
        asked.append("logprobs" in request)
        if "logprobs" in request:
            return Reply(status=400, error="u answered 400: logprobs are not supported")
        return await answered(request)

    async def steps(measuring):
        found = await measuring.measure(examples(10))
        await measuring.finish()
        return found

    found = measured(tmp_path, 100, steps, refusing, Manner(logprobs=True))
    assert [m.answer.text for m in found] == ["yes"] * 10
    assert asked == [True] + [False] * 10
    asked.clear()
    measured(tmp_path, 100, steps, refusing, Manner(logprobs=True))
    assert asked == []


@pytest.mark.parametrize("first", [True, False])
def test_an_answer_is_never_asked_for_twice_whether_it_came_with_logprobs_or_without(
    tmp_path, first
):
    asked = []

    async def giving(request):
        asked.append(request)
        body = completion(logprobs=request.get("logprobs"))
        return Reply(status=200, body=body, answer=Answer("yes"), usage=USAGE, latency_s=0.1)

    async def steps(measuring):
        found = await measuring.measure(examples(3))
        await measuring.finish()
        return found

    measured(tmp_path, 100, steps, giving, Manner(logprobs=first))
    assert [("logprobs" in r) for r in asked] == [first] * 3
    again = measured(tmp_path, 100, steps, giving, Manner(logprobs=not first))
    assert len(asked) == 3
    assert [m.answer.logprobs is not None for m in again] == [first] * 3


def test_a_request_that_says_whether_it_wants_logprobs_is_sent_as_it_is(tmp_path):
    own = [dataclasses.replace(e, request={**e.request, "logprobs": False}) for e in examples(2)]
    asked = []

    async def noting(request):
        asked.append(request)
        return await answered(request)

    async def steps(measuring):
        await measuring.measure(own)
        await measuring.finish()

    measured(tmp_path, 100, steps, noting, Manner(logprobs=True))
    assert asked == [{**e.request} for e in own]
