r"""PURE: the number that an answer states.

Read: signs (``-``, ``−``, "minus"), thousands groups (``1,234``, ``1,00,000``, ``1.234.567``,
``1'234``, ``1 234`` with a non-breaking space, LaTeX ``10{,}000``), decimal points, decimal commas
(``12,5``, ``1.234,56``), fractions and mixed numbers (``3/4``, ``2 1/2``, ``½``, ``\frac{3}{4}``),
powers of ten (``1.2e-5``, ``3 × 10^8``), percent signs, currencies and units before and after,
scale words and letters (``5 million``, ``2.5k``, ``$3M``), ``\boxed{…}``, ``#### …``.

A comma or point before exactly three digits is read as English does: ``1,234`` is 1234 and
``1.234`` is 1.234; only ``0,125`` must be a decimal comma. Not numbers: dates, times of day,
versions, ranges, lists (``1,2,3``), numbers inside words, powers, roots and multiples of π, other
bases (``221_3``), number words ("five"), accounting brackets.
"""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass

from downroute.answers.stated import stated, unescaped_latex

MAX_CHARS = 20_000
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
        return any(
            abs(a - b) <= max(absolute, relative * abs(b), 1e-9 * abs(b)) for a, b in pairs
        )


def number_in(text: str) -> Number | None:
    """The number a text ends up with, ``None`` where it states none.

    What is marked as the answer wins (see `stated`), else the last sentence with a number counts.
    In it: the number after the last ``=`` or ``:``, else the first where a short line begins with
    it ("53 feet (636 inches)"), else the last.
    """
    text = unescaped_latex(text[-MAX_CHARS:])
    marked = stated(text)
    if marked is not None:
        found = _settled(_plain(marked))
        if found is not None:
            return found
    for sentence in reversed(_SENTENCE_END.split(_plain(text))):
        found = _settled(sentence)
        if found is not None:
            return found
    return None


_SHORT_LINE = 80
_SENTENCE_END = re.compile(r"\n+|(?<=[.!?。])\s+(?=\D)")
_CONCLUSION = re.compile(r"(?:[=≈→]|:(?=\s))\s*")
_LEAD = re.compile(r"(?:\W|about|approximately|approx|around|roughly|nearly|ca|circa|etwa)*", re.IGNORECASE)
_NUMBER = re.compile(
    r"""
    (?<![A-Za-z0-9_^√\\]) (?<!\d[-.,/:]) (?<!\d[ ]-[ ]) (?<!\\sqrt\{) (?<![_^]\{)
    (?:(?P<minus>(?<![A-Za-z0-9)])-\s?|minus\s|negative\s) | \+)?
    (?:(?:US|AU|CA|HK|NZ)?[$€£¥₹₽₩]\s?|(?:USD|EUR|GBP|CHF|INR|Rs\.?)\s?)?
    (?P<inner_minus>-)?
    (?:
        (?P<whole>\d+)\s+(?P<over>\d+)/(?P<under>\d+)
      | (?P<numerator>\d+(?:\.\d+)?)\s?/\s?(?P<denominator>\d+(?:\.\d+)?)(?!\s?/)
      | (?P<english>(?!0,)\d{1,3}(?:,\d{2,3})*,\d{3}(?:\.\d+)?)
      | (?P<continental>\d{1,3}(?:\.\d{3})+,\d+|\d{1,3}(?:\.\d{3}){2,}|\d+,\d+)
      | (?P<plain>\d+\.\d+|\d+|\.\d+)
    )
    (?: [eE](?P<exponent>[+-]?\d{1,3})(?!\w) | \s?[x*·]\s?10\s?\^\s?\{?\(?(?P<power>[+-]?\d{1,3})\)?\}? )?
    (?! \d | [.,/:]\d | \s?-\s?\d | \s?[\^_√π] | \s?\\(?:pi|sqrt) )
    (?: \s?(?P<scale>thousand|million|billion|trillion)\b | (?P<letter>(?-i:bn|mn|[kKMB]))\b )?
    (?P<percent>\s?(?:%|percent\b|per\ cent\b|prozent\b))?
    """,
    re.VERBOSE | re.IGNORECASE,
)
_SCALES = {
    "thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12,
    "k": 1e3, "m": 1e6, "mn": 1e6, "b": 1e9, "bn": 1e9,
}  # fmt: skip


def _settled(line: str) -> Number | None:
    line = line.strip()
    concluded = list(_CONCLUSION.finditer(line))
    if concluded:
        after = _read(_NUMBER.search(line, concluded[-1].end()))
        if after is not None:
            return after
    matches = list(_NUMBER.finditer(line))
    if not matches:
        return None
    lead = _LEAD.match(line)
    begins = lead is not None and lead.end() >= matches[0].start()
    return _read(matches[0] if begins and len(line) <= _SHORT_LINE else matches[-1])


def _read(match: re.Match[str] | None) -> Number | None:
    if match is None:
        return None
    try:
        value = _magnitude(match)
    except (ZeroDivisionError, OverflowError):
        return None
    value *= _SCALES.get((match["scale"] or match["letter"] or "").lower(), 1.0)
    if match["minus"] or match["inner_minus"]:
        value = -value
    if not math.isfinite(value):
        return None
    return Number(value, percent=match["percent"] is not None)


def _magnitude(match: re.Match[str]) -> float:
    if match["whole"]:
        return float(match["whole"]) + float(match["over"]) / float(match["under"])
    if match["numerator"]:
        return float(match["numerator"]) / float(match["denominator"])
    if match["english"]:
        digits = match["english"].replace(",", "")
    elif match["continental"]:
        digits = match["continental"].replace(".", "").replace(",", ".")
    else:
        digits = match["plain"]
    exponent = match["exponent"] or match["power"]
    return float(f"{digits}e{exponent}" if exponent else digits)


_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
_SUPERSCRIPT_RUN = re.compile(r"(?<=[\d)])[⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+")
_VULGAR = re.compile(r"(?<=\d)(?=[¼½¾⅐-⅞])")
_GROUP_SPACE = re.compile(r"(?<=\d)(?:[\u00a0\u202f\u2009'’]|\\[,!;:]|\{,\}|,\\!)(?=\d{3}(?!\d))")
_REWRITES = (
    (re.compile(r"(?<=\d)\\[dt]?frac"), r" \\frac"),
    (re.compile(r"\\[dt]?frac\s*\{\s*(\d+)\s*\}\s*\{\s*(\d+)\s*\}"), r"\1/\2"),
    (re.compile(r"\\[dt]?frac\s*(\d)\s*(\d)"), r"\1/\2"),
    (re.compile(r"\\(?:text|mathrm|mathbf|textbf|mbox)\s*\{([^{}]*)\}"), r" \1 "),
    (re.compile(r"\^\s*\{?\\?circ\}?"), "°"),
    (re.compile(r"\\times|\\cdot|×"), "x"),
    (re.compile(r"\\approx|\\simeq"), "≈"),
    (re.compile(r"\\left|\\right"), ""),
    (re.compile(r"\\(?=[$%])"), ""),
    (re.compile(r"\\[,!;: ()\[\]]"), " "),
    (re.compile(r"\*\*|__"), ""),
)


def _plain(text: str) -> str:
    """The text with LaTeX, typographic and full-width forms of numbers as plain ones."""
    text = _GROUP_SPACE.sub("", text)
    text = _SUPERSCRIPT_RUN.sub(lambda m: "^" + m.group().translate(_SUPERSCRIPTS), text)
    text = unicodedata.normalize("NFKC", _VULGAR.sub(" ", text)).replace("\u2044", "/")
    for pattern, plain in _REWRITES:
        text = pattern.sub(plain, text)
    return text.replace("−", "-").replace("–", "-").replace("—", "-")
