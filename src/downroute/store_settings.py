"""`store:` and `log:` of ``downroute.yaml``: what is kept of calls, where and for how long. Pure
values."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from downroute.yamlfile import Strict


def _regular_expression(pattern: str) -> str:
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as fault:
        raise ValueError(f"{pattern!r} is no regular expression: {fault}") from None
    return pattern


Pattern = Annotated[str, AfterValidator(_regular_expression)]
Keep = Literal["none", "redacted", "full"]


class StoreSettings(Strict):
    """Where calls are kept, and how much of what was said in them by the gateway."""

    path: Path = Path(".downroute")
    bodies: Keep = "none"
    redact: list[Pattern] = Field(default_factory=list)
    """Further regular expressions that ``redacted`` removes."""
    keep_days: float | None = Field(default=None, gt=0)
    """When what was said is deleted; never where it is left out."""


class LogSettings(Strict):
    """When a call's row is written: beside the reply, or before it."""

    durability: Literal["async", "sync"] = "async"
