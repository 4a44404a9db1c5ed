import math

import pytest

from downroute.answers.self_check import (
    PROMPT,
    p_yes,
    self_check_request,
    self_check_usage,
    spoken,
)
from downroute.records import Answer, TokenLogprob, ToolCall, Usage

REQUEST = {
    "model": "large",
    "messages": [{"role": "user", "content": "2 + 2?"}],
    "response_format": {"type": "json_object"},
    "stream": True,
    "n": 3,
    "stop": ["x"],
}


def said(token, logprob, **top):
    tops = tuple((t, math.log(p)) for t, p in top.items())
    return Answer(text=token, logprobs=(TokenLogprob(token, logprob, tops),))


def test_the_question_follows_the_original_messages_and_the_answer():
    body = self_check_request(REQUEST, Answer(text="4"))
    assert body["messages"] == [
        *REQUEST["messages"],
        {"role": "assistant", "content": "4"},
        {"role": "user", "content": PROMPT},
    ]
    assert (body["max_tokens"], body["logprobs"], body["top_logprobs"]) == (1, True, 20)
    assert not {"response_format", "stream", "n", "stop", "model"} & set(body)
    assert (
        self_check_request(REQUEST, Answer(text="4"), "Sure?")["messages"][-1]["content"] == "Sure?"
    )


def test_tool_calls_are_shown_as_text_and_none_may_follow():
    answer = Answer(tool_calls=(ToolCall("f", '{"a": 1}'),))
    request = {**REQUEST, "tools": [{"type": "function", "function": {"name": "f"}}]}
    body = self_check_request(request, answer)
    assert body["tool_choice"] == "none" and body["tools"] == request["tools"]
    assert body["messages"][-2]["content"] == spoken(answer) != ""


def test_p_yes_is_the_share_of_yes_whatever_its_spelling():
    answer = said("Yes", math.log(0.5), **{"Yes": 0.5, " yes": 0.2, "No": 0.1, "Maybe": 0.2})
    assert p_yes(answer) == pytest.approx(0.7 / 0.8)
    assert p_yes(said("No", math.log(0.9), No=0.9, Perhaps=0.1)) == 0.0


def test_without_alternatives_the_one_token_tells():
    assert p_yes(said("Yes", math.log(0.75))) == pytest.approx(0.75)
    assert p_yes(said("no", math.log(0.75))) == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("words", "expected"), [("Yes.", 1.0), ("**No**, because", 0.0), ("Hm", None), ("", None)]
)
def test_without_probabilities_the_text_tells(words, expected):
    assert p_yes(Answer(text=words)) == expected


def test_what_a_check_uses_is_estimated_from_the_answer_it_is_about():
    used = self_check_usage(Usage(100, 20), "Sure?")
    assert (used.input_tokens, used.output_tokens, used.estimated) == (130, 1, True)
    assert self_check_usage(Usage()).input_tokens is None
