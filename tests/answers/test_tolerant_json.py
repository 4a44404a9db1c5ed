import pytest

from downroute.answers.json_value import find_json
from downroute.answers.tolerant_json import parse_tolerantly


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r'{"a": "so \( x \) is \pi"}', {"a": r"so \( x \) is \pi"}),
        ('{"a": "one\ntwo"}', {"a": "one\ntwo"}),
        ('{"a": [1, 2,], "b": 2,}', {"a": [1, 2], "b": 2}),
        ('{"a": [1, 2,], "b": {"c": 3', {"a": [1, 2], "b": {"c": 3}}),
        ('{"a": "he is 64" tall, or 60"", "b": "c"}', {"a": 'he is 64" tall, or 60"', "b": "c"}),
        ('{"a": "she said "yes", then left", "b": 1}', {"a": 'she said "yes", then left', "b": 1}),
        ("{'a': 'b', 'c': True, 'd': None}", {"a": "b", "c": True, "d": None}),
        ('{a: 1, b_2: "x"}', {"a": 1, "b_2": "x"}),
        ('{"a": "x"\n "b": "y"}', {"a": "x", "b": "y"}),
        ('{"a": -3/8, "b": 53 feet}', {"a": "-3/8", "b": "53 feet"}),
        ('{"a": NaN}', {"a": "NaN"}),
        ('{"a": "\\u00e9 \\ud83d\\ude00"', {"a": "é 😀"}),
    ],
)
def test_json_as_models_write_it_is_read_as_meant(text, value):
    found = find_json(f"Sure!\n{text}")
    assert (found.value, found.repaired) == (value, True)


@pytest.mark.parametrize(
    "text", ['{"a": "x", "b": "cut o', '{"a": "x", "b":', '{"a": "x", "b', '{"a": "x", "b": {"c']
)
def test_what_the_text_breaks_off_in_is_missing_not_short(text):
    value, end = parse_tolerantly(text)
    assert value["a"] == "x"
    assert value.get("b", {}) == {}
    assert end == len(text)


def test_nesting_without_end_is_no_json():
    assert parse_tolerantly("[" * 5000) is None
    assert parse_tolerantly('{"a":' * 5000) is None


def test_it_ends_where_the_value_ends():
    text = '{"a": 1,} and {"b": 2,}'
    assert parse_tolerantly(text) == ({"a": 1}, 9)
    assert parse_tolerantly(text, 14) == ({"b": 2}, len(text))
