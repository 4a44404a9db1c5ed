"""Keeping a model's name out of what graders read. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from msgspec import structs

from downroute.dashboard.cards import Card
from downroute.records import Answer, Json

MASK = "[a model]"

Mask = Callable[[str], str]


def mask_of(models: Iterable[str]) -> Mask:
    """Replaces the names of these models, with whatever version hangs on them, whatever their case
    and whether written with spaces or hyphens.

    Only names no ordinary word could be (with a digit or a hyphen) are looked for: to hide the
    word "large" in one answer of two would give away more than it hides.
    """
    names = {part for model in models for part in (model, model.rpartition("/")[2])}
    telling = sorted((n for n in names if re.search(r"[\d-]", n)), key=len, reverse=True)
    if not telling:
        return lambda text: text
    loose = (r"[\s_-]?".join(map(re.escape, re.split(r"[\s_-]+", name))) for name in telling)
    pattern = re.compile(rf"(?<!\w)(?:{'|'.join(loose)})(?:[-@:.]?\w+)*(?!\w)", re.IGNORECASE)
    return lambda text: pattern.sub(MASK, text)


def masked(card: Card, mask: Mask) -> Card:
    """The card without the models' names."""
    first, second = (None if a is None else _answer(a, mask) for a in card.answers)
    return replace(
        card,
        task=mask(card.task),
        request=_json(card.request, mask),
        answers=(first, second),
        rubric=None if card.rubric is None else mask(card.rubric),
    )


def _answer(answer: Answer, mask: Mask) -> Answer:
    return structs.replace(
        answer,
        text=None if answer.text is None else mask(answer.text),
        refusal=None if answer.refusal is None else mask(answer.refusal),
        tool_calls=tuple(
            structs.replace(c, arguments=mask(c.arguments)) for c in answer.tool_calls
        ),
    )


def _json(value: Json, mask: Mask) -> Json:
    if isinstance(value, str):
        # An image's bytes name nobody.
        return value if value.startswith("data:") else mask(value)
    if isinstance(value, Mapping):
        return {key: _json(inner, mask) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_json(inner, mask) for inner in value]
    return value
