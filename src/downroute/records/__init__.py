"""The nouns. Pure values: frozen, equal when their content is equal, no I/O, units in names.

Identity, storage and pricing are other rooms' business. ``None`` always means *not known*; it
is never a stand-in for zero. Money is float USD, time is float seconds, instants are Unix
seconds (UTC).
"""

from downroute.records.calls import (
    UNKNOWN_USAGE,
    Answer,
    Attempt,
    Call,
    Decision,
    Json,
    Purpose,
    TokenLogprob,
    ToolCall,
    Usage,
)
from downroute.records.measuring import (
    BadRow,
    Example,
    Measurement,
    RecordedScore,
    Score,
    Task,
)
from downroute.records.routes import (
    Bounds,
    CheckSpec,
    Degrade,
    EscalationLimit,
    LinearScore,
    Policy,
    Route,
    SecondOpinion,
    Streaming,
)

__all__ = [
    "UNKNOWN_USAGE",
    "Answer",
    "Attempt",
    "BadRow",
    "Bounds",
    "Call",
    "CheckSpec",
    "Decision",
    "Degrade",
    "EscalationLimit",
    "Example",
    "Json",
    "LinearScore",
    "Measurement",
    "Policy",
    "Purpose",
    "RecordedScore",
    "Route",
    "Score",
    "SecondOpinion",
    "Streaming",
    "Task",
    "TokenLogprob",
    "ToolCall",
    "Usage",
]
