"""Names of calls: unique, and in the order of time."""

from __future__ import annotations

import re

from downroute.gateway.call_id import new_call_id


def test_ids_are_unique_and_sort_by_the_time_of_the_call():
    made = [new_call_id(1_700_000_000 + n / 1000) for n in range(2000)]
    assert all(re.fullmatch(r"call-[0-9a-f]{24}", each) for each in made)
    assert made == sorted(made) and len(set(made)) == 2000
    assert len({new_call_id(1_700_000_000.0) for _ in range(2000)}) == 2000
