import pytest

from downroute.errors import UsageError
from downroute.records import Answer
from downroute.scoring.regex import Regex


def test_a_pattern_is_searched_in_the_answer_or_its_field():
    scorer = Regex(pattern="^[A-Z]{2}-[0-9]{4}$")
    assert scorer.score(Answer(text="AB-1234"), None, {}).value == 1
    assert scorer.score(Answer(text="It is AB-1234"), None, {}).value == 0
    inside = Regex(pattern=scorer.pattern, field="code")
    assert inside.score(Answer(text='{"code": "AB-1234"}'), None, {}).value == 1
    assert inside.score(Answer(text="AB-1234"), None, {}).value == 0


def test_without_a_pattern_the_reference_is_it():
    assert Regex().needs_reference
    assert Regex().score(Answer(text="abc"), "b.", {}).value == 1
    assert Regex().score(Answer(text="abc"), "(", {}).value is None
    assert Regex().score(Answer(text="abc"), None, {}).value is None


def test_a_wrong_pattern_is_refused_at_once():
    with pytest.raises(UsageError, match="not a regular expression"):
        Regex(pattern="(")
