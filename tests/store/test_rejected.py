from downroute.records import BadRow


def test_rejected_rows_are_kept_by_line_and_counted_once(store):
    rows = [
        BadRow("b.jsonl", 2, "not JSON", "{"),
        BadRow("a.jsonl", 9, "no model", "{}"),
        BadRow("a.jsonl", 1, "cut \ud83d", "\ud83d"),
    ]
    assert store.rejected.add(rows) == 3
    assert store.rejected.add([BadRow("b.jsonl", 2, "no answer", "{}")]) == 1
    assert [(r.source, r.line, r.reason) for r in store.rejected.each()] == [
        ("a.jsonl", 1, "cut ?"),
        ("a.jsonl", 9, "no model"),
        ("b.jsonl", 2, "no answer"),
    ]
    assert (store.rejected.count(), store.rejected.count("a.jsonl")) == (3, 2)
    assert [r.line for r in store.rejected.each("b.jsonl")] == [2]
