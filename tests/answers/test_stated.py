import pytest

from downroute.answers.stated import boxed, stated


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("First \\boxed{1}, no: \\boxed{\\frac{a}{b}}.", "\\frac{a}{b}"),
        ("thus \\boxed 7 holds", "7"),
        ("step\n#### 72", "72"),
        ("Answer: no.\nWait.\nAnswer: yes", "yes"),
        ("**Answer:** B", "B"),
        ("Final answer: **C**", "**C**"),
        ("So the correct option is D.", "D."),
        ("答案：B", "B"),
        ("Antwort: ja", "ja"),
        ("Answer:\n\nB", "B"),
    ],
)
def test_the_last_mark_says_where_the_answer_is(text, part):
    assert stated(text) == part


@pytest.mark.parametrize("text", ["B", "The sentiment is positive", "I have no answer to that."])
def test_a_text_without_a_mark_states_nothing(text):
    assert stated(text) is None


def test_a_box_that_never_closes_is_none():
    assert boxed("\\boxed{1 + {2}") is None
