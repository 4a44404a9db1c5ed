import json

import pytest

from downroute.errors import ConfigError
from downroute.records import Answer, TokenLogprob
from downroute.store import Redaction
from downroute.store.redaction_rules import redacted

FOUND = {
    "write to Bob.Smith+x@mail.example.co.uk now": "write to [email] now",
    "call +1 415 555 0100.": "call [phone].",
    "+49 (0)30 1234567": "[phone]",
    "0049 30 1234567": "[phone]",
    "(415) 555-0100 or 415-555-0100": "[phone] or [phone]",
    "030 1234567": "[phone]",
    "06 12 34 56 78": "[phone]",
    "phone: 4155550100": "phone: [phone]",
    "paid with 4111 1111 1111 1111": "paid with [card]",
    "378282246310005": "[card]",
    "from 192.168.100.200.": "from [ip].",
    "[2001:db8::8a2e:370:7334]:443": "[[ip]]:443",
    "DE89 3704 0044 0532 0130 00 AND MORE": "[iban] AND MORE",
    "gb29nwbk60161331926819": "[iban]",
    "SSN 536-90-4399": "SSN [ssn]",
    "sk-proj-abcdEFGH1234567890_abc": "[key]",
    "Authorization: Bearer abc.def-12345678": "Authorization: Bearer [key]",
    "AKIAIOSFODNN7EXAMPLE": "[key]",
    "sk-downroute-" + "0a" * 32: "[key]",
    "api_key = 'abc12345678'": "api_key = '[key]'",
    "-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY-----": "[key]",
    "data:image/png;base64," + "iVBOR" * 100 + "==": "data:image/png;base64,[data]",
}
LEFT = (
    "2024-11-23T10:02:33Z",
    "01-02-2024",
    "999.168.100.200",
    "GB28NWBK60161331926819",  # the check digits are wrong
    "000-12-3456",
    "values[100:200:2], rows[1::2]",
    "std::abc::def",
    "3.14159265358979",
    "1,234,567,890",
    "order 1234567890123",
    "4111111111111112",  # the check digit is wrong
    "unix time 1700000000",
    "ISBN 978-3-16-148410-0",
    "a token count: 12",
    "basic arithmetic tests",
    "def f(token: str) -> None",
    "my password: unknown",
    "the bearer of bad news",
)


@pytest.mark.parametrize(("text", "kept"), FOUND.items())
def test_what_has_the_form_of_a_secret_is_replaced_by_its_kind(text, kept):
    assert Redaction().text(text) == kept


@pytest.mark.parametrize("text", LEFT)
def test_other_numbers_and_words_stay(text):
    assert Redaction().text(text) == text


def test_json_stays_json_and_only_its_values_change():
    arguments = '{"to": "a\\u0040b.org", "card": 4111111111111111, "n": 3}'
    assert json.loads(Redaction().json_text(arguments)) == {
        "to": "[email]",
        "card": "[card]",
        "n": 3,
    }
    untouched = '{"spacing" :  "kept"}'
    assert Redaction().json_text(untouched) == untouched


def test_keys_of_objects_are_redacted_too():
    assert Redaction().value({"x": [{"a@b.org": 1}]}) == {"x": [{"[email]": 1}]}


def test_log_probabilities_keep_their_words_where_nothing_was_found():
    answer = Answer(text="yes", logprobs=(TokenLogprob("yes", -0.1),))
    assert Redaction().answer(answer) == answer


def test_own_patterns_come_on_top_and_a_broken_one_is_named():
    redaction = Redaction([r"EMP-\d+"])
    assert redaction.text("EMP-77 a@b.org") == "[custom] [email]"
    redaction.close()
    with pytest.raises(ConfigError, match=r"'\(' is not a regular expression"):
        Redaction(["("])


@pytest.mark.parametrize("piece", ["a", "1 ", "1-", "a.b@", "sk-", "password:", "+1 ", "eyJa."])
def test_no_text_takes_long(piece):
    # Quadratic patterns would need hours for these.
    redacted(piece * 200_000)
