r"""PURE: the number that an answer states.

Read: signs (``-``, ``−``, "minus"), thousands groups (``1,234``, ``1,00,000``, ``1.234.567``,
``1'234``, ``1 234``, LaTeX ``10{,}000``), decimal points, decimal commas
(``12,5``, ``1.234,56``), fractions and mixed numbers (``3/4``, ``2 1/2``, ``½``, ``\frac{3}{4}``),
powers of ten (``1.2e-5``, ``3 × 10^8``), percent signs, currencies and units before and after,
scale words and letters (``5 million``, ``2.5k``, ``$3M``), ``\boxed{…}``, ``#### …``.

A comma or point before exactly three digits is read as English does: ``1,234`` is 1234 and
``1.234`` is 1.234; only ``0,125`` must be a decimal comma. Not numbers: dates, times of day,
versions, ranges, lists (``1,2,3``, "3 and 4"), numbers inside words (``GPT-4``), sums and products
left undone, powers, roots, multiples of π, other bases (``221_3``), number words ("five").
Brackets make no number negative.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from downroute.answers.final_value import final_value
from downroute.answers.number_text import numbers_in, typed
from downroute.answers.stated import stated, unescaped_latex
from downroute.records import Answer, Json

MAX_CHARS = 5_000
"""Only this much of a text's end is searched for a number."""


@dataclass(frozen=True, slots=True)
class Number:
    """``percent``: the value was followed by a percent sign (``50 %`` is 50 with the mark)."""

    value: float
    percent: bool = False

    def is_close(self, other: Number, *, absolute: float = 0.0, relative: float = 1e-9) -> bool:
        """Equal within ``absolute`` or ``relative`` (to ``other``). ``50 %`` equals both 50, as
        people write it, and 0.5, as it is."""
        pairs = [(self.value, other.value)]
        if self.percent and not other.percent:
            pairs.append((self.value / 100, other.value))
        if other.percent and not self.percent:
            pairs.append((self.value, other.value / 100))
        return any(abs(a - b) <= max(absolute, relative * abs(b), 1e-9 * abs(b)) for a, b in pairs)


def number_in(text: str) -> Number | None:
    """The number a text ends up with, ``None`` where it states none.

    What is marked as the answer wins (see `stated`), else the last sentence with a number counts.
    In it: the number after the last ``=`` or ``:``, else the first where a short line begins with
    it ("53 feet (636 inches)"), else the last.
    """
    text = unescaped_latex(text[-MAX_CHARS:])
    marked = stated(text)
    if marked is not None:
        found = _settled(typed(marked))
        if found is not None:
            return found
    for sentence in reversed(_SENTENCE_END.split(typed(text))):
        found = _settled(sentence)
        if found is not None:
            return found
    return None


def is_measure(text: str) -> bool:
    """Whether a short text is a number and at most its unit: "about 53 feet", not "Apollo 11"."""
    text = typed(unescaped_latex(stated(text) or text)).strip()
    written = numbers_in(text)
    lead = _LEAD.match(text)
    begins = bool(written) and lead is not None and lead.end() >= written[0].start
    return begins and len(re.findall(r"[^\W\d_]+", text)) <= 4


def final_number(answer: Answer, field: str | None = None) -> Number | None:
    """The number an answer comes to; ``None`` where it comes to none."""
    return as_number(final_value(answer, field).value)


def as_number(value: Json) -> Number | None:
    """A JSON number, the number a text states, or that of a list's only item."""
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return _finite(value)
    if isinstance(value, str):
        return number_in(value)
    if isinstance(value, list) and len(value) == 1:
        return as_number(value[0])
    return None


_SHORT_LINE = 80
_SENTENCE_END = re.compile(r"\n+|(?<=[.!?。])\s+(?=\D)")
_CONCLUSION = re.compile(r"(?:[=≈→]|:(?=\s))\s*")
_LEAD = re.compile(
    r"(?:\W|\b(?:about|approximately|approx|around|roughly|nearly|ca|circa|etwa)\b)*", re.IGNORECASE
)


def _settled(line: str) -> Number | None:
    line = line.strip()
    written = numbers_in(line)
    if not written:
        return None
    concluded = [m.end() for m in _CONCLUSION.finditer(line)]
    after = [w for w in written if concluded and w.start >= concluded[-1]]
    if after:
        picked = after[0]
    else:
        lead = _LEAD.match(line)
        begins = lead is not None and lead.end() >= written[0].start
        picked = written[0] if begins and len(line) <= _SHORT_LINE else written[-1]
    return Number(picked.value, picked.percent)


def _finite(value: int | float) -> Number | None:
    try:
        number = float(value)
    except OverflowError:
        return None
    return Number(number) if math.isfinite(number) else None
