import pytest

from downroute.reports.display import count, day, share, span, usd


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        (None, "—"),
        (0.0, "$0.00"),
        (1234.5, "$1,234.50"),
        (0.5, "$0.50"),
        (0.9999, "$1.00"),
        (0.00123456, "$0.00123"),
        (1.5e-7, "$0.00000015"),
        (-3.0, "−$3.00"),
    ],
)
def test_money_shows_cents_or_three_digits_and_never_an_exponent(amount, shown):
    assert usd(amount) == shown


def test_what_is_not_known_is_a_dash_and_estimates_are_marked():
    assert {count(None), share(None), day(None), span(None), usd(None, about=True)} == {"—"}
    assert usd(-2.0, about=True) == "≈−$2.00"
    assert share(0.1234, about=True) == "≈12.3 %"
    assert share(-0.0001) == "0.0 %"
    assert span((-1.0, 2.5)) == "[−$1.00, $2.50]"
    assert count(12345.0) == "12,345"
    assert day(0.0) == "1970-01-01"
