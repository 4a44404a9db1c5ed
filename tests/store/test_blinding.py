import time

from downroute.store import FILES
from downroute.store.blinding import Skip

PAIRS = [("t", f"{number:020x}") for number in range(400)]


def test_sides_are_drawn_once_balanced_and_apart_for_each_reader(store):
    first = store.blinding.blind("anna", PAIRS)
    assert store.blinding.blind("anna", PAIRS) == first
    second = store.blinding.blind("ben", PAIRS)
    sides = [b.candidate_first for b in first]
    # Each of these fails by chance less than once in a million runs.
    assert 150 < sum(sides) < 250
    assert 150 < sum(x == y.candidate_first for x, y in zip(sides, second, strict=True)) < 250
    assert len({b.id for b in first + second}) == 800


def test_an_id_says_nothing_of_its_pair_or_side(store):
    shown = store.blinding.blind(FILES, PAIRS)
    assert not any(b.pair in b.id or b.id in b.pair for b in shown)
    # No digit of the ids goes with the side: each agrees with it about every second time.
    for place in range(2, 18):
        agree = sum((int(b.id[place], 16) % 2 == 0) is b.candidate_first for b in shown)
        assert 140 < agree < 260
    order = sorted(shown, key=lambda b: b.id)
    assert 60 < sum(b.candidate_first for b in order[:200]) < 140


def test_the_pair_behind_an_id_is_found(store):
    (blinded,) = store.blinding.blind("anna", PAIRS[:1])
    assert store.blinding.behind(blinded.id) == blinded
    assert store.blinding.behind("p-nothing") is None


def test_skips_are_remembered_and_taken_back(store):
    store.blinding.skip(Skip("t", "one", "anna", 2.0))
    store.blinding.skip(Skip("t", "two", "anna", 1.0))
    store.blinding.skip(Skip("t", "one", "ben", 3.0))
    assert [s.pair for s in store.blinding.skips("anna")] == ["two", "one"]
    store.blinding.unskip("t", "two", "anna")
    assert [s.pair for s in store.blinding.skips("anna")] == ["one"]


def test_a_link_stays_the_same_until_it_expires(store):
    link = store.blinding.open_link("study", "anna", 60.0)
    again = store.blinding.open_link("study", "anna", 3600.0)
    assert again.token == link.token and again.expires_at > link.expires_at
    assert store.blinding.link(link.token) == again
    assert store.blinding.open_link("study", "ben", 60.0).token != link.token
    store.blinding.open_link("study", "anna", -1.0)
    renewed = store.blinding.open_link("study", "anna", 60.0)
    assert renewed.token != link.token and renewed.expires_at > time.time()
    assert store.blinding.link(link.token) is None
