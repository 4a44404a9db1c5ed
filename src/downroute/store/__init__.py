"""One SQLite file behind named queries: the log, the journal of what was asked, the ledger."""

from downroute.store.blinding import FILES, Blinded, Link, Skip
from downroute.store.bodies import Bodies, Keeping
from downroute.store.calls import Added
from downroute.store.feedback import GOOD, Feedback, FeedbackGroup
from downroute.store.journal import Ask, JournalEntry, JournalKey, Spending
from downroute.store.ledger import Grade, ServedPolicy, StudyRecord, VerdictRecord
from downroute.store.redaction import Redaction
from downroute.store.store import Imported, Store
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
