import pytest

from downroute.answers.label import label, literal, option_letter, same_text


@pytest.mark.parametrize(
    "text",
    [
        "B", "b", "B)", "(B)", "B.", "**B**", "*B*", "`B`", '"B"', "“B”", "$B$", "Ｂ", " - B\n",
        "# B", "Answer: B", "**Answer:** B", "The answer is B.", "The correct answer is (B).",
        "Antwort: B", "Final answer: **B**", "\\boxed{B}", "```\nB\n```",
        "First A seems right.\nSo the answer is B",
    ],
)  # fmt: skip
def test_one_label_has_many_spellings(text):
    assert label(text) == "b"


@pytest.mark.parametrize(
    "text",
    ["c#", "c++", "node.js", "snake_case_label", "bug/feature", "u.s", "not applicable", "..."],
)
def test_a_plain_label_stays_as_it_is(text):
    assert label(text) == text


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("B) Paris", "B"), ("(C) Rome", "C"), ("**B.** Paris", "B"), ("D: because it is", "D"),
        ("Option B", "B"), ("B\n\nBecause it is so.", "B"), ("The answer is B) Paris", "B"),
        ("A - the first", "A"), ("A dog", None), ("I think so", None), ("E = mc2", None),
    ],
)  # fmt: skip
def test_an_option_letter_is_told_from_a_word(text, letter):
    assert option_letter(text) == letter


def test_literals_keep_their_case_and_lose_their_spacing():
    assert literal("Billing") is None
    assert same_text("[(4, 1), (2, 3)]", "[(4,1),(2,3)]")
    assert same_text("{'a': 1}", '{"a": 1}')
    assert same_text("aB", "'aB'")
    assert not same_text("ab", "'aB'")
    assert not same_text("[1]", "1")
    assert same_text("Billing.", "billing")
