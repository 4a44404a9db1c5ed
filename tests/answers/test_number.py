import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from downroute.answers.number import Number, as_number, final_number, number_in
from downroute.records import Answer


def value_of(text):
    found = number_in(text)
    return None if found is None else found.value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("18", 18), ("18.", 18), (".5", 0.5), ("+5", 5), ("５０", 50),
        ("-5", -5), ("−5", -5), ("– 5", -5), ("minus 5", -5), ("x = -3", -3),
        ("-$5.50", -5.5), ("$-5", -5), ("$18", 18), ("USD 500", 500), ("Rs. 500", 500),
        ("€12", 12), ("12 €", 12), ("\\$42", 42), ("67\"", 67), ("5th", 5), ("100°C", 100),
        ("6 miles per hour", 6), ("60 km/h", 60), ("about 30", 30), ("≈ 3.14", 3.14),
        ("**42**", 42), ("`42`", 42), ("$42$", 42), ("\\(42\\)", 42), ("\\text{42 cm}", 42),
    ],
)  # fmt: skip
def test_a_plain_number_with_its_unit_is_read(text, value):
    assert value_of(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1,234", 1234), ("1,234,567.89", 1234567.89), ("1,00,000", 100000), ("1'234'567", 1234567),
        ("1\u202f234", 1234), ("10 000", 10000), ("10{,}000", 10000), ("10\\,000", 10000),
        ("1.234.567", 1234567), ("1.234,56", 1234.56), ("12,5 kg", 12.5), ("€12,50", 12.5),
        ("0,125", 0.125), ("1.234 kg", 1.234),
    ],
)  # fmt: skip
def test_groups_and_decimal_commas_follow_the_stated_rules(text, value):
    assert value_of(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3/4", 0.75), ("2 1/2", 2.5), ("2½", 2.5), ("½", 0.5), ("\\frac{3}{4}", 0.75),
        ("-\\frac{3}{4}", -0.75), ("3\\frac12", 3.5), ("1.2e-5", 1.2e-5), ("3 × 10^8 m/s", 3e8),
        ("3 \\times 10^{8}", 3e8), ("3 x 10⁸", 3e8), ("5 million", 5e6), ("$3M", 3e6),
        ("2.5k", 2500), ("1.5bn", 1.5e9), ("5 m", 5),
    ],
)  # fmt: skip
def test_fractions_powers_of_ten_and_scales_are_computed(text, value):
    assert value_of(text) == pytest.approx(value)


@pytest.mark.parametrize(
    "text",
    [
        "2024-05-01", "5/8/2024", "12:30", "May 5, 2024", "v1.2.3", "10-15", "10 - 15", "1,2,3",
        "2, -1", "[-4, -5]", "2 and 3", "Between 5 and 10", "H2O", "GPT-4", "221_3", "2^{10}", "5π",
        "5\\pi", "\\sqrt{5}", "9sqrt(2)", "4√2 + 8", "1 + 1/S - Sb", "(p-1)(p-2)/2", "1/0", "1e400",
        "five", "",
    ],
)  # fmt: skip
def test_what_is_no_single_number_states_none(text):
    assert number_in(text) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("so \\boxed{\\frac{1}{2}}, and not 7", 0.5),
        ("so \x08oxed{\x0crac{1}{2}}", 0.5),
        ("9 eggs at $2 are $18 a day\n#### 18", 18),
        ("The answer is 42, not 41.", 42),
        ("**Final answer:** 1,200 dollars\n\nThat took 3 steps.", 1200),
        ("60 + 30 = 90 minutes", 90),
        ("total: 90 in 3 days", 90),
        ("53 feet (636 inches)", 53),
        ("There are 3 apples and 4 oranges, so 7", 7),
        ("It costs $5.00.\nSo the result is 12. Good luck!", 12),
    ],
)
def test_of_several_numbers_the_concluding_one_counts(text, value):
    assert value_of(text) == value


@settings(deadline=None)
@given(st.integers(-(10**12), 10**12))
def test_any_integer_is_read_with_and_without_groups(value):
    assert value_of(str(value)) == value
    assert value_of(f"The total comes to ${value:,} in all.") == value


@settings(deadline=None)
@given(st.floats(-1e9, 1e9).map(lambda x: round(x, 4)))
def test_any_decimal_is_read(value):
    assert value_of(f"{value:.4f}") == value
    assert value_of(f"= {value:,.4f} units") == value


def test_a_percentage_equals_its_figure_and_its_share():
    half = number_in("50 %")
    assert half == Number(50, percent=True)
    assert half.is_close(Number(50))
    assert half.is_close(Number(0.5))
    assert Number(0.5).is_close(half)
    assert not Number(0.5).is_close(Number(50))


def test_tolerances_are_inclusive_and_relative_to_the_reference():
    assert Number(99).is_close(Number(100), absolute=1)
    assert Number(99).is_close(Number(100), relative=0.01)
    assert not Number(98.9).is_close(Number(100), relative=0.01)


def test_json_numbers_are_numbers_and_booleans_are_not():
    assert as_number(5) == as_number([5.0]) == Number(5)
    assert as_number(True) is as_number(float("nan")) is as_number(10**400) is None
    assert final_number(Answer(text='{"reasoning": "2 + 3", "answer": "5"}')) == Number(5)
