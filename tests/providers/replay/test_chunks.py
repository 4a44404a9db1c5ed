from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from downroute.answers.openai_chat import completion_from_chunks
from downroute.providers.replay.chunks import chunks, pieces


def body(message: dict[str, Any], **choice: Any) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [
            {"index": 0, "message": {"role": "assistant", **message}, "logprobs": None}
            | {"finish_reason": "stop"}
            | choice
        ],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
    }


@given(st.text())
def test_pieces_joined_are_the_text_again(text: str) -> None:
    assert "".join(pieces(text)) == text
    assert all(pieces(text))


@given(
    st.one_of(st.none(), st.text(min_size=1)),
    st.lists(st.tuples(st.text(min_size=1), st.text()), max_size=3),
)
def test_chunks_spell_out_the_completion(content: str | None, calls: list[tuple[str, str]]) -> None:
    message: dict[str, Any] = {"content": content}
    if calls:
        message["tool_calls"] = [
            {"id": f"c{n}", "type": "function", "function": {"name": name, "arguments": text}}
            for n, (name, text) in enumerate(calls)
        ]
    whole = body(message)
    spelled = completion_from_chunks(chunks(whole, include_usage=True))
    assert spelled["choices"][0]["message"] == whole["choices"][0]["message"]
    assert spelled["choices"][0]["finish_reason"] == "stop"
    assert spelled["usage"] == whole["usage"]


def test_a_longer_text_comes_in_several_pieces_at_word_boundaries() -> None:
    assert pieces("The answer is 42, surely.") == [
        "The",
        " answer",
        " is",
        " 42",
        ",",
        " surely",
        ".",
    ]


def test_only_the_last_chunk_has_usage_and_the_others_say_null() -> None:
    parts = list(chunks(body({"content": "a b"}), include_usage=True))
    assert [p["usage"] for p in parts[:-1]] == [None] * (len(parts) - 1)
    assert parts[-1]["choices"] == []
    assert parts[-1]["usage"]["total_tokens"] == 3
    assert all("usage" not in p for p in chunks(body({"content": "a b"}), include_usage=False))


def test_each_token_travels_with_its_logprob_where_the_tokens_spell_the_text() -> None:
    tokens = [{"token": "A", "logprob": -0.1}, {"token": " b", "logprob": -0.2}]
    whole = body({"content": "A b"}, logprobs={"content": tokens})
    sent = [p["choices"][0] for p in chunks(whole, include_usage=False)]
    assert [(c["delta"], c["logprobs"]["content"]) for c in sent if c["logprobs"]] == [
        ({"content": "A"}, tokens[:1]),
        ({"content": " b"}, tokens[1:]),
    ]


def test_logprobs_of_a_part_of_the_text_are_not_lost() -> None:
    tokens = [{"token": "B", "logprob": -0.1}]
    whole = body({"content": "It is B."}, logprobs={"content": tokens})
    spelled = completion_from_chunks(chunks(whole, include_usage=False))
    assert spelled["choices"][0]["message"]["content"] == "It is B."
    assert spelled["choices"][0]["logprobs"]["content"] == tokens
