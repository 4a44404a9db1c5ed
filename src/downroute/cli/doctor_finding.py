"""One line of ``downroute doctor``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """``state`` is ok, warn or fail; ``says`` holds the remedy where one is needed."""

    state: str
    what: str
    says: str
