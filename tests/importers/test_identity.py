from downroute.importers.openai import read_openai

ASK = {"role": "user", "content": "2 + 2?"}


def chat(answer="4", **fields):
    return {"messages": [ASK, {"role": "assistant", "content": answer}], "model": "m", **fields}


def ids(*paths):
    return [call.id for call in read_openai(list(paths))]


def test_importing_the_same_file_again_gives_the_same_ids(write):
    path = write("a.jsonl", chat(id="c1"), chat(), chat(), chat("5"))
    assert ids(path) == ids(path)
    assert len(set(ids(path))) == 4


def test_spacing_and_order_of_keys_make_no_other_row(write):
    first = write(
        "a.jsonl",
        b'{"model": "m", "messages": [{"role":"user","content":"x"},'
        b'{"role":"assistant","content":"y"}]}',
    )
    second = write(
        "b.jsonl",
        b'{"messages":[{"content":"x","role":"user"},'
        b'{"content":"y","role":"assistant"}],"model":"m"}',
    )
    assert ids(first) == ids(second)


def test_a_call_keeps_its_id_when_its_source_adds_a_field(write):
    first = write("a.jsonl", chat(id="c1"))
    assert ids(first) == ids(write("b.jsonl", chat(id="c1", rating=5)))


def test_sources_that_number_alike_do_not_hide_each_others_calls(write):
    first, second = write("a.jsonl", chat(id=1)), write("b.jsonl", chat("5", id=1))
    assert len({*ids(first), *ids(second)}) == 2


def test_a_constant_id_does_not_hide_calls_either(write):
    rows = [chat(str(i), id="chatcmpl-0", created=1_700_000_000 + i % 2) for i in range(3)]
    rows.append(chat("0", id="chatcmpl-0", created=1_700_000_009))
    assert len(set(ids(write("a.jsonl", *rows)))) == 4


def test_one_call_logged_twice_under_its_id_is_one_call(write):
    assert len(set(ids(write("a.jsonl", chat(id="c1"), chat(id="c1"))))) == 1
