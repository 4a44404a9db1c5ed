"""PURE: whether a text is in a language, by its script and its commonest words.

Meant for a check on live answers: it costs microseconds, and says so where it cannot tell.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from downroute.answers.script import SAMPLE, script_counts
from downroute.answers.stop_words import STOP_WORDS

_OF_SCRIPT: Mapping[str, tuple[str, ...]] = {
    "Latin": tuple(c for c in STOP_WORDS if c not in ("ru", "uk", "bg", "sr")),
    "Cyrillic": ("ru", "uk", "bg", "sr"),
    "Greek": ("el",), "Hebrew": ("he", "yi"), "Arabic": ("ar", "fa", "ur"), "Thai": ("th",),
    "Hangul": ("ko",), "Kana": ("ja",), "Han": ("zh", "ja"), "Devanagari": ("hi", "mr", "ne"),
    "Bengali": ("bn",), "Tamil": ("ta",), "Telugu": ("te",), "Georgian": ("ka",),
    "Armenian": ("hy",), "Gujarati": ("gu",), "Gurmukhi": ("pa",), "Kannada": ("kn",),
    "Malayalam": ("ml",), "Khmer": ("km",), "Lao": ("lo",), "Myanmar": ("my",),
    "Ethiopic": ("am",),
}  # fmt: skip
LANGUAGES = tuple(sorted({code for codes in _OF_SCRIPT.values() for code in codes}))
"""The ISO 639-1 codes that can be told."""

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
# Each part is bounded and begins only where no such character stands before it, so that a text
# made to be slow is not.
_NOT_PROSE = re.compile(
    r"""```.*?(?:```|\Z) | `[^`\n]{0,200}` | https?://\S{1,2000} | [\#@]\w{1,100}
      | (?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,200}
      | (?<![A-Za-z0-9.-])[A-Za-z0-9-]{1,63}(?:\.[a-z]{2,24}){1,5}(?![A-Za-z])""",
    re.DOTALL | re.VERBOSE,
)
_FEWEST_LETTERS = 12
_FEWEST_HITS = 3
_HAN_ALONE = 90


def is_language(text: str, code: str) -> bool | None:
    """Whether ``text`` is in the language ``code`` (ISO 639-1); ``None`` where it is too short or
    too much like a relative of that language to tell. Code and addresses do not count."""
    prose = _NOT_PROSE.sub(" ", text[: 2 * SAMPLE])
    counts = script_counts(prose)
    if counts.total() < _FEWEST_LETTERS:
        return None
    spoken = _languages(counts)
    if code not in spoken:
        # A short line of Japanese may be in Han alone.
        return None if code == "ja" and spoken == ("zh",) and counts.total() < _HAN_ALONE else False
    if code not in STOP_WORDS:
        return True
    hits = _hits(prose, spoken)
    best = max(hits.values())
    if best < _FEWEST_HITS:
        return None
    if hits[code] == best:
        return True
    return False if hits[code] * 1.5 < best - 1 else None


def language_of(text: str) -> str | None:
    """The language ``text`` is surely in; ``None`` where that cannot be told."""
    prose = _NOT_PROSE.sub(" ", text[: 2 * SAMPLE])
    counts = script_counts(prose)
    if counts.total() < _FEWEST_LETTERS:
        return None
    spoken = _languages(counts)
    hits = _hits(prose, spoken)
    best = max(hits.values(), default=0)
    sure = [c for c in spoken if c not in STOP_WORDS or hits[c] == best >= _FEWEST_HITS]
    return sure[0] if len(sure) == 1 else None


def _hits(prose: str, spoken: tuple[str, ...]) -> dict[str, int]:
    """How many of the text's words are among each language's commonest, where those are known."""
    words = [word.lower() for word in _WORD.findall(prose.replace("’", "'")[:SAMPLE])]
    return {c: sum(word in STOP_WORDS[c] for word in words) for c in spoken if c in STOP_WORDS}


def _languages(counts: Mapping[str, int]) -> tuple[str, ...]:
    """The languages that are written as the text is."""
    if counts.get("Kana", 0) * 20 > sum(counts.values()):
        return _OF_SCRIPT["Kana"]
    main = max(counts, key=lambda name: counts[name])
    return ("zh",) if main == "Han" else _OF_SCRIPT[main]
