"""One SQLite file behind named queries: the log, the journal of what was asked, the ledger.

What only studies and people need of it is loaded when it is first named.
"""

from typing import TYPE_CHECKING, Any

from downroute.store.bodies import Bodies, Keeping
from downroute.store.calls import Added
from downroute.store.feedback import GOOD, Feedback, FeedbackGroup
from downroute.store.ledger import Grade, ServedPolicy, StudyRecord, VerdictRecord
from downroute.store.redaction import Redaction
from downroute.store.store import Imported, Store

if TYPE_CHECKING:
    from downroute.store.blinding import FILES, Blinded, Link, Skip
    from downroute.store.journal import Ask, JournalEntry, JournalKey, Spending
    from downroute.store.summary import CallGroup

__all__ = [
    "FILES",
    "GOOD",
    "Added",
    "Ask",
    "Blinded",
    "Bodies",
    "CallGroup",
    "Feedback",
    "FeedbackGroup",
    "Grade",
    "Imported",
    "JournalEntry",
    "JournalKey",
    "Keeping",
    "Link",
    "Redaction",
    "ServedPolicy",
    "Skip",
    "Spending",
    "Store",
    "StudyRecord",
    "VerdictRecord",
]

_BLINDING = ("FILES", "Blinded", "Link", "Skip")
_JOURNAL = ("Ask", "JournalEntry", "JournalKey", "Spending")


def __getattr__(name: str) -> Any:
    if name in _BLINDING:
        from downroute.store import blinding

        return getattr(blinding, name)
    if name in _JOURNAL:
        from downroute.store import journal

        return getattr(journal, name)
    if name == "CallGroup":
        from downroute.store import summary

        return summary.CallGroup
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
