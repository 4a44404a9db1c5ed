"""PURE: whether what an answer states stands in what the model was given."""

from __future__ import annotations

import re
from collections.abc import Mapping

from downroute.answers.number_text import numbers_in, typed
from downroute.prompts import content_text, messages
from downroute.records import Json

LONGEST = 200_000
"""Characters of a context that are searched, from its end."""
LONGEST_ANSWER = 20_000
"""Characters of an answer that are looked at."""
_READ_CLOSELY = 50_000
"""Characters of a context, from its end, whose numbers are read as a person would."""
_LEAST_QUOTED_WORDS = 3

_QUOTED = re.compile(
    r"\"([^\"\n]{1,2000})\"|“([^”\n]{1,2000})”|«([^»\n]{1,2000})»|„([^“”\n]{1,2000})[“”]"
)
_ELLIPSIS = re.compile(r"\s*(?:\[?\.\.\.\]?|\[?…\]?)\s*")
_FOLD = re.compile(r"[\W_]+")
_ENUMERATION = re.compile(r"^\s*(?:\d{1,3}[.)]|\(\d{1,3}\)|[#*>-]+\s*\d{1,3}[.)])\s", re.MULTILINE)
_RUN = re.compile(r"(?<![\d.,])\d{1,15}(?:,\d{3})*(?:\.\d{1,9})?(?![\d]|[.,]\d)")
_THOUSANDS = re.compile(r",(?=\d{3}(?!\d))")
_CITED = re.compile(r"\[\^?(\d{1,3}(?:\s*[,;–-]\s*\d{1,3})*)\]")
_NAMED = re.compile(
    r"https?://\S+|\[[^\]\n]{2,80}\]\([^)\s]+\)|【[^】]+】|\((?:source|quelle|cf\.|see)\b"
)
_SOURCE = re.compile(
    r"(?:^|\n)\s*(?:\[\^?(\d{1,3})\]|(?:source|document|doc|passage|context|reference)s?\s*#?\s*"
    r"(\d{1,3})\b)",
    re.IGNORECASE,
)


def context_of(request: Mapping[str, Json]) -> str:
    """All the words a model was given."""
    return "\n".join(content_text(m.get("content")) for m in messages(request))[-LONGEST:]


def ungrounded_numbers(text: str, context: str) -> int | None:
    """How many numbers of ``text`` are not in ``context`` by value; ``None`` where it has none.
    The numbers of a list's items and of citations do not count."""
    stated = _numbers(_CITED.sub(" ", _ENUMERATION.sub(" ", text[:LONGEST_ANSWER])))
    if not stated:
        return None
    missing = stated - _digits(context)
    # Reading a long context as a person would takes milliseconds; mostly its digits suffice.
    return len(missing - _numbers(context[-_READ_CLOSELY:])) if missing else 0


def ungrounded_quotes(text: str, context: str) -> int | None:
    """How many quotations of ``text`` (three words or more) do not stand in ``context``, case,
    punctuation and white space aside; ``None`` where it quotes nothing."""
    quoted = [next(filter(None, groups)) for groups in _QUOTED.findall(text[:LONGEST_ANSWER])]
    quoted = [quote for quote in quoted if len(quote.split()) >= _LEAST_QUOTED_WORDS]
    if not quoted:
        return None
    given = f" {_folded(context)} "
    return sum(
        not all(f" {_folded(part)} " in given for part in _ELLIPSIS.split(quote) if _folded(part))
        for quote in quoted
    )


def citations(text: str) -> int:
    """How many citations there are: ``[1]``, ``[2, 3]``, links, ``(source …)``."""
    return len(_CITED.findall(text)) + len(_NAMED.findall(text))


def cites_nothing_unknown(text: str, context: str) -> bool:
    """Whether each numbered citation names a source that ``context`` numbers; true where the
    context numbers none."""
    known = {int(a or b) for a, b in _SOURCE.findall(context)}
    if not known:
        return True
    cited = {int(n) for group in _CITED.findall(text) for n in re.findall(r"\d+", group)}
    return cited <= known


def _numbers(text: str) -> set[float]:
    plain = typed(text)
    return {round(abs(written.value), 6) for written in numbers_in(plain)} | _digits(plain)


def _digits(text: str) -> set[float]:
    """Runs of digits by value: dates, versions and lists are no numbers to calculate with, but
    their digits may be said again."""
    return {round(float(_THOUSANDS.sub("", digits)), 6) for digits in _RUN.findall(text)}


def _folded(text: str) -> str:
    return _FOLD.sub(" ", text).strip().casefold()
