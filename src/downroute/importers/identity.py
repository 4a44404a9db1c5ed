"""Who is who: the id of an imported call, the same each time its source is imported.

A source's own id is joined with a digest of what was asked and answered. Alone it is not enough:
files number their rows from 0 each, and some servers answer every call with one constant id; one
call of two would silently count as known. A row without an id is known by its own digest, its
model's name and how many equal rows came before it in the same import, so true duplicates stay
and importing twice adds nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from downroute.answers.openai_chat import answer_digest
from downroute.prompts import digest, request_digest
from downroute.records import Call, Json

_LONGEST_ID = 200


class Identities:
    """Ids for the calls of one import. Holds about 0.1 KB for each row without an id."""

    def __init__(self) -> None:
        self._rows: dict[int, int] = {}

    def of(self, call: Call, source_id: str | None, row: Mapping[str, Json]) -> str:
        """The id of a call made from ``row``, which its source calls ``source_id``."""
        if source_id is not None:
            return f"{source_id}#{_content_digest(call)[:12]}"
        row_digest = digest([call.model, row])
        known = int(row_digest[:15], 16)
        occurrence = self._rows[known] = self._rows.get(known, 0) + 1
        return f"{row_digest[:32]}#{occurrence}"


def source_id(value: Json) -> str | None:
    """A row's id as text, where it has one that can serve as such."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return None
    text = str(value).strip()
    return text if 0 < len(text) <= _LONGEST_ID else None


def _content_digest(call: Call) -> str:
    return digest(
        [
            call.model,
            None if call.request is None else request_digest(call.request),
            None if call.answer is None else answer_digest(call.answer),
            call.started_at,
            call.error,
        ]
    )
