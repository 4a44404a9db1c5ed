from __future__ import annotations

from collections import Counter

from downroute.providers.replay.faults import Fault, Faults
from downroute.providers.replay.requests import Asked


def asked(number: int) -> Asked:
    return Asked(model="m", digest=f"{number:064x}", body={})


def test_the_same_seed_fails_the_same_requests_whatever_their_order() -> None:
    one, other = Faults(0.4, seed=7), Faults(0.4, seed=7)
    forwards = {n: one.next(asked(n)) for n in range(300)}
    backwards = {n: other.next(asked(n)) for n in reversed(range(300))}
    assert forwards == backwards
    assert forwards != {n: Faults(0.4, seed=8).next(asked(n)) for n in range(300)}


def test_the_share_is_kept_and_every_fault_occurs() -> None:
    faults = Faults(0.2, seed=1, kinds=tuple(Fault))
    seen = Counter(faults.next(asked(n)) for n in range(4000))
    assert 0.17 < 1 - seen[None] / 4000 < 0.23
    assert set(seen) == {None, *Fault}


def test_a_retry_rolls_again() -> None:
    faults = Faults(0.5, seed=3)
    assert len({faults.next(asked(1)) for _ in range(50)}) > 2


def test_no_rate_no_fault_and_full_rate_all_faults() -> None:
    assert not any(Faults(0.0, seed=1).next(asked(n)) for n in range(50))
    assert all(Faults(1.0, seed=1).next(asked(n)) for n in range(50))
