import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from downroute.records import Answer, TokenLogprob, ToolCall
from downroute.routing.reading import count_words
from downroute.routing.signals import (
    SIGNALS,
    is_signal,
    known_signals,
    needs_alternatives,
    needs_logprobs,
    signals,
)

REQUEST = {
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Why is it?"},
    ]
}


def tokens(*logprobs):
    return tuple(TokenLogprob("t", value) for value in logprobs)


def test_logprob_signals_summarise_the_tokens():
    found = signals(Answer(text="ttt", logprobs=tokens(-0.1, -0.2, -3.0)), REQUEST)
    assert found["mean_logprob"] == pytest.approx(-1.1)
    assert found["min_logprob"] == -3.0
    assert found["p10_logprob"] == pytest.approx(-3.0 + 0.2 * 2.8)
    assert (found["words_out"], found["words_in"], found["calls_out"]) == (1, 5, 0)


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


def spelled(text, **special):
    """``text`` cut into characters of logprob −1, but for those of ``special`` words."""
    values = [-1.0] * len(text)
    for word, value in special.items():
        at = text.rfind(word)
        values[at : at + len(word)] = [value] * len(word)
    tokens = (TokenLogprob(c, v) for c, v in zip(text, values, strict=True))
    return Answer(text=text, logprobs=tuple(tokens))


@pytest.mark.parametrize(
    "text",
    [
        '```json\n{"reasoning": "say XYZ first", "answer": "XYZ"}\n```',
        '{"answer": "XYZ"}',
        "It is long, but\nthe answer is XYZ\n",
        "So 3 + 4, thus \\boxed{XYZ}.",
        "```\nXYZ\n```",
        "  XYZ\n",
    ],
)
def test_logprobs_are_those_of_the_part_that_is_compared(text):
    found = signals(spelled(text, XYZ=-0.25), REQUEST, ["mean_logprob", "sum_logprob"])
    assert found == {"mean_logprob": pytest.approx(-0.25), "sum_logprob": pytest.approx(-0.75)}


def test_tokens_that_do_not_spell_the_text_all_count():
    answer = Answer(text='{"answer": "B"}', logprobs=(TokenLogprob("B", -0.5),) * 2)
    assert signals(answer, REQUEST, ["mean_logprob"]) == {"mean_logprob": -0.5}


def test_the_odds_of_an_answer_grow_beyond_all_bounds_but_stay_finite():
    def odds(*logprobs):
        answer = Answer(text="t" * len(logprobs), logprobs=tokens(*logprobs))
        return signals(answer, REQUEST, ["answer_odds"])["answer_odds"]

    assert odds(math.log(0.5)) == pytest.approx(0.0)
    assert odds(math.log(0.9)) == pytest.approx(math.log(9))
    assert odds(0.0) == 20.0 and odds(-400.0, -600.0) == -20.0


def test_sums_that_do_not_come_out_are_counted():
    text = "16 - 3 - 4 = 9 eggs, 9 * $2 = $18, 7 / 3 = 2.33, 1,000 x 2 = 2,500 and 25% * 8 = 3."
    found = signals(Answer(text=text), REQUEST, ["sums_out", "wrong_sums"])
    assert found == {"sums_out": 5, "wrong_sums": 2}
    other = "x + 2 = 5, 2(3 + 4) = 14, 2^3 * 2 = 16, 5 / 0 = 1"
    assert signals(Answer(text=other), REQUEST, ["sums_out"]) == {"sums_out": 0}


def test_a_final_value_that_its_reasons_never_mention_is_seen():
    text = '{"reasoning": "first 12, then 30 of them", "answer": "%s"}'
    names = ["final_repeated", "final_is_number", "final_is_whole", "final_magnitude"]
    assert list(signals(Answer(text=text % "30"), REQUEST, names).values()) == [
        1, 1, 1, pytest.approx(math.log10(31)),
    ]  # fmt: skip
    assert signals(Answer(text=text % "3"), REQUEST, names)["final_repeated"] == 0
    assert signals(Answer(text="30"), REQUEST, names)["final_repeated"] is None


def test_what_is_known_of_the_question_is_read_from_its_last_turn():
    schema = {
        "type": "object",
        "properties": {"a": {"type": "string"}, "b": {"properties": {"c": {}}}},
    }
    request = {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "First 1 2 3?"},
            {"role": "assistant", "content": "Yes."},
            {"role": "user", "content": "Which is NOT Prime?\nA. 1,000\nB. 17"},
        ],
        "response_format": {"type": "json_schema", "json_schema": {"schema": schema}},
        "tools": [{"type": "function", "function": {"name": "f", "parameters": schema}}],
    }
    found = signals(Answer(text="B"), request)
    expected = {
        "question_words": 8, "question_numbers": 2, "question_marks": 1, "question_options": 2,
        "question_negations": 1, "question_turns": 2, "question_lines": 3, "system_words": 2,
        "question_magnitude": pytest.approx(math.log10(1001)), "wants_json": 1, "schema_fields": 3,
        "tools_offered": 1, "tool_parameters": 3, "words_in": 15, "question_code": 0,
    }  # fmt: skip
    assert {name: found[name] for name in expected} == expected


def test_every_signal_stands_an_empty_request_and_answer():
    for request in ({}, {"messages": None}, {"messages": [{"role": "user", "content": None}]}):
        found = signals(Answer(), request)
        assert all(v is None or math.isfinite(v) for v in found.values())
        assert set(found) == set(SIGNALS)


def test_a_check_is_a_signal_too():
    request = {"messages": [], "response_format": {"type": "json_object"}}
    names = ["check:json_valid", "check:not_truncated", "check:one_of", "checks_passed"]
    found = signals(Answer(text="no JSON", finish_reason="stop"), request, names)
    assert [found[n] for n in names[:3]] == [0, 1, None]
    assert 0 < found["checks_passed"] < 1
    assert is_signal("check:json_valid") and "check:json_valid" in known_signals()
    assert not is_signal("check:one_of") and not is_signal("json_valid")


def test_a_policy_can_tell_whether_to_ask_for_logprobs():
    assert needs_logprobs(["words_out", "p10_logprob"])
    assert not needs_logprobs(["words_out", "words_in"])
    assert needs_alternatives(["label_margin"]) and not needs_alternatives(["mean_logprob"])
    assert all(doc and "\n" not in doc for doc in known_signals().values())


@given(
    st.text(alphabet=st.sampled_from("ab  \n\t\u00a0\u3000\u2028\x1cé"), max_size=12) | st.text()
)
def test_words_are_counted_as_they_are_split(text):
    assert count_words(text) == len(text.split())
