import pytest

from downroute.records import Answer
from downroute.scoring.spec import build_scorer

BRIDGE = (
    "The bridge opened in 1932 in Sydney. It cost 6.25 million pounds. "
    'John Bradfield led the work and called it "the great steel arch".'
)


def asked(text):
    return {"messages": [{"role": "user", "content": text}]}


def score(spec, text, reference=None, source=BRIDGE):
    return build_scorer(spec).score(Answer(text=text), reference, asked(source))


@pytest.mark.parametrize(
    ("text", "reference", "expected"),
    [
        ("It opened in 1932", "1932", 1),
        ("It opened in 1933", "1932", 0),
        ("It opened in 1933", "1933", None),
        ("yes", "yes", 1),
        ("6,250,000", "6,250,000", 1),
        ("Bradfield led the work on the bridge", "Bradfield led the bridge work", 0),
        ("x", "an entirely different sentence about rivers", None),
    ],
)
def test_a_failure_of_retrieval_is_not_the_model_s(text, reference, expected):
    assert score("answer_in_context", text, reference).value == expected


def test_the_score_is_that_of_the_scorer_within():
    found = score("answer_in_context:token_f1", "Bradfield led work", "John Bradfield led the work")
    assert found.value == pytest.approx(6 / 7)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The bridge in Sydney opened in 1932 and cost 6,250,000 pounds.", 1),
        ("The bridge opened in 1932 for 7 million.", 0.5),
        ("The work was led by Peter Pan in Sydney.", 0.5),
        ('He called it "the great steel arch".', 1),
        ('He called it "a tiny thing".', 0),
        ("nothing to look up here", 1),
        ("", 0),
    ],
)
def test_claims_are_looked_up_in_the_source(text, expected):
    assert score("unsupported_claims", text).value == pytest.approx(expected)


THEMES = ("harvest wheat farmers", "steamship captain voyage", "telescope galaxy astronomer")
SOURCE = " ".join(
    f"The {noun} was described at length in the {number}th report."
    for theme in THEMES
    for number in (1, 2, 3)
    for noun in theme.split()
)


def test_a_summary_of_the_beginning_alone_is_seen():
    every = score("coverage:enough=3", "wheat harvest farmers; steamship captain on a voyage; "
                  "an astronomer's telescope shows a galaxy", source=SOURCE)  # fmt: skip
    first = score("coverage:enough=3", "farmers harvest wheat", source=SOURCE)
    worst = score("coverage:enough=3,worst=true", "farmers harvest wheat", source=SOURCE)
    assert every.value == 1
    assert first.value == pytest.approx(1 / 3)
    assert "first 1.00, middle 0.00, last 0.00" in first.reason
    assert worst.value == 0
    assert score("coverage", "x", source="Too short.").value is None
