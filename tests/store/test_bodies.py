import pytest

from downroute.records import Answer, Attempt, BadRow, RecordedScore, TokenLogprob, ToolCall
from downroute.store import Bodies, Redaction, Store

SECRET = "the whale is called Ishbel"


def all_bytes(directory) -> bytes:
    return b"".join(file.read_bytes() for file in directory.iterdir())


@pytest.fixture
def telling_call(make_call):
    """A call that says the secret wherever words can stand."""
    return make_call(
        "c1",
        request={
            "messages": [{"role": "user", "content": SECRET}],
            "tools": [{"function": {"name": "f", "description": SECRET}}],
            "response_format": {"title": SECRET},
        },
        answer=Answer(
            text=SECRET,
            refusal=SECRET,
            tool_calls=(ToolCall("f", SECRET),),
            logprobs=(TokenLogprob(SECRET, -1.0),),
        ),
        reference=[SECRET],
        error=f"HTTP 400: cannot parse {SECRET}",
        attempts=(Attempt(model="m", error=f"HTTP 400: {SECRET}"),),
    )


def test_with_no_bodies_nothing_that_was_said_is_in_any_file(tmp_path, telling_call):
    with Store.open(tmp_path / "s") as store:
        items = [
            telling_call,
            RecordedScore("t", "r", "m", "request-digest", "answer-digest", 1.0),
            BadRow("log.jsonl", 3, "not JSON", f'{{"messages": "{SECRET}'),
        ]
        assert store.add(items, keep="none") == (1, 0, 0, 1)
        while_open = all_bytes(tmp_path / "s")
        call = next(store.calls.each(with_bodies=True))
        assert (call.request, call.answer, call.reference) == (None, None, None)
        assert (call.error, call.attempts[0].error) == ("HTTP 400", "HTTP 400")
        assert next(store.rejected.each()).text == ""
    for data in (while_open, all_bytes(tmp_path / "s")):
        assert b"Ishbel" not in data
        assert b"digest\x00" not in data
        assert b"answer-digest" not in data


def test_full_bodies_keep_every_word(store, telling_call):
    store.calls.add([telling_call], keep=Bodies.FULL)
    assert list(store.calls.each(with_bodies=True)) == [telling_call]


def test_redacted_bodies_keep_everything_but_what_the_patterns_find(tmp_path, make_call):
    call = make_call(
        "c1",
        request={
            "messages": [{"role": "user", "content": [{"type": "text", "text": "I am a@b.org"}]}],
            "metadata": {"contact": "+1 415 555 0100"},
        },
        answer=Answer(
            text="Dear a@b.org",
            tool_calls=(ToolCall("mail", '{"to": "a\\u0040b.org", "card": 4111111111111111}'),),
            logprobs=(TokenLogprob("a@b.org", -0.5, (("a@b.org", -0.5),)),),
        ),
        reference="call 415-555-0100",
        error="HTTP 400: no such user a@b.org",
    )
    with Store.open(tmp_path / "s", redaction=Redaction(["Ishbel"])) as store:
        bad = BadRow("log", 1, "no model", '{"messages": "a\\u0040b.org Ishbel"}')
        store.add([call, bad], keep="redacted")
        back = next(store.calls.each(with_bodies=True))
        assert back.request["messages"][0]["content"][0]["text"] == "I am [email]"
        assert back.request["metadata"]["contact"] == "[phone]"
        assert back.answer.text == "Dear [email]"
        assert back.answer.tool_calls[0].arguments == '{"to": "[email]", "card": "[card]"}'
        assert back.answer.logprobs == (TokenLogprob("", -0.5),)
        assert back.reference == "call [phone]"
        assert back.error == "HTTP 400: no such user [email]"
        assert next(store.rejected.each()).text == '{"messages": "[email] [custom]"}'
    data = all_bytes(tmp_path / "s")
    for word in (b"b.org", b"0100", b"41111111", b"Ishbel"):
        assert word not in data
