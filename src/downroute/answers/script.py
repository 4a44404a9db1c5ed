"""PURE: the writing system of a text."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter

SAMPLE = 4_000
"""Characters of a text that are looked at."""

# Blocks of Unicode with letters in them, by where they begin; what lies between is no letter of
# any script that is told apart here.
_BLOCKS = (
    (0x0041, 0x024F, "Latin"), (0x0370, 0x03FF, "Greek"), (0x0400, 0x052F, "Cyrillic"),
    (0x0531, 0x058F, "Armenian"), (0x0591, 0x05F4, "Hebrew"), (0x0600, 0x077F, "Arabic"),
    (0x0900, 0x097F, "Devanagari"), (0x0980, 0x09FF, "Bengali"), (0x0A00, 0x0A7F, "Gurmukhi"),
    (0x0A80, 0x0AFF, "Gujarati"), (0x0B80, 0x0BFF, "Tamil"), (0x0C00, 0x0C7F, "Telugu"),
    (0x0C80, 0x0CFF, "Kannada"), (0x0D00, 0x0D7F, "Malayalam"), (0x0E00, 0x0E7F, "Thai"),
    (0x0E80, 0x0EFF, "Lao"), (0x1000, 0x109F, "Myanmar"), (0x10A0, 0x10FF, "Georgian"),
    (0x1100, 0x11FF, "Hangul"), (0x1200, 0x139F, "Ethiopic"), (0x1780, 0x17FF, "Khmer"),
    (0x1E00, 0x1EFF, "Latin"), (0x1F00, 0x1FFF, "Greek"), (0x3041, 0x30FF, "Kana"),
    (0x3400, 0x9FFF, "Han"), (0xAC00, 0xD7AF, "Hangul"), (0xFB50, 0xFDFF, "Arabic"),
    (0xFE70, 0xFEFF, "Arabic"), (0x20000, 0x323AF, "Han"),
)  # fmt: skip
_STARTS = [start for start, _, _ in _BLOCKS]

_LETTERS_OF = {"Han": 3, "Kana": 2, "Hangul": 2}
"""How many letters of an alphabet a sign of these stands for, about."""

SCRIPTS = tuple(dict.fromkeys(name for _, _, name in _BLOCKS))


def script_counts(text: str) -> Counter[str]:
    """How many letters of each script the text has; a sign that stands for a syllable or a word
    counts as several."""
    counts = Counter(
        found
        for character in text[:SAMPLE]
        if character.isalpha() and (found := script_of(character)) is not None
    )
    for script, letters in _LETTERS_OF.items():
        if script in counts:
            counts[script] *= letters
    return counts


def script_of(character: str) -> str | None:
    """The script of a letter; ``None`` where it is none of `SCRIPTS`."""
    code = ord(character)
    at = bisect_right(_STARTS, code) - 1
    if at < 0:
        return None
    _, end, name = _BLOCKS[at]
    return name if code <= end else None
