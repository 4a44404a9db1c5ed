"""The real question downroute asks, put by the official client."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openai
import pytest

from downroute.answers.openai_chat import answer_from_completion
from downroute.answers.self_check import p_yes, self_check_request, self_check_usage
from downroute.records import Answer, Usage

Replay = Callable[..., Any]
REQUEST: Any = {"messages": [{"role": "user", "content": "Sure?"}]}


@pytest.fixture
def checked(recording: Path) -> Path:
    """The recording with P(yes) of three answers."""
    rows = [json.loads(line) for line in recording.read_text(encoding="utf-8").splitlines()]
    rows[0]["responses"]["big"]["self_check"] = 1.0
    rows[1]["responses"]["big"]["self_check"] = 0.0
    rows[2]["responses"]["big"]["self_check"] = 0.8125
    recording.write_text("".join(json.dumps(r) + "\n" for r in rows), encoding="utf-8")
    return recording


def ask(url: str, model: str, body: Any, **more: Any) -> Any:
    with openai.OpenAI(base_url=url, api_key="any", max_retries=0) as client:
        return client.chat.completions.create(model=model, **{**body, **more}).to_dict()


def test_the_recorded_probability_comes_back_in_the_token_s_alternatives(
    checked: Path, replay: Replay
) -> None:
    with replay([checked]) as url:
        body = self_check_request(REQUEST, Answer(text="Yes!"), "Are you certain?")
        reply = ask(url, "big", body)
        assert p_yes(answer_from_completion(reply)) == pytest.approx(0.8125, abs=1e-12)
        assert reply["choices"][0]["message"]["content"] == "Yes"
        used = self_check_usage(Usage(11, 7), "Are you certain?")
        assert reply["usage"]["prompt_tokens"] == used.input_tokens
        assert reply["usage"]["completion_tokens"] == 1
        for row, expected in ((0, 1.0), (1, 0.0)):
            recorded = json.loads(checked.read_text(encoding="utf-8").splitlines()[row])
            answer = answer_from_completion(recorded["responses"]["big"]["completion"])
            reply = ask(url, "big", self_check_request(recorded["request"], answer))
            assert p_yes(answer_from_completion(reply)) == expected


def test_without_logprobs_it_says_yes_or_no(checked: Path, replay: Replay) -> None:
    with replay([checked]) as url:
        body = self_check_request(REQUEST, Answer(text="Yes!"))
        reply = ask(url, "big", body, logprobs=False, top_logprobs=openai.omit)
        assert reply["choices"][0]["logprobs"] is None
        assert p_yes(answer_from_completion(reply)) == 1.0


@pytest.mark.parametrize(
    ("model", "answer", "said"),
    [
        ("vendor/tiny:free", "Yes!", "records no 'self_check'"),
        ("small", "Yes!", "no recording of this request"),
        ("big", "Another", "no recording of this request"),
    ],
)
def test_what_was_not_recorded_is_not_made_up(
    checked: Path, replay: Replay, model: str, answer: str, said: str
) -> None:
    with replay([checked]) as url, pytest.raises(openai.NotFoundError, match=said):
        ask(url, model, self_check_request(REQUEST, Answer(text=answer)))
