import os

import pytest

from downroute.errors import StoreBusyError, StoreError


def test_a_second_holder_is_told_who_holds_the_lock(store):
    with store.lock("study"):
        with pytest.raises(StoreBusyError) as fault, store.lock("study"):
            pass
        assert f"another study (pid {os.getpid()}) is using the store" in str(fault.value)
        assert "wait for it" in str(fault.value)
        with store.lock("serve"):
            pass
    with store.lock("study"):
        pass


def test_a_lock_is_let_go_when_the_block_fails(store):
    with pytest.raises(RuntimeError), store.lock("study"):
        raise RuntimeError
    with store.lock("study"):
        pass


def test_a_name_that_would_lead_out_of_the_folder_is_refused(store):
    with pytest.raises(StoreError, match="no name of a lock"):
        store.lock("../study")
