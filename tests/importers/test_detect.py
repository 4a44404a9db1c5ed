import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from downroute.errors import InputError, UsageError
from downroute.importers import detect, read
from downroute.importers.detect import FORMATS
from downroute.records import BadRow, Call
from downroute.store import Store

CHAT = {
    "messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}],
    "model": "m",
}
INPUT = {"custom_id": "1", "body": {"model": "m", "messages": CHAT["messages"][:1]}}
OUTPUT = {
    "custom_id": "1",
    "response": {"body": {"choices": [{"message": CHAT["messages"][1]}]}},
}
RECORDING = {
    "id": "1",
    "request": {"messages": CHAT["messages"][:1]},
    "responses": {"m": {"completion": OUTPUT["response"]["body"], "score": 1}},
}


@pytest.mark.parametrize(
    ("row", "name"),
    [(CHAT, "openai"), (INPUT, "openai"), (OUTPUT, "openai"), (RECORDING, "recording")],
)
def test_a_format_is_known_by_its_first_good_row(write, row, name):
    assert detect(write("log.jsonl.gz", b"{broken", {"other": 1}, row)) == name


def test_an_unknown_format_is_named_with_the_known_ones(write):
    with pytest.raises(InputError) as fault:
        detect(write("log.jsonl", {"prompt": "a", "completion": "b"}))
    assert "the keys prompt, completion" in str(fault.value)
    assert all(name in str(fault.value) for name in FORMATS)
    with pytest.raises(InputError, match="no row in it is a JSON object"):
        detect(write("empty.jsonl"))


def test_what_cannot_be_read_is_refused_before_anything_is(write, tmp_path):
    good = write("good.jsonl", CHAT)
    (tmp_path / "nothing").mkdir()
    for path, reason in {
        tmp_path / "missing.jsonl": "no such file or folder",
        tmp_path / "nothing": "no log files in this folder",
        write("other.jsonl", {"a": 1}): "no known format",
    }.items():
        with pytest.raises(InputError, match=reason) as fault:
            read([good, path])
        assert "\n" not in str(fault.value)
    with pytest.raises(UsageError, match="choose from auto, recording, openai"):
        read([good], format="csv")


def test_a_folder_is_read_through_and_what_is_no_log_in_it_is_counted(write, tmp_path, parts):
    write("logs/b/chat.jsonl", CHAT)
    write("logs/a/out.jsonl", OUTPUT)
    write("logs/a/in.ndjson.gz", INPUT)
    write("logs/c/recording.jsonl.gz", RECORDING)
    write("logs/c/strange.jsonl", {"a": 1})
    write("logs/.hidden/chat.jsonl", CHAT)
    write("logs/index.json", {"a": 1})
    calls, scores, bad = parts(read([tmp_path / "logs", tmp_path / "logs/b/chat.jsonl"]))
    assert [call.source for call in calls] == ["openai", "openai", "recording"]
    assert len(scores) == 1
    assert [(row.source, row.line) for row in bad] == [(str(tmp_path / "logs/c/strange.jsonl"), 1)]
    assert "no known format" in bad[0].reason


def test_a_stated_format_is_taken_at_its_word(write, parts):
    _, _, bad = parts(read([write("log.jsonl", {"a": 1})], format="openai"))
    assert [row.reason for row in bad] == ["no messages"]


def test_nothing_is_read_before_it_is_asked_for(write):
    items = read([write("log.jsonl", CHAT, {"messages": 5}, b"{")])
    assert [type(item).__name__ for item in items] == ["Call", "BadRow", "BadRow"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


@st.composite
def mangled(draw):
    """A good row with something in it replaced by any JSON."""
    row = json.loads(json.dumps(draw(st.sampled_from([CHAT, INPUT, OUTPUT, RECORDING]))))
    spot = row
    while True:
        keys = list(spot) if isinstance(spot, dict) else list(range(len(spot)))
        key = draw(st.sampled_from(keys))
        if isinstance(spot[key], (dict, list)) and spot[key] and draw(st.booleans()):
            spot = spot[key]
            continue
        spot[key] = draw(JSON)
        return row


@settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(row=mangled())
def test_no_row_whatever_it_holds_stops_an_import(write, tmp_path, row):
    path = write("log.jsonl", CHAT, row, INPUT, OUTPUT, RECORDING)
    with Store.open(tmp_path / "store") as store:
        for name in FORMATS:
            items = list(read([path], format=name, served="m"))
            assert all(i.line >= 1 and i.reason for i in items if isinstance(i, BadRow))
            added = store.add(items)
            assert added.new + added.known == sum(isinstance(i, Call) for i in items)
