"""PURE: what a request gives to answer from, and whether words are found in it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from downroute.answers.figures import Figure, figures
from downroute.answers.label import folded, label
from downroute.answers.words import answer_words, words
from downroute.prompts import content_text, messages
from downroute.records import Json

PHRASE_WORDS = 3
"""Up to so many words are looked for as they stand; of more, the share that is there counts."""

_VERDICTS = frozenset({"yes", "no", "true", "false", "ja", "nein", "oui", "non", "sí", "si"})


def context_text(request: Mapping[str, Json]) -> str:
    """All that was said to the model, by system, user and tools; not its own earlier turns."""
    said = [content_text(m.get("content")) for m in messages(request)]
    roles = [m.get("role") for m in messages(request)]
    return "\n".join(t for t, role in zip(said, roles, strict=True) if role != "assistant")


def source_text(request: Mapping[str, Json]) -> str:
    """The longest single message to the model: of a summary, the text that is summarised."""
    said = [
        content_text(m.get("content")) for m in messages(request) if m.get("role") != "assistant"
    ]
    return max(said, key=len, default="")


def support(claim: str, context: str) -> float | None:
    """How much of ``claim`` stands in ``context``, from 0 to 1: a short one all or nothing, of a
    longer one the share of its distinct words of four letters or more and of its numbers. ``None``
    where wording cannot tell, as with yes and no."""
    short = label(claim)
    if not short or short in _VERDICTS:
        return None
    if len(answer_words(short)) <= PHRASE_WORDS:
        return float(is_mentioned(short, context))
    said = {word for word in words(short) if len(word) >= 4 or word.isdecimal()} or set(
        words(short)
    )
    there = {stem(word) for word in words(context)}
    return sum(stem(word) in there for word in said) / len(said)


def is_mentioned(phrase: str, context: str) -> bool:
    """Whether the words of ``phrase`` stand in ``context`` one after the other, or it is one number
    that stands there in whatever spelling."""
    wanted = " ".join(words(phrase))
    if not wanted:
        return folded(phrase) in folded(context)
    if f" {wanted} " in spoken(context).line:
        return True
    said = figures(phrase)
    return len(said) == 1 and not any(map(str.isalpha, phrase)) and is_figure_in(said[0], context)


def is_figure_in(figure: Figure, context: str) -> bool:
    """Whether a number is written in ``context``, read in any of the ways it can be."""
    return any(figure.values & other.values for other in figures(context))


@dataclass(frozen=True, slots=True)
class Spoken:
    """The words of a text, on one line with a space around each, and their stems."""

    line: str
    stems: frozenset[str]


@lru_cache(maxsize=64)
def spoken(text: str) -> Spoken:
    """A text taken apart once for all that is looked up in it."""
    said = words(text)
    stems = frozenset(map(stem, said)) | frozenset(word[:4] for word in said if len(word) <= 6)
    return Spoken(f" {' '.join(said)} ", stems)


def stem(word: str) -> str:
    """A word without its ending, roughly and in any language: its first six letters."""
    return word[:6]


_SENTENCE = re.compile(r"[^.!?。！？\n]+(?:[.!?。！？]+|\n+|$)")


def sentences(text: str) -> list[str]:
    """The sentences of a text, roughly: up to ``.``, ``!``, ``?`` or a line's end."""
    return [found.strip() for found in _SENTENCE.findall(text) if found.strip()]
