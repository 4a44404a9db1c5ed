"""The demo's requests: one function a task, seeded random numbers in, one `Case` out.

The word problems stand in `demo_problems`, the templates that all of them fill in ``demo_data/``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from downroute.cli.demo_templates import Slots, templates
from downroute.records import Json

SHOP = (
    "You work in the customer service of Larkfield Outdoor, an online shop for outdoor gear. "
    "Follow the instructions of each message exactly and answer with nothing but what is asked for."
)
"""Two tasks share this system prompt, as an application's tasks often do: only a declared task
tells them apart."""

ORDER_SCHEMA = {
    "type": "object",
    "properties": {
        "item": {"type": "string"},
        "quantity": {"type": "integer", "minimum": 1},
        "colour": {"type": ["string", "null"]},
        "ship_to": {"type": "string"},
        "needed_by": {"type": ["string", "null"], "pattern": r"^\d{4}-\d{2}-\d{2}$"},
        "express": {"type": "boolean"},
    },
    "required": ["item", "quantity", "colour", "ship_to", "needed_by", "express"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class Case:
    """One request. ``wrong`` are answers a model that reads hastily gives; ``wordings`` are the
    texts a model may give an answer in, all of them equal to a fair scorer. ``difficulty`` is how
    much more often the request is got wrong than an easy one."""

    messages: tuple[Mapping[str, str], ...]
    reference: Json
    right: Any
    wrong: tuple[Any, ...]
    wordings: Callable[[Any], tuple[str, ...]]
    difficulty: float = 1.0
    schema: Mapping[str, Json] | None = None


def support_triage(rng: Random) -> Case:
    """Classification: which of eight categories is this customer message?"""
    forms = templates("support_triage")
    slots = Slots(rng)
    label = rng.choice(sorted(forms["categories"]))
    category = forms["categories"][label]
    body = slots.fill(rng.choice(category["messages"]) + rng.choice(forms["asides"]))
    body = body[:1].upper() + body[1:]
    opening, closing = rng.choice(forms["openings"]), slots.fill(rng.choice(forms["closings"]))
    slots["labels"] = ", ".join(forms["categories"])
    slots["message"] = f"{opening}\n{body}\n{closing}"
    return Case(
        messages=prompt(SHOP, slots.fill(forms["instructions"])),
        reference=label,
        right=label,
        wrong=tuple(category["mistaken_for"]),
        wordings=_short_texts,
    )


def order_extract(rng: Random) -> Case:
    """Short extraction: an order e-mail → one JSON object."""
    forms = templates("order_extract")
    slots = Slots(rng)
    quantity, slots["quantity"] = rng.choice(forms["quantities"])
    other = rng.choice([n for n, _ in forms["quantities"] if n != quantity])
    slots["other_quantity"] = str(other)
    item = rng.choice(forms["items"])
    slots["item"] = item if quantity == 1 else _plural(item)
    coloured, dated = rng.random() < 0.6, rng.random() < 0.7
    slots["colour_phrase"] = slots.fill(rng.choice(forms["colours"])) if coloured else ""
    date = slots.fill(rng.choice(forms["dates"])) if dated else ""
    slots["date_phrase_sentence"] = f"They must be here {date}." if dated else ""
    express, slots["express_phrase"] = rng.choice(forms["express"])
    body = slots.fill(rng.choice(forms["bodies"]))
    body = re.sub(r" +([,.:;?])", r"\1", re.sub(r" {2,}", " ", body)).strip()
    opening, closing = rng.choice(forms["openings"]), slots.fill(rng.choice(forms["closings"]))
    order: dict[str, Json] = {
        "item": item,
        "quantity": quantity,
        "colour": slots["colour"] if coloured else None,
        "ship_to": slots["city"],
        "needed_by": _iso_day(slots["day"], slots["month"]) if dated else None,
        "express": express,
    }
    return Case(
        messages=prompt(forms["system"], f"{opening}\n\n{body}\n\n{closing}"),
        reference=order,
        right=order,
        wrong=tuple(order | slip for slip in _order_slips(order, other, slots)),
        wordings=_json_texts,
        difficulty=1.0 + dated + coloured,
        schema=ORDER_SCHEMA,
    )


def faq_from_context(rng: Random) -> Case:
    """A short answer from a page of the handbook; exceptions are where hasty reading shows."""
    forms = templates("faq_from_context")
    slots = Slots(rng)
    topic = rng.choice(forms["topics"])
    for fact in topic["facts"]:
        slots.update({k: str(rng.choice(v)) for k, v in fact["values"].items()})
    fact = rng.choice(topic["facts"])
    slots["title"] = topic["title"]
    slots["context"] = slots.fill(" ".join(f["text"] for f in topic["facts"]))
    slots["question"] = slots.fill(rng.choice(forms["leads"])) + rng.choice(fact["ask"])
    answer = slots.fill(fact["answer"])
    return Case(
        messages=prompt(SHOP, slots.fill(forms["instructions"])),
        reference=answer,
        right=answer,
        wrong=tuple(slots.fill(h) for h in fact["hasty"]),
        wordings=_short_texts,
        difficulty=4.0 if fact.get("hard") else 1.0,
    )


def address_format(rng: Random) -> Case:
    """Short formatting: an address as typed → one line in a fixed form."""
    forms = templates("address_format")
    slots = Slots(rng)
    country = rng.choice(forms["countries"])
    street, number = rng.choice(country["streets"]), str(rng.randint(1, 148))
    unit = slots.fill(rng.choice(forms["units"]))
    city, slots["other_city"] = rng.sample(country["cities"], 2)
    code, slots["city"] = country["code"], city
    slots["country"] = rng.choice(country["names"])
    slots["postcode"] = postcode = _postcode(rng, country["postcode"])
    usual, other = f"{street} {number}", f"{number} {street}"
    if not country["street_first"]:
        usual, other = other, usual
    full = f"{usual}, {unit}" if unit else usual
    slots["street_line"] = full if rng.random() < 0.7 or not unit else f"{unit}, {usual}"
    asked = slots.fill(rng.choice(forms["as_typed"]))

    def line(street: str = full, place: str = f"{postcode} {city}", code: str = code) -> str:
        return f"{slots['name']}; {street}; {place}; {code}"

    wrong = [line(code=country["mistaken"]), line(place=f"{city} {postcode}")]
    wrong.append(line(street=usual) if unit else line(street=other))
    return Case(
        messages=prompt(forms["system"], asked),
        reference=line(),
        right=line(),
        wrong=tuple(wrong),
        wordings=lambda text: (text, f"{text}\n"),
        difficulty=1.5 if unit else 1.0,
    )


def prompt(system: str, user: str) -> tuple[Mapping[str, str], ...]:
    """A request of two messages: the instructions and what is to be done."""
    return ({"role": "system", "content": system}, {"role": "user", "content": user})


def _short_texts(text: str) -> tuple[str, ...]:
    return (text, text[:1].upper() + text[1:], f"{text}.")


def _json_texts(value: Json) -> tuple[str, ...]:
    return (
        json.dumps(value, separators=(",", ":")),
        json.dumps(value),
        json.dumps(value, indent=2),
    )


def _plural(item: str) -> str:
    return item + "es" if item.endswith(("ch", "s", "x")) else item + "s"


def _iso_day(day: str, month: str) -> str:
    return f"2027-{templates('words')['words']['month'].index(month) + 1:02d}-{int(day):02d}"


def _order_slips(order: Mapping[str, Json], other: int, slots: Slots) -> list[dict[str, Json]]:
    """Single fields as hasty readers get them wrong."""
    slips: list[dict[str, Json]] = [{"quantity": other}, {"express": not order["express"]}]
    if order["needed_by"] is not None:
        month, day = order["needed_by"][5:7], order["needed_by"][8:]
        swapped = f"2027-{day}-{month}" if int(day) <= 12 and day != month else None
        slips.insert(0, {"needed_by": swapped})
    if order["colour"] is not None:
        slips.append({"colour": None})
    if "city2" in slots:
        slips.insert(0, {"ship_to": slots["city2"]})
    return slips


def _postcode(rng: Random, pattern: str) -> str:
    drawn = {"9": "123456789", "A": "ABCDEFGHJKLMNPRSTUVWXYZ"}
    return "".join(rng.choice(drawn.get(sign, sign)) for sign in pattern)
