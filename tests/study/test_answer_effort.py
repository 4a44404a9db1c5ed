from downroute.records import Answer, Example, Measurement, Score, Usage
from downroute.study.answer_effort import Effort, efforts, told
from downroute.study.pairs import Pair


def example(name, latency_s=1.0, tokens=10):
    return Example(name, "t", {}, name, Answer("x"), Usage(20, tokens), None, latency_s)


SAID = Answer("y")


def measured(name, latency_s=0.5, answer=SAID):
    usage = Usage(21, 5)
    return Measurement(name, "small", answer, Score(1.0), usage=usage, latency_s=latency_s)


def test_tokens_are_means_and_waits_quantiles_over_the_pairs_answered():
    names = [str(n) for n in range(21)]
    examples = {n: example(n, 1.0 + int(n) / 10, int(n)) for n in names}
    answers = [measured(n) for n in names[:-1]] + [measured("20", answer=None)]
    first, second = efforts([Pair(n, n, 0.0) for n in names], examples, answers)
    assert (first.input_tokens, first.output_tokens) == (20, 9.5)
    assert (round(first.latency_p50_s, 3), round(first.latency_p95_s, 3)) == (1.95, 2.805)
    assert second == Effort(21, 5, 0.5, 0.5)
    assert told(first, second).startswith("an answer takes: tokens in 20 → 21, tokens out 10 → 5, ")


def test_what_is_not_known_of_every_answer_is_not_told():
    examples = {"a": example("a", None), "b": example("b", 2.0, None)}
    first, second = efforts(
        [Pair(n, n, 0.0) for n in "ab"], examples, [measured("a"), measured("b")]
    )
    assert first == Effort(20, None, None, None)
    assert told(first, second) == "an answer takes: tokens in 20 → 21"
    assert told(*efforts([], {}, [])) is None
