import pytest

from downroute.answers.schema import Validity, matches, pattern_fault, schema_fault, validate

PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "ages": {"items": {"type": "integer"}}},
    "required": ["name"],
}


def test_a_fault_names_the_part_and_the_rule_but_quotes_nothing():
    assert validate({"name": "x"}, PERSON) == Validity(True)
    assert validate({"name": "x", "ages": [1, "secret"]}, PERSON).reason == "ages.1 breaks 'type'"
    assert validate({"ages": []}, PERSON).reason == "the value breaks 'required'"


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "https://example.com/schema.json"},
        {"$ref": "file:///etc/passwd"},
        {"type": "nonsense"},
        {"pattern": "(("},
        "a string",
        None,
        {"type": {1, 2}},
    ],
)
def test_a_schema_that_cannot_be_used_judges_nothing(schema):
    verdict = validate({}, schema)
    assert verdict.valid is None
    assert verdict.reason == schema_fault(schema)
    assert "\n" not in verdict.reason


def test_references_within_a_schema_are_followed():
    schema = {"$defs": {"whole": {"type": "integer"}}, "items": {"$ref": "#/$defs/whole"}}
    assert validate([1, 2.0], schema).valid
    assert not validate(["1"], schema).valid


def test_values_that_no_schema_can_hold_fail_without_an_error():
    assert validate({"name": "\ud800"}, PERSON).valid is not None
    deep: list = []
    for _ in range(5000):
        deep = [deep]
    assert validate(deep, PERSON).valid is False


def test_patterns_are_bounded_and_explained():
    assert matches("order AB-12 is late", "[A-Z]{2}-[0-9]+") is True
    assert matches("order ab-12", "(?i)[A-Z]{2}-[0-9]+") is True
    assert matches("none", "(") is None
    assert "flavour" in pattern_fault(r"^[0-9]+\Z")
    assert matches("a" * 5000 + "!", "^(?=(a+)+$)(a|aa)+$") is False
