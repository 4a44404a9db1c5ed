"""Policies that were served before: which one to compare with, which one to go back to."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from downroute.cli.policy_reading import policy_text

if TYPE_CHECKING:
    from downroute.store import ServedPolicy


def earlier_text(old: str | None, store: Path) -> tuple[str, str]:
    """The name and text of the policy to compare with."""
    from downroute.errors import UsageError

    if old is not None and Path(old).exists():
        return old, policy_text(Path(old))
    served = served_policies(store)
    matching = [p for p in served if old is None or p.digest.startswith(old)]
    if matching:
        return f"served {matching[-1].digest}", matching[-1].text
    if old is None:
        raise UsageError(
            "no policy was served yet; name the file to compare with: downroute policy diff OLD"
        )
    known = ", ".join(p.digest for p in served[-5:]) or "none"
    raise UsageError(f"{old}: no such file and no such served policy; served lately: {known}")


def served_policies(store: Path) -> list[ServedPolicy]:
    """Every policy that was served, in the order they first were; none without a store."""
    from downroute.store import Store

    if not (store / "store.db").exists():
        return []
    with Store.open(store, create=False) as opened:
        return opened.ledger.policies()


def to_roll_back_to(served: list[ServedPolicy], to: str | None, current: str) -> ServedPolicy:
    """The one whose digest begins with ``to``, else the last before the one that is ``current``.

    Raises:
        UsageError: there is none, or several.
    """
    from downroute.errors import UsageError

    digests = [one.digest for one in served]
    if to is not None:
        matching = [one for one in served if one.digest.startswith(to)]
        if len(matching) == 1:
            return matching[0]
        known = ", ".join(digests[-5:]) or "none"
        what = "no served policy" if not matching else "several served policies"
        raise UsageError(f"{to}: {what} by that digest; served lately: {known}")
    earlier = served[: digests.index(current)] if current in digests else served
    if not earlier:
        raise UsageError(
            "no policy was served before this one; `downroute policy off` sends everything to the "
            "baseline"
        )
    return earlier[-1]


def as_moment(at: float) -> str:
    """A Unix second as people read it."""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(at))
