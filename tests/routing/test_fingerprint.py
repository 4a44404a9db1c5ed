from downroute.routing.fingerprint import BLANK, fingerprint, template


def request(system="You sort tickets.", tools=(), response_format=None, user="hello"):
    messages = [{"role": "system", "content": system}, {"role": "user", "content": user}]
    offered = [{"type": "function", "function": {"name": name}} for name in tools]
    return {"messages": messages, "tools": offered, "response_format": response_format}


def test_the_users_words_do_not_change_it():
    assert fingerprint(request(user="one")) == fingerprint(request(user="two"))


def test_dates_numbers_and_identifiers_in_the_system_prompt_do_not_change_it():
    first = "Today is Monday, Nov 3, 2025. User 8812, mail ann@example.org, session 4f9a0c1d2e3b44."
    second = (
        "Today is Sunday, May 14, 2026. User 17, mail bo.b@mail.example.com, session 0a1b2c3d4e5f."
    )
    assert fingerprint(request(first)) == fingerprint(request(second))


def test_instructions_tools_and_response_format_do():
    named = {"type": "json_schema", "json_schema": {"name": "order", "schema": {}}}
    marks = {
        fingerprint(request()),
        fingerprint(request("You sort invoices.")),
        fingerprint(request(tools=("search",))),
        fingerprint(request(response_format=named)),
        fingerprint(request(response_format={"type": "json_object"})),
    }
    assert len(marks) == 5


def test_the_order_of_tools_does_not_matter():
    assert fingerprint(request(tools=("a", "b"))) == fingerprint(request(tools=("b", "a")))


def test_requests_without_instructions_are_blank_and_so_are_those_that_say_nothing():
    bare = [{"messages": [{"role": "user", "content": text}]} for text in ("2+2?", "Translate")]
    assert {fingerprint(r) for r in bare} == {BLANK}
    assert fingerprint(request("You are a helpful assistant.")) == BLANK
    assert fingerprint(request("You are a helpful tax assistant.")) != BLANK


def test_words_are_kept_in_the_template():
    assert template("Answer in  3 words.\nMay I help?") == "Answer in <number> words. May I help?"
