"""The thread that writes calls, when the store does not do as it should."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec import structs

from downroute.errors import StoreError
from downroute.gateway.backlog import Bound
from downroute.gateway.call_log import CallLog
from downroute.gateway.call_row import CallRow
from downroute.gateway.chat_body import ChatBody
from downroute.gateway.chat_wire import CHAT
from downroute.gateway.policy_file import ServedText
from downroute.gateway.prices import Prices
from downroute.money.table import PriceTable, rates_per_million
from downroute.records import Attempt, Call, Usage
from downroute.store import Keeping, Store

from .running import PATIENCE_S, Start, wait_until
from .upstream import Upstream, chat_body


def row(number: int, model: str = "large") -> CallRow:
    body = ChatBody.read(json.dumps(chat_body(f"secret {number}")).encode())
    assert isinstance(body, ChatBody)
    attempt = Attempt(model, status=200, usage=Usage(1000, 100))
    call = Call(id=f"call-{number}", source="gateway", model=model, attempts=(attempt,))
    return CallRow(call, CHAT, body)


def prices() -> Prices:
    own = {"large": rates_per_million(10, 100)}
    return Prices(lambda: PriceTable(at=datetime.now(UTC), own=own))


class Door:
    """A store behind a door that a test opens."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.open = threading.Event()

    def __call__(self) -> Store:
        if not self.open.is_set():
            raise StoreError(f"{self.path} cannot be written")
        return Store.open(self.path)


def stored(path: Path) -> list[Call]:
    with Store.open(path) as store:
        return list(store.calls.each())


def test_calls_are_priced_and_fingerprinted_on_their_way_to_the_store(tmp_path: Path) -> None:
    log = CallLog(lambda: Store.open(tmp_path), prices(), Keeping())
    log.start()
    log.add(row(1))
    log.add(row(2, "nobody-knows-what-this-costs"))
    log.close(PATIENCE_S)
    first, second = stored(tmp_path)
    assert first.cost_usd == pytest.approx(0.02)
    assert first.attempts[0].cost_usd == pytest.approx(0.02)
    assert second.cost_usd is None
    assert first.fingerprint == second.fingerprint != ""
    assert log.lost == 0


def test_no_call_is_lost_where_prices_cannot_be_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def too_many_files() -> PriceTable:
        raise OSError(24, "Too many open files")

    log = CallLog(lambda: Store.open(tmp_path), Prices(too_many_files), Keeping())
    log.start()
    log.add(row(1))
    log.close(PATIENCE_S)
    assert [(c.id, c.cost_usd) for c in stored(tmp_path)] == [("call-1", None)]
    assert log.lost == 0 and "prices_not_read" in caplog.text


def test_a_store_that_comes_back_gets_every_call(tmp_path: Path) -> None:
    door = Door(tmp_path)
    log = CallLog(door, prices(), Keeping())
    log.start()
    log.serve_policy(ServedText("d1", "version: 1", "policy.yaml", 5.0, ("large",)))
    for number in range(20):
        log.add(row(number))
    wait_until(lambda: log.fault is not None)
    door.open.set()
    wait_until(lambda: log.fault is None)
    log.close(PATIENCE_S)
    assert len(stored(tmp_path)) == 20
    with Store.open(tmp_path) as store:
        assert [p.digest for p in store.ledger.policies()] == ["d1"]
    assert log.lost == 0


def test_beyond_its_bound_calls_are_counted_as_lost_and_said_to_be(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log = CallLog(Door(tmp_path), prices(), Keeping(), Bound(rows=5))
    log.start()
    for number in range(8):
        log.add(row(number))
    assert log.lost == 3
    log.close(PATIENCE_S)
    assert log.lost == 8
    lines = [r.message for r in caplog.records if "calls_lost" in r.message]
    assert lines
    assert "cannot be written" in lines[0]
    assert not any("secret" in r.message for r in caplog.records)


def test_words_count_towards_the_bound_only_while_they_are_held(tmp_path: Path) -> None:
    door = Door(tmp_path)
    log = CallLog(door, prices(), Keeping(), Bound(bytes=row(1).size * 3))
    log.start()
    for number in range(9):
        log.add(row(number))
        if number % 3 == 2:
            wait_until(lambda: log._backlog.bytes == 0)
    door.open.set()
    log.close(PATIENCE_S)
    assert len(stored(tmp_path)) == 9


def test_a_call_that_no_store_takes_does_not_take_others_with_it(tmp_path: Path) -> None:
    log = CallLog(lambda: Store.open(tmp_path), prices(), Keeping())
    log.start()
    bad = row(2)
    wrong = structs.replace(bad.call, latency_s={"no": "number"})  # type: ignore[arg-type]
    for each in (row(1), CallRow(wrong, bad.wire, bad.request), row(3)):
        log.add(each)
    log.close(PATIENCE_S)
    assert [c.id for c in stored(tmp_path)] == ["call-1", "call-3"]
    assert log.lost == 1


def test_calls_go_on_while_the_store_cannot_be_written(
    start: Start, upstream: Upstream, tmp_path: Path
) -> None:
    (tmp_path / "store").write_text("a file where the store's folder should be")
    gateway = start()
    assert gateway.started.store_fault is not None
    for _ in range(5):
        assert gateway.chat(chat_body()).status == 200
    assert gateway.request("GET", "/ready").status == 200
    assert str(tmp_path / "store") in gateway.ready()["store_fault"]
    (tmp_path / "store").unlink()
    assert len(gateway.calls(5)) == 5
    assert gateway.ready()["lost_log_rows"] == 0
