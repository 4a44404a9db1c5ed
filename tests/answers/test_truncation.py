import pytest

from downroute.answers.truncation import is_truncated
from downroute.records import Answer


@pytest.mark.parametrize("reason", ["length", "max_tokens", "MAX_TOKENS", "content_filter"])
def test_an_answer_without_its_end_is_truncated(reason):
    assert is_truncated(Answer(text="so", finish_reason=reason)) is True


def test_a_finished_answer_is_not_and_an_unknown_end_is_unknown():
    assert is_truncated(Answer(text="so", finish_reason="stop")) is False
    assert is_truncated(Answer(text="so", finish_reason="tool_calls")) is False
    assert is_truncated(Answer(text="so")) is None
