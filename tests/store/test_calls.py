import itertools

import pytest
from msgspec import structs

from downroute.errors import StoreError
from downroute.records import Answer, Attempt, Call, Purpose, Usage
from downroute.store import Bodies, Store


def without_words(call: Call) -> Call:
    return structs.replace(call, request=None, answer=None, reference=None)


def test_what_is_billed_apart_is_kept_with_calls_and_attempts(store, make_call):
    usage = Usage(10, 2, apart=(("cache_write", 7), ("web_search", 1)))
    call = make_call("apart", usage=usage, attempts=(Attempt("m", usage=usage), Attempt("m")))
    store.calls.add([call])
    (found,) = store.calls.each()
    assert found.usage == usage
    assert [a.usage for a in found.attempts] == [usage, Usage()]


def test_a_call_comes_back_as_it_was(store, full_call):
    assert store.calls.add([full_call]) == (1, 0)
    assert list(store.calls.each(with_bodies=True)) == [full_call]
    assert list(store.calls.each()) == [without_words(full_call)]


def test_what_is_not_known_comes_back_as_not_known(store):
    bare = Call(id="bare", source="test", model="m")
    store.calls.add([bare])
    assert list(store.calls.each(with_bodies=True)) == [bare]


def test_adding_a_known_id_adds_nothing(store, make_call, full_call):
    store.calls.add([full_call])
    changed = structs.replace(full_call, model="other", attempts=(), answer=None)
    assert store.calls.add([changed, make_call("b"), make_call("b")]) == (1, 2)
    assert next(store.calls.each(with_bodies=True)) == full_call


def test_calls_come_in_the_order_added_page_after_page(store, make_call):
    ids = [f"{(i * 7919) % 1000}" for i in range(1000)]
    store.calls.add(make_call(i) for i in ids)
    assert [call.id for call in store.calls.each()] == ids


def test_calls_are_selected_by_task_model_and_time(store, make_call):
    for i, (task, model, at) in enumerate(
        itertools.product(["a", "b", None], ["small", "large"], [10.0, 20.0, None])
    ):
        store.calls.add([make_call(str(i), task=task, model=model, started_at=at)])
    chosen = list(store.calls.each(task="b", models=["small", "none"], since=15.0))
    assert [(c.task, c.model, c.started_at) for c in chosen] == [("b", "small", 20.0)]
    assert len(list(store.calls.each(task="a"))) == 6
    assert len(list(store.calls.each(models={"large"}))) == 9
    assert list(store.calls.each(models=[])) == []
    assert [c.id for c in store.calls.each(ids=["9", "2", "none"])] == ["2", "9"]


def test_calls_added_while_reading_do_not_appear(store, make_call):
    store.calls.add(make_call(str(i)) for i in range(300))
    seen = []
    for call in store.calls.each():
        seen.append(call.id)
        store.calls.add([make_call(f"new {call.id}")])
    assert len(seen) == 300
    assert store.calls.count() == 600


def test_a_million_rows_would_not_be_gathered_first(store, make_call):
    furthest = 0

    def source():
        nonlocal furthest
        for i in range(5000):
            furthest = i
            if i > 3500:
                # All but the batches in hand are in the store already.
                assert store.calls.count() >= i - 1000
            yield make_call(str(i))

    assert store.calls.add(source()).new == 5000
    assert furthest == 4999


def test_what_came_before_an_error_of_the_source_is_written(store, make_call):
    def source():
        yield make_call("a")
        raise RuntimeError("the file ended")

    with pytest.raises(RuntimeError, match="the file ended"):
        store.calls.add(source())
    assert store.calls.count() == 1


def test_half_surrogates_nul_and_huge_numbers_do_not_stop_an_import(store, make_call):
    odd = make_call(
        "odd",
        task="cut \ud83d",
        request={"messages": [{"role": "user", "content": "cut \ud83d off \x00"}], "seed": 2**70},
        answer=Answer(text="\udc00"),
        usage=Usage(input_tokens=2**70, output_tokens=3),
    )
    store.calls.add([odd])
    back = next(store.calls.each(with_bodies=True))
    assert back.task == "cut ?"
    assert (back.request, back.answer) == (odd.request, odd.answer)
    assert back.usage == Usage(None, 3)


def test_the_summary_adds_up_what_is_known_and_counts_what_is_not(store, make_call):
    store.calls.add(
        [
            make_call("1", task="a", usage=Usage(10, 5), cost_usd=0.5, started_at=5.0),
            make_call("2", task="a", usage=Usage(20, 7, 4, estimated=True), started_at=3.0),
            make_call("3", task="a", error="timeout"),
            make_call("4", model="small", usage=Usage(1, None)),
        ]
    )
    first, second = store.calls.summary()
    assert (first.task, first.fingerprint, first.model, first.calls) == ("a", "f1", "large", 3)
    assert (first.input_tokens, first.output_tokens, first.cached_input_tokens) == (30, 12, 4)
    assert (first.reasoning_tokens, first.cost_usd, first.unpriced) == (None, 0.5, 2)
    assert (first.failed, first.without_usage, first.usage_estimated) == (1, 1, 1)
    assert (first.first_started_at, first.last_started_at) == (3.0, 5.0)
    assert (second.task, second.model, second.output_tokens) == (None, "small", None)
    assert (second.cost_usd, second.without_usage, second.first_started_at) == (None, 1, None)
    assert [group.calls for group in store.calls.summary(since=4.0)] == [1]


def test_a_word_for_bodies_that_is_none_is_refused(store: Store, make_call):
    with pytest.raises(ValueError, match="some"):
        store.calls.add([make_call("a")], keep="some")
    assert store.calls.add([make_call("a")], keep="none") == (1, 0)
    assert [str(b) for b in Bodies] == ["none", "redacted", "full"]


ONE = Attempt(
    "large",
    status=200,
    usage=Usage(9, 1),
    cost_usd=0.5,
    latency_s=0.25,
    first_byte_s=0.125,
    finish_reason="stop",
    snapshot="large-1",
    checks={"one_of": True, "json_schema": None},
    score=-0.75,
)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"purpose": Purpose.HELPER},
        {"status": 503},
        {"error": "timeout: after 3 s"},
        {"model": "small"},
        {"snapshot": None},
        {"usage": Usage(9, 1, estimated=True)},
        {"usage": Usage(9, 1, apart=(("web_search", 1),))},
        {"cost_usd": None},
        {"cost_usd": 0.25},
        {"latency_s": None, "first_byte_s": None, "score": None},
        {"finish_reason": None, "checks": {}},
        {"checks": {"json_schema": None, "one_of": False}},
        {"signals": {"mean_logprob": None}},
        {"answer": Answer(text="another")},
    ],
    ids=str,
)
def test_a_call_s_only_attempt_comes_back_whatever_it_says_that_its_call_does_not(
    store, make_call, changes
):
    call = make_call(
        "one",
        usage=Usage(9, 1),
        cost_usd=0.5,
        status=200,
        latency_s=0.5,
        first_byte_s=0.375,
        snapshot="large-1",
        reason="passed",
        attempts=(structs.replace(ONE, **changes),),
    )
    other = structs.replace(call, id="two", attempts=(ONE,))
    store.calls.add([call, other])
    assert list(store.calls.each(with_bodies=True)) == [call, other]


def test_calls_that_have_nothing_in_common_come_back_as_they_were(tmp_path, make_call):
    """More of them than what is remembered, from two processes, and again."""
    calls = [make_call(str(i), task=f"task {i}", reason=f"r {i % 7}") for i in range(9000)]
    with Store.open(tmp_path) as one, Store.open(tmp_path) as other:
        for start in range(0, len(calls), 1500):
            one.calls.add(calls[start : start + 1000], Bodies.NONE)
            other.calls.add(calls[start + 500 : start + 1500], Bodies.NONE)
        assert other.calls.add(calls[:10], Bodies.NONE) == (0, 10)
        found = {call.id: call for call in one.calls.each()}
    assert found == {call.id: without_words(call) for call in calls}


def test_what_was_not_committed_is_not_taken_for_known(store, make_call):
    """A kind of calls entered in a transaction that failed is entered again."""
    refused = (
        "CREATE TRIGGER refuses BEFORE INSERT ON call_rows BEGIN SELECT raise(ABORT, 'no'); END"
    )
    with store._database.reading() as connection:
        connection.execute(refused)
    with pytest.raises(StoreError, match="no"):
        store.calls.add([make_call("a", task="new")])
    with store._database.reading() as connection:
        assert connection.execute("SELECT count(*) FROM call_kinds").fetchone() == (0,)
        connection.execute("DROP TRIGGER refuses")
    store.calls.add([make_call("b", task="another"), make_call("c", task="new")])
    assert [(c.id, c.task) for c in store.calls.each()] == [("b", "another"), ("c", "new")]
