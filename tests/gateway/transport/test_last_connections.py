"""Against the kernel itself."""

from __future__ import annotations

import select
import socket
import sys

import pytest

from downroute.gateway.transport.last_connections import let_nobody_connect


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has this filter")
def test_who_is_connected_is_served_and_nobody_else_connects() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
        with socket.create_connection(address) as before, socket.socket() as late:
            let_nobody_connect(listener)
            late.setblocking(False)
            late.connect_ex(address)
            taken, _ = listener.accept()
            with taken:
                before.sendall(b"asked")
                assert taken.recv(9) == b"asked"
                taken.sendall(b"answered")
                assert before.recv(9) == b"answered"
            listener.setblocking(False)
            with pytest.raises(BlockingIOError):
                listener.accept()
            assert select.select([], [late], [], 0.0) == ([], [], [])
