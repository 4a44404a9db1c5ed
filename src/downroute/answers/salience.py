"""PURE: the terms that mark one part of a text off from the rest of it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

from downroute.answers.context import sentences, stem
from downroute.answers.words import words

MIN_LETTERS = 4


def terms(text: str) -> list[str]:
    """The words of ``text`` that may be terms, by their stem: figures, and words of four letters or
    more; in scripts without spaces each pair of characters."""
    said = words(text)
    found = [stem(word) for word in said if len(word) >= MIN_LETTERS or word.isdecimal()]
    alone = [word if len(word) == 1 and word > "\u0e00" else "" for word in said]
    return found + [one + other for one, other in pairwise(alone) if one and other]


@lru_cache(maxsize=1024)
def key_terms(text: str, parts: int, most: int) -> tuple[frozenset[str], ...]:
    """Of each of ``parts`` equal runs of sentences the ``most`` terms that mark it: frequent in it,
    rare among all sentences, and not found as much in the other parts."""
    said = sentences(text)
    runs = [said[len(said) * i // parts : len(said) * (i + 1) // parts] for i in range(parts)]
    in_sentences = Counter(term for sentence in said for term in set(terms(sentence)))
    total = Counter(terms(text))
    return tuple(_key_terms(run, in_sentences, total, len(said), most) for run in runs)


def _key_terms(
    run: Sequence[str],
    in_sentences: Counter[str],
    total: Counter[str],
    count: int,
    most: int,
) -> frozenset[str]:
    here = Counter(term for sentence in run for term in terms(sentence))

    def weight(term: str) -> float:
        rarity = math.log((1 + count) / in_sentences[term])
        return here[term] * rarity * here[term] / max(total[term], here[term])

    return frozenset(sorted(here, key=lambda term: (-weight(term), term))[:most])
