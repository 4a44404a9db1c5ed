import pytest

from downroute.errors import PolicyError
from downroute.records import Answer
from downroute.routing.conditions import CATEGORIES, MEANINGS, NUMBERS, condition_value
from downroute.routing.fingerprint import fingerprint
from downroute.routing.match import RouteTable
from downroute.routing.policy import read_policy
from downroute.routing.question import QUESTION
from downroute.routing.signals import signals

REQUEST = {
    "messages": [
        {"role": "system", "content": "Sort the ticket."},
        {"role": "user", "content": "Ticket 12: my printer, bought in 2019, is broken. Why?"},
    ]
}
POLICY = """
version: 1
routes:
  - task: t
    when: {%s}
    models: [large]
    unproven: true
  - task: t
    models: [small, large]
    checks: [not_empty]
    unproven: true
"""


def models(when):
    table = RouteTable(read_policy(POLICY % when))
    route = table.match(REQUEST, "large", "t", 0.0).route
    assert route is not None
    return route.models


def test_what_the_gateway_logs_of_a_question_is_what_a_route_may_ask():
    logged = signals(Answer(), REQUEST, QUESTION)
    assert {name: condition_value(name, REQUEST) for name in QUESTION} == logged


def test_a_route_may_ask_for_numbers_of_the_question_and_for_the_fingerprint():
    assert models("question_numbers: {min: 2}") == ("large",)
    assert models("question_numbers: {min: 3}") == ("small", "large")
    assert models(f"fingerprint: {{in: ['{fingerprint(REQUEST)}']}}") == ("large",)
    assert models("fingerprint: {in: ['000000000000']}") == ("small", "large")


def test_a_category_is_asked_for_by_name_and_a_number_by_its_bounds():
    with pytest.raises(PolicyError, match="is a category"):
        models("fingerprint: {min: 1}")
    with pytest.raises(PolicyError, match="is a number"):
        models("question_numbers: {in: [a]}")


def test_everything_a_route_may_ask_has_a_meaning_in_words():
    assert set(MEANINGS) == {*NUMBERS, *CATEGORIES}


@pytest.mark.parametrize(
    ("question", "share"),
    [
        ("What is the weather in Oslo?", 0.5),
        ("Get the weathers of Oslo", 1.0),
        ("Who painted the Mona Lisa?", 0.0),
    ],
)
def test_how_much_of_a_function_s_name_the_question_says(question, share):
    tool = {"type": "function", "function": {"name": "getWeather", "parameters": {}}}
    other = {"type": "function", "function": {"name": "send_email", "parameters": {}}}
    request = {"messages": [{"role": "user", "content": question}], "tools": [tool, other]}
    assert condition_value("tools_named", request) == share
    assert condition_value("tools_named", {**request, "tools": []}) == 0.0
