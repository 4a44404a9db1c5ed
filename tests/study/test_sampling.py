from downroute.records import Answer, Call, Decision
from downroute.study.sampling import (
    FAILED,
    NO_CONTENT,
    OTHER_MODEL,
    REDACTED,
    REPEATED,
    SELECTED,
    Sampler,
    examples,
)


def call(number, text=None, **facts):
    facts.setdefault("model", "large")
    request = {"messages": [{"role": "user", "content": text or f"question {number}"}]}
    facts.setdefault("request", request)
    facts.setdefault("answer", Answer("yes"))
    return Call(id=f"c{number}", source="test", **facts)


def seen(calls, seed=0, size=100):
    sampler = Sampler("t", "large")
    for one in calls:
        sampler.see(one)
    drawn = sampler.draw(size, seed)
    return sampler, examples(calls, drawn, "t")


def test_the_same_seed_draws_the_same_requests_whatever_the_order_of_the_log():
    calls = [call(i) for i in range(50)]
    _, first = seen(calls, size=20)
    _, second = seen(calls[::-1], size=20)
    assert [e.id for e in first] == [e.id for e in second]
    _, other = seen(calls, seed=1, size=20)
    assert [e.id for e in first] != [e.id for e in other]


def test_a_smaller_sample_is_the_beginning_of_a_larger_one():
    calls = [call(i) for i in range(50)]
    _, small = seen(calls, size=10)
    _, large = seen(calls, size=40)
    assert small == large[:10]


def test_repeated_requests_are_one_example_with_their_weight():
    calls = [call(1, "same"), call(2, "same"), call(3, "other"), call(4, "same", reference="yes")]
    sampler, found = seen(calls)
    assert sampler.distinct == 2 and sampler.left_out[REPEATED] == 2
    same = next(e for e in found if e.weight == 3)
    assert same.reference == "yes"


def test_what_cannot_be_an_example_is_counted_by_reason():
    calls = [
        call(1, model="small"),
        call(2, request=None),
        call(3, answer=None),
        call(4, status=500, error="upstream 500", answer=None),
        call(5, decision=Decision.ESCALATED),
        call(6, model="alias", snapshot="large"),
        call(7, altered=True),
    ]
    sampler, found = seen(calls)
    assert [e.id for e in found] == ["c6"]
    assert sampler.left_out == {OTHER_MODEL: 1, NO_CONTENT: 2, FAILED: 1, SELECTED: 1, REDACTED: 1}
