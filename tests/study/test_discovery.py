from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from downroute.records import Answer, Call, Usage
from downroute.routing.fingerprint import fingerprint
from downroute.store import Bodies, Store
from downroute.study.discovery import (
    KEYED_MOST,
    FoundTask,
    exclusive_fingerprints,
    find_tasks,
    fingerprint_tasks,
    task_name,
)

DAY = 86_400.0


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "store") as opened:
        yield opened


def request(system: str = "Sort tickets.", user: str = "It broke.") -> dict[str, Any]:
    return {"messages": [{"role": "system", "content": system}, {"role": "user", "content": user}]}


class Log:
    """Writes calls with ids of its own."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.written = 0

    def add(self, count: int = 1, *, system: str = "Sort tickets.", **facts: Any) -> None:
        self.store.calls.add(self._calls(count, system, facts), facts.pop("keep", Bodies.FULL))

    def _calls(self, count: int, system: str, facts: Mapping[str, Any]) -> Iterator[Call]:
        for _ in range(count):
            self.written += 1
            asked = request(system, f"ticket {self.written}")
            known: dict[str, Any] = {
                "model": "large",
                "answer": Answer(text=("bug", "billing")[self.written % 2]),
                "usage": Usage(100, 10),
                "cost_usd": 0.5,
                **facts,
            }
            yield Call(
                id=str(self.written),
                source="test",
                request=asked,
                fingerprint=fingerprint(asked),
                **known,
            )


@pytest.fixture
def log(store: Store) -> Log:
    return Log(store)


def by_name(tasks: list[FoundTask]) -> dict[str, FoundTask]:
    return {found.task.name: found for found in tasks}


def test_a_task_is_what_was_declared_else_what_looks_alike(store, log):
    log.add(3, task="triage")
    log.add(2, task="triage", model="small", snapshot="small-0718", cost_usd=0.1)
    log.add(4, system="Translate.")
    found = find_tasks(store)
    mark = fingerprint(request("Translate."))
    assert [f.task.name for f in found] == ["triage", f"unnamed-{mark[:8]}"]
    triage, unnamed = found
    assert triage.task.declared
    assert not unnamed.task.declared
    assert triage.task.models == {"large": 3, "small": 2}
    assert triage.models_and_snapshots == {"large", "small", "small-0718"}
    assert triage.task.calls == 5
    assert (triage.input_tokens, triage.output_tokens) == (500, 50)
    assert triage.cost_usd == pytest.approx(1.7)
    assert triage.with_content == 5
    assert task_name(None, mark) == unnamed.task.name


def test_the_shape_is_read_off_the_answers_that_are_kept(store, log):
    log.add(30, task="kept")
    log.add(30, task="not kept", keep=Bodies.NONE)
    found = by_name(find_tasks(store))
    assert found["kept"].task.shape == "classification"
    assert found["not kept"].task.shape == "unknown"
    assert found["not kept"].with_content == 0


def test_a_cost_that_is_not_whole_is_not_known_and_says_why(store, log):
    log.add(3, task="t")
    log.add(2, task="t", model="own", cost_usd=None)
    log.add(1, task="t", model="own", cost_usd=None, usage=Usage())
    log.add(4, task="t", model="own", cost_usd=None, usage=Usage(), status=429, error="rate")
    [found] = find_tasks(store, calls_per_month=1000)
    assert found.cost_usd is None
    assert found.cost_usd_month is None
    assert found.priced_usd == pytest.approx(1.5)
    [unpriced] = found.unpriced
    assert (unpriced.model, unpriced.calls, unpriced.without_tokens) == ("own", 3, 1)
    assert found.failed == 4


def test_calls_the_upstream_refused_cost_nothing(store, log):
    log.add(4, task="t")
    log.add(1, task="t", cost_usd=None, usage=Usage(), status=500, error="status 500")
    [found] = find_tasks(store)
    assert found.cost_usd == pytest.approx(2.0)


def test_the_given_calls_per_month_are_split_by_share(store, log):
    log.add(3, task="a")
    log.add(1, task="b")
    found = by_name(find_tasks(store, calls_per_month=1000))
    assert found["a"].calls_per_month == pytest.approx(750)
    assert found["b"].cost_usd_month == pytest.approx(125)


def test_a_rate_is_read_off_timestamps_from_the_task_s_first_call_to_the_log_s_end(store, log):
    for day in range(100):
        log.add(1, task="old", started_at=day * DAY)
    for day in (90, 95):
        log.add(5, task="new", started_at=day * DAY)
    log.add(5, task="today", started_at=98.5 * DAY)
    log.add(50, task="undated")
    found = by_name(find_tasks(store))
    month = 30.4375
    assert found["old"].calls_per_month == pytest.approx(100 / 99 * month)
    assert found["new"].calls_per_month == pytest.approx(10 / 9 * month)
    assert found["today"].calls_per_month is None
    assert found["undated"].calls_per_month is None
    assert found["new"].first_started_at == 90 * DAY


def test_a_fingerprint_keys_a_route_only_where_it_is_one_task_s_alone(store, log):
    log.add(3, task="a", system="shared")
    log.add(2, task="b", system="shared")
    log.add(3, task="a", system="own of a")
    log.add(9, task="c", system="also undeclared")
    log.add(1, system="also undeclared")
    log.add(2, system="plain")
    tasks = find_tasks(store)
    keyed = exclusive_fingerprints(tasks)
    marks = {name: fingerprint(request(name)) for name in ("own of a", "also undeclared", "plain")}
    shared = fingerprint(request("shared"))
    assert keyed["a"] == (marks["own of a"],)
    assert keyed["b"] == ()
    assert keyed["c"] == ()
    assert keyed[task_name(None, marks["also undeclared"])] == ()
    assert keyed[task_name(None, marks["plain"])] == (marks["plain"],)
    assert by_name(tasks)["a"].shared_fingerprints == {shared: ("b",)}
    assert fingerprint_tasks(store)[shared] == {"a", "b"}


def test_requests_without_instructions_are_nobody_s(store, log):
    log.add(5, task="bare", system="")
    assert exclusive_fingerprints(find_tasks(store)) == {"bare": ()}


def test_a_task_scattered_over_many_fingerprints_is_not_keyed_by_the_rare_ones(store, log):
    for n in range(300):
        log.add(1, task="scattered", system="one " + "x" * n)
    log.add(40, task="scattered", system="common")
    log.add(60, task="scattered", system="most common")
    keyed = exclusive_fingerprints(find_tasks(store))["scattered"]
    assert keyed == (fingerprint(request("most common")), fingerprint(request("common")))


def test_a_task_is_keyed_by_fifty_fingerprints_at_most(store, log):
    for n in range(KEYED_MOST + 10):
        log.add(2, task="wide", system="many " + "x" * n)
    assert len(exclusive_fingerprints(find_tasks(store))["wide"]) == KEYED_MOST


def test_a_gateway_s_name_for_an_undeclared_task_is_the_same_task(store, log):
    mark = fingerprint(request("Translate."))
    log.add(2, system="Translate.")
    log.add(3, system="Translate.", task=task_name(None, mark))
    [found] = find_tasks(store)
    assert found.task.calls == 5
    assert not found.task.declared
    assert exclusive_fingerprints([found]) == {found.task.name: (mark,)}


def test_an_empty_store_holds_no_task(store):
    assert find_tasks(store) == []
