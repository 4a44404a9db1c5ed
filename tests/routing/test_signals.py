import pytest

from downroute.records import Answer, TokenLogprob, ToolCall
from downroute.routing.signals import known_signals, needs_logprobs, signals

REQUEST = {
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Why is it?"},
    ]
}


def tokens(*logprobs):
    return tuple(TokenLogprob("t", value) for value in logprobs)


def test_logprob_signals_summarise_the_tokens():
    found = signals(Answer(text="a b", logprobs=tokens(-0.1, -0.2, -3.0)), REQUEST)
    assert found["mean_logprob"] == pytest.approx(-1.1)
    assert found["min_logprob"] == -3.0
    assert found["p10_logprob"] == pytest.approx(-3.0 + 0.2 * 2.8)
    assert (found["words_out"], found["words_in"], found["calls_out"]) == (2, 5, 0)


@pytest.mark.parametrize("logprobs", [None, (), tokens(-9999.0, float("-inf"))])
def test_without_known_logprobs_they_are_missing_not_zero(logprobs):
    found = signals(Answer(text="a", logprobs=logprobs), REQUEST)
    assert [found[n] for n in ("mean_logprob", "min_logprob", "p10_logprob", "label_margin")] == [
        None
    ] * 4


def test_the_label_margin_is_over_the_best_other_label():
    top = ((" B", -0.2), ("b", -2.5), ("C", -3.0), ("A", -4.0))
    first = TokenLogprob("\n", -0.01, (("\n", -0.01), (" ", -5.0)))
    answer = Answer(text="\nB", logprobs=(first, TokenLogprob(" B", -0.2, top)))
    assert signals(answer, REQUEST, ["label_margin"]) == {"label_margin": pytest.approx(2.8)}
    alone = Answer(text="B", logprobs=(TokenLogprob("B", -0.2, (("B", -0.2),)),))
    assert signals(alone, REQUEST, ["label_margin"]) == {"label_margin": None}


def test_only_the_named_signals_are_read_and_unknown_ones_are_missing():
    answer = Answer(tool_calls=(ToolCall("f", "{}"),))
    assert signals(answer, REQUEST, ("calls_out", "judge")) == {"calls_out": 1, "judge": None}


def test_a_policy_can_tell_whether_to_ask_for_logprobs():
    assert needs_logprobs(["words_out", "p10_logprob"])
    assert not needs_logprobs(["words_out", "words_in"])
    assert all(doc and "\n" not in doc for doc in known_signals().values())
