import os
import sqlite3
import threading
from pathlib import Path

import pytest

from downroute.errors import StoreBusyError, StoreError
from downroute.store import Store
from downroute.store.statements import batches


def one_line(fault: BaseException) -> str:
    text = str(fault)
    assert "\n" not in text
    return text


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777])
def test_folder_and_every_file_are_for_this_user_only_whatever_the_umask(
    tmp_path, umask, make_call
):
    before = os.umask(umask)
    try:
        with Store.open(tmp_path / "store") as store:
            store.calls.add([make_call("a")])
            with store.lock("study"):
                files = {p.name: p.stat().st_mode & 0o777 for p in store.directory.iterdir()}
    finally:
        os.umask(before)
    assert (tmp_path / "store").stat().st_mode & 0o777 == 0o700
    assert {"store.db", "store.db-wal", "store.db-shm", "study.lock"} <= set(files)
    assert set(files.values()) == {0o600}


def test_a_file_that_others_could_read_is_closed_to_them(tmp_path):
    Store.open(tmp_path).close()
    (tmp_path / "store.db").chmod(0o644)
    Store.open(tmp_path).close()
    assert (tmp_path / "store.db").stat().st_mode & 0o777 == 0o600


def test_a_store_is_not_made_where_none_may_be(tmp_path):
    with pytest.raises(StoreError, match=r"there is no store in .*`downroute import`"):
        Store.open(tmp_path / "none", create=False)
    assert not (tmp_path / "none").exists()


def test_a_store_of_a_newer_downroute_is_refused_and_left_alone(tmp_path):
    Store.open(tmp_path).close()
    with sqlite3.connect(tmp_path / "store.db") as raw:
        raw.execute("PRAGMA user_version = 99")
    raw.close()
    before = (tmp_path / "store.db").read_bytes()
    with pytest.raises(StoreError) as fault:
        Store.open(tmp_path)
    assert "newer downroute (format 99" in one_line(fault.value)
    assert (tmp_path / "store.db").read_bytes() == before


def test_another_programs_file_is_refused_and_left_alone(tmp_path):
    with sqlite3.connect(tmp_path / "store.db") as raw:
        raw.execute("CREATE TABLE theirs (a)")
    raw.close()
    with pytest.raises(StoreError, match="SQLite file of another program"):
        Store.open(tmp_path)


def test_a_file_that_is_no_database_is_refused(tmp_path):
    (tmp_path / "store.db").write_bytes(b"not a database at all" * 100)
    with pytest.raises(StoreError) as fault:
        Store.open(tmp_path)
    assert "not a downroute store; use another store" in one_line(fault.value)


def test_a_damaged_file_says_so(tmp_path, make_call):
    with Store.open(tmp_path) as store:
        store.calls.add(make_call(str(i)) for i in range(500))
    path = tmp_path / "store.db"
    data = bytearray(path.read_bytes())
    data[4096 * 2 :] = b"\xa5" * (len(data) - 4096 * 2)
    path.write_bytes(data)
    with (
        pytest.raises(StoreError, match=r"store\.db: damaged; restore a copy"),
        Store.open(tmp_path) as store,
    ):
        list(store.calls.each(with_bodies=True))


def test_a_full_disk_says_so_and_keeps_what_was_written(tmp_path, make_call):
    with Store.open(tmp_path) as store:
        store.calls.add([make_call("first")])
        with store._database.reading() as connection:
            connection.execute("PRAGMA max_page_count = 60")
        with pytest.raises(StoreError) as fault:
            store.calls.add(make_call(str(i), reference="x" * 1000) for i in range(1000))
        assert "the disk is full; free some room" in one_line(fault.value)
        assert [call.id for call in store.calls.each()] == ["first"]
        with store._database.reading() as connection:
            connection.execute("PRAGMA max_page_count = 100000")
        assert store.calls.add([make_call("later")]).new == 1


def test_a_read_only_store_says_so(tmp_path, make_call):
    with Store.open(tmp_path) as store:
        with store._database.reading() as connection:
            connection.execute("PRAGMA query_only = ON")
        with pytest.raises(StoreError, match="read-only; make it writable"):
            store.calls.add([make_call("a")])


def test_a_folder_that_cannot_be_made_says_so(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be made"):
        Store.open(tmp_path / "file" / "store")
    with pytest.raises(StoreError, match="cannot be made"):
        Store.open(tmp_path / "file")


def test_a_writer_that_holds_on_for_too_long_is_named_as_busy(tmp_path, make_call):
    with Store.open(tmp_path, busy_timeout_s=0.05) as store:
        other = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreBusyError, match=r"another process has been writing"):
            store.calls.add([make_call("a")])
        other.execute("ROLLBACK")
        other.close()
        assert store.calls.add([make_call("a")]).new == 1


def test_a_closed_store_says_so(tmp_path):
    store = Store.open(tmp_path)
    store.close()
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.calls.count()


def test_one_thread_writes_while_others_read(tmp_path, make_call):
    faults: list[BaseException] = []
    seen: list[int] = []
    done = threading.Event()

    def read(store: Store) -> None:
        try:
            while not done.is_set():
                ids = [call.id for call in store.calls.each(with_bodies=True)]
                assert ids == [str(i) for i in range(len(ids))]
                seen.append(len(ids))
        except BaseException as fault:
            faults.append(fault)

    with Store.open(tmp_path) as store:
        readers = [threading.Thread(target=read, args=(store,)) for _ in range(3)]
        for reader in readers:
            reader.start()
        for i in range(400):
            store.calls.add([make_call(str(i))])
        done.set()
        for reader in readers:
            reader.join()
        assert not faults
        assert len(set(seen)) > 1
        assert store.calls.count() == 400


def test_many_threads_may_make_the_same_store_at_once(tmp_path, make_call):
    faults: list[BaseException] = []

    def make(number: int) -> None:
        try:
            with Store.open(tmp_path / "store") as store:
                store.calls.add([make_call(str(number))])
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=make, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
    with Store.open(tmp_path / "store", create=False) as store:
        assert store.calls.count() == 8


def test_batches_are_short_where_items_are_heavy_and_come_before_the_error():
    def items():
        yield from range(1500)
        raise ValueError("cut")

    got: list[list[int]] = []
    with pytest.raises(ValueError, match="cut"):
        got.extend(batches(items()))
    assert [len(batch) for batch in got] == [1000, 500]
    assert [len(b) for b in batches(range(5), weight=lambda _: 5 * 2**20)] == [2, 2, 1]
    assert list(batches([])) == []


def test_the_store_file_has_no_leftover_after_closing(tmp_path: Path, make_call):
    with Store.open(tmp_path) as store:
        store.calls.add([make_call("a")])
    assert {p.name for p in tmp_path.iterdir()} == {"store.db", "open.lock"}
