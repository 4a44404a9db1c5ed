import pytest

from downroute.records import BadRow, RecordedScore


def test_what_importers_yield_goes_to_its_place(store, make_call):
    def items():
        for i in range(1200):
            yield make_call(str(i))
            yield RecordedScore("t", str(i), "m", f"q{i}", "a", 1.0)
            if i % 100 == 0:
                yield BadRow("log", i + 1, "not JSON", "{")

    assert store.add(items()) == (1200, 0, 1200, 12)
    assert store.add(items()) == (0, 1200, 0, 12)
    assert store.calls.count() == 1200
    assert store.rejected.count() == 12
    assert store.recorded.find("q7", "m", "a").row == "7"


def test_everything_before_an_error_of_the_source_is_kept(store, make_call):
    def items():
        yield BadRow("log", 1, "not JSON", "{")
        yield make_call("a")
        yield RecordedScore("t", "1", "m", "q", "a", 1.0)
        raise RuntimeError("cut")

    with pytest.raises(RuntimeError, match="cut"):
        store.add(items())
    assert (store.calls.count(), store.rejected.count()) == (1, 1)
    assert store.recorded.has_any()
