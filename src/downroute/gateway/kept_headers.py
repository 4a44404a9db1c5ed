"""Headers that come with request after request, and what was made of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


class KeptHeaders(list[tuple[str, str]]):
    """Headers that a client sends with each of its requests, together with what was made of them.
    They must not be changed."""

    __slots__ = ("made",)

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        super().__init__(pairs)
        self.made: dict[object, Any] = {}
