"""PURE: the words of a text, in any script."""

from __future__ import annotations

import re
import unicodedata

_ASCII = re.compile(r"[a-z0-9]+")
_UNSPACED = (
    ("\u0e00", "\u0eff"),
    ("\u2e80", "\ua4cf"),
    ("\uf900", "\ufaff"),
    ("\U00020000", "\U0003ffff"),
)
"""Thai and Lao; Chinese and Japanese with their extensions. Korean has spaces."""
_ARTICLES = frozenset({"a", "an", "the"})


def words(text: str) -> list[str]:
    """The runs of letters and digits, case folded. In scripts that put no spaces between words
    (Chinese, Japanese, Thai, …) every character is one."""
    if text.isascii():
        return _ASCII.findall(text.lower())
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(_spelled(c) if _is_letter(c) else " " for c in folded).split()


def answer_words(text: str) -> list[str]:
    """The words of a short answer as SQuAD compares them: punctuation is taken out of words rather
    than ending them (``don't`` is ``dont``), articles do not count unless nothing else is there."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    spaced = "".join(_spelled(c) for c in folded if unicodedata.category(c)[0] not in "PS")
    found = spaced.split()
    return [word for word in found if word not in _ARTICLES] or found


def word_count(text: str) -> int:
    """How many words a reader counts: what white space parts, and each character of scripts
    without spaces."""
    return sum(1 for part in _parted(text).split() if any(map(str.isalnum, part)))


def _parted(text: str) -> str:
    return text if text.isascii() else "".join(map(_spelled, text))


def _is_letter(char: str) -> bool:
    """Marks belong to the letter before them, as vowels do in Devanagari."""
    return char.isalnum() or unicodedata.category(char)[0] == "M"


def _spelled(char: str) -> str:
    """A character of a script without spaces between words stands by itself."""
    alone = char >= "\u0e00" and (
        char < "\u0f00" or "\u2e80" <= char < "\uac00" or char >= "\U00020000"
    )
    return f" {char} " if alone and char.isalnum() else char
