import pytest

from downroute.errors import UsageError
from downroute.records import Answer
from downroute.scoring.json_schema import JsonSchema

SCHEMA = {"type": "object", "properties": {"score": {"type": "integer"}}, "required": ["score"]}


def request(schema):
    wanted = {"name": "s", "schema": schema}
    return {"response_format": {"type": "json_schema", "json_schema": wanted}}


def score(text, asked, **options):
    return JsonSchema(**options).score(Answer(text=text), None, asked)


@pytest.mark.parametrize(
    ("text", "bare", "fenced"),
    [
        ('{"score": 5}', 1, 1),
        ('{"score": "5"}', 0, 0),
        ('```json\n{"score": 5}\n```', 0, 1),
        ('Here it is: {"score": 5}', 0, 0),
        ('{"score": 5', 0, 0),
        ("", 0, 0),
    ],
)
def test_the_whole_answer_must_be_json_unless_fences_are_allowed(text, bare, fenced):
    assert score(text, request(SCHEMA)).value == bare
    assert score(text, request(SCHEMA), fenced=True).value == fenced


def test_the_scorers_own_schema_goes_before_the_requests():
    assert score("[1]", request(SCHEMA), schema={"type": "array"}).value == 1
    assert score("[1]", {}, schema=True).value == 1


def test_without_a_usable_schema_nothing_is_scored():
    assert score("{}", {}).value is None
    assert "not fetched" in score("{}", request({"$ref": "https://example.com/x"})).reason
    assert score("no JSON", request({"type": "nonsense"})).value is None
    with pytest.raises(UsageError, match="cannot be used"):
        JsonSchema(schema={"type": "nonsense"})


def test_the_same_value_in_and_out_of_a_fence_is_not_the_same_answer():
    one, other = Answer(text='{"score": 5}'), Answer(text='{ "score": 5 }\n')
    assert JsonSchema().same(one, other)
    assert not JsonSchema(fenced=True).same(one, Answer(text='```json\n{"score": 5}\n```'))
