"""Replies that wait for their rows (`log.durability: sync`): a row is confirmed once it is on disk.

Rows that come while others are being written are written together, so the more calls wait, the
fewer times the disk is waited for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from downroute.gateway.error_reply import INTERNAL, Refusal
from downroute.gateway.message import Headers

PATIENCE_S = 5.0
"""How long a reply waits for its row while the store cannot be written."""
UNWRITTEN = "log_unwritten"
REFUSAL = Refusal(
    503,
    "the log cannot be written, and log.durability is sync: no answer is sent that is not in it; "
    "the gateway's /ready says why",
    INTERNAL,
    code=UNWRITTEN,
)
RETRY: Headers = (("retry-after", "1"),)


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a reply waits for: whether ``row``, named by its call's id, is on disk."""

    row: str
    on_disk: asyncio.Future[bool]


class Confirmations:
    """Which rows are on disk. `tell` is for the log's thread, all else for the event loop."""

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._expected: dict[str, asyncio.Future[bool]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    def expect(self, row: str) -> Ticket:
        """The ticket of a row that is about to be handed to the log."""
        self._loop = asyncio.get_running_loop()
        future = self._expected[row] = self._loop.create_future()
        return Ticket(row, future)

    async def written(self, ticket: Ticket) -> bool:
        """Whether the row is on disk, as soon as that is known, or does not come in time."""
        await asyncio.wait({ticket.on_disk}, timeout=self._patience_s)
        return ticket.on_disk.done() and ticket.on_disk.result()

    def lose(self, ticket: Ticket) -> None:
        """The log did not take the row."""
        self._settle([ticket.row], False)

    def tell(self, rows: Sequence[str], *, on_disk: bool) -> None:
        """The rows are on disk, or never will be."""
        if self._loop is not None and rows:
            try:
                self._loop.call_soon_threadsafe(self._settle, rows, on_disk)
            except RuntimeError:
                return  # the loop has ended, and everybody who waited with it

    def _settle(self, rows: Sequence[str], on_disk: bool) -> None:
        for row in rows:
            future = self._expected.pop(row, None)
            if future is not None:
                future.set_result(on_disk)
