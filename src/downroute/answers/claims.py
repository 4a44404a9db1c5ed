"""PURE: the claims of a text that can be looked up: figures, names and quotations.

By rules that need no language model: a figure is a run of digits, a quotation stands in quotation
marks, a name is one or more capitalised words inside a sentence. Where a language capitalises its
nouns (German) or has no capitals (Chinese), there are no names to be told, only the other two.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from downroute.answers.context import is_figure_in, is_mentioned, sentences, spoken, stem
from downroute.answers.figures import Figure, figures
from downroute.answers.words import words

Kind = Literal["figure", "name", "quotation"]

CAPITALISED = 0.3
"""With a greater share of capitalised words inside sentences a language writes nouns so."""

TELLING_WORDS = 40
"""Of fewer words many may be names in any language."""

_QUOTATION = re.compile(r"[\"“„«]([^\"“”„«»]{3,300}?)[\"”“»]")
_WORD = re.compile(r"[^\W\d_](?:[\w'’&.-]*\w)?")
_LINKS = frozenset({"of", "the", "de", "la", "von", "van", "der", "du", "and", "&"})


@dataclass(frozen=True, slots=True)
class Claim:
    """``figure`` is set for figures only."""

    kind: Kind
    text: str
    figure: Figure | None = None


def claims(text: str) -> list[Claim]:
    """The claims of ``text``, each once."""
    found = [Claim("figure", text[f.start : f.end], f) for f in figures(text)]
    found += [Claim("quotation", m[1]) for m in _QUOTATION.finditer(text)]
    found += [Claim("name", name) for name in _names(text)]
    return list({(c.kind, c.text.casefold()): c for c in found}.values())


def is_supported(claim: Claim, context: str) -> bool:
    """Whether a claim stands in ``context``: a figure in whatever spelling, a quotation word for
    word, of a name each word, perhaps in another form (``Italian`` for ``Italy``)."""
    if claim.figure is not None:
        return is_figure_in(claim.figure, context)
    if claim.kind == "quotation":
        return is_mentioned(claim.text, context)
    there = spoken(context).stems
    return all(_root(word) in there for word in words(claim.text) if word not in _LINKS)


def _root(word: str) -> str:
    return stem(word) if len(word) > 6 else word[:4]


def _names(text: str) -> Iterator[str]:
    inside = [word for sentence in sentences(text) for word in _WORD.findall(sentence)[1:]]
    capital = sum(word[0].isupper() for word in inside)
    if len(inside) >= TELLING_WORDS and capital > CAPITALISED * len(inside):
        return
    for sentence in sentences(text):
        yield from _names_in(sentence)


def _names_in(sentence: str) -> Iterator[str]:
    """Runs of capitalised words. The first word of a sentence is capitalised anyway and counts only
    if the run goes on after it."""
    run: list[re.Match[str]] = []
    for word in [*_WORD.finditer(sentence), None]:
        if word is not None and _continues(run, word, sentence):
            run.append(word)
            continue
        if run and (run[0].start() > _lead(sentence) or len(run) > 1):
            yield sentence[run[0].start() : run[-1].end()]
        run = [word] if word is not None and word[0][0].isupper() else []


def _continues(run: list[re.Match[str]], word: re.Match[str], sentence: str) -> bool:
    if not run or not word[0][0].isupper():
        return False
    return not sentence[run[-1].end() : word.start()].strip(" ")


def _lead(sentence: str) -> int:
    """Where the first word of a sentence begins, behind bullets and quotation marks."""
    first = _WORD.search(sentence)
    return first.start() if first is not None else 0
