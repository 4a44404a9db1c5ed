r"""PURE: the numbers written in a text, each with where it stands.

A run of digits with its points, commas and the like is read as a whole, so a date, a version or a
range is never half read. Then what stands around it decides: signs, currencies, powers of ten,
scale words and percent signs belong to it; an operator, a root or a letter makes it part of
something that is no number.
"""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Written:
    """A number as it stands in ``text[start:end]``, sign and currency included."""

    start: int
    end: int
    value: float
    percent: bool


def numbers_in(text: str) -> list[Written]:
    """The numbers of a `typed` text, in order. Several in a row ("3, 4 and 5") are a list, not
    numbers that could each be meant, and are left out."""
    found: list[Written] = []
    at = 0
    while (match := _DIGITS.search(text, at)) is not None:
        written = _with_surroundings(text, match)
        at = match.end() if written is None else max(match.end(), written.end)
        if written is not None:
            found.append(written)
    listed: set[int] = set()
    for index, (one, other) in enumerate(pairwise(found)):
        if _LISTED.fullmatch(text, one.end, other.start):
            listed |= {index, index + 1}
    return [written for index, written in enumerate(found) if index not in listed]


def typed(text: str) -> str:
    """The text with LaTeX, typographic and full-width forms as one would type them."""
    text = _GROUP_MARK.sub("", text)
    text = _SUPERSCRIPT.sub(lambda m: "^" + m.group().translate(_SUPERSCRIPTS), text)
    text = unicodedata.normalize("NFKC", _VULGAR.sub(" ", text)).replace("\u2044", "/")
    for pattern, plain in _REWRITES:
        text = pattern.sub(plain, text)
    return text.translate(_DASHES)


_DIGITS = re.compile(
    r"""(?P<whole>\d+)\s(?P<mixed>\d+/\d+)(?![\d/])
      | (?P<spaced>[1-9]\d{0,2}(?:[ ]\d{3})+(?:[.,]\d+)?)(?![.,:/'-]?\d)
      | (?P<run>\d(?:[.,:/'-]?\d)*|\.\d+)""",
    re.VERBOSE,
)
_FRACTION = re.compile(r"(\d+(?:\.\d+)?)/(\d+(?:\.\d+)?)")
_ENGLISH = re.compile(r"(?!0,)\d{1,3}(?:,\d{2,3})*,\d{3}(?:\.\d+)?")
_CONTINENTAL = re.compile(r"\d{1,3}(?:\.\d{3})+,\d+|\d{1,3}(?:\.\d{3}){2,}|\d+,\d+")
_PLAIN = re.compile(r"\d*\.?\d+")

_WINDOW = 24
_LEADING = re.compile(
    r"""(?P<minus>(?<![\w)\]}])- | (?<![\w)\]}])(?<![\w)\]}]\s)-\s | \b(?:minus|negative)\s )?
        (?:(?:US|AU|CA|HK|NZ|C|A)?[$€£¥₹₽₩]\s? | \b(?:USD|EUR|GBP|CHF|INR)\s? | \bRs\.?\s?)?
        (?P<inner_minus>-)?$""",
    re.VERBOSE | re.IGNORECASE,
)
_NOT_AFTER = re.compile(
    r"""(?: [A-Za-z_^√\\] | [_^]\{ | (?:sqrt|log|ln|sin|cos|tan)\s?[({]?
          | [*/]\s? | [\w)\]}]\s?\+\s? | [\w)\]}]\s-\s | [\w)\]}]- )$""",
    re.VERBOSE,
)
_POWER = re.compile(
    r"[eE](?P<e>[+-]?\d{1,3})(?!\w)|\s?[x*·]\s?10\s?\^\s?[{(]?(?P<ten>[+-]?\d{1,3})[)}]?"
)
_NOT_BEFORE = re.compile(r"\s?[\^_√π*]|\s?\\?(?:pi|sqrt)\b|\s?\+\s?[\w\\(]|\s-\s?\d")
_SCALE = re.compile(
    r"\s?(?P<word>thousand|million|billion|trillion)\b|(?P<letter>(?-i:bn|mn|[kKMB]))\b",
    re.IGNORECASE,
)
_SCALES = {
    "thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12,
    "k": 1e3, "m": 1e6, "mn": 1e6, "b": 1e9, "bn": 1e9,
}  # fmt: skip
_PERCENT = re.compile(r"\s?(?:%|per\s?cent\b|prozent\b)", re.IGNORECASE)
_LISTED = re.compile(r"\s*(?:[,;]|(?:,\s*)?\b(?:and|or|und|oder|et|ou|y|o)\b)\s*", re.IGNORECASE)


def _with_surroundings(text: str, match: re.Match[str]) -> Written | None:
    value = _magnitude(match)
    before = text[max(0, match.start() - _WINDOW) : match.start()]
    lead = _LEADING.search(before)
    start = match.start() - (len(before) - lead.start() if lead else 0)
    signed = lead is not None and (lead["minus"] or lead["inner_minus"])
    if value is None or _NOT_AFTER.search(before[: len(before) - (match.start() - start)]):
        return None
    end = match.end()
    power = _POWER.match(text, end)
    if power is not None:
        value *= float(f"1e{power['e'] or power['ten']}")
        end = power.end()
    if _NOT_BEFORE.match(text, end):
        return None
    scale = _SCALE.match(text, end)
    if scale is not None:
        value *= _SCALES[(scale["word"] or scale["letter"]).lower()]
        end = scale.end()
    percent = _PERCENT.match(text, end)
    end = percent.end() if percent is not None else end
    if not math.isfinite(value):
        return None
    return Written(start, end, -value if signed else value, percent is not None)


def _magnitude(match: re.Match[str]) -> float | None:
    if match["mixed"]:
        part = _fraction(match["mixed"])
        return None if part is None else float(match["whole"]) + part
    digits = match["run"] or match["spaced"].replace(" ", "")
    if _FRACTION.fullmatch(digits):
        return _fraction(digits)
    digits = digits.replace("'", "") if _SWISS.fullmatch(digits) else digits
    if _ENGLISH.fullmatch(digits):
        return float(digits.replace(",", ""))
    if _CONTINENTAL.fullmatch(digits):
        return float(digits.replace(".", "").replace(",", "."))
    return float(digits) if _PLAIN.fullmatch(digits) else None


def _fraction(text: str) -> float | None:
    over, under = text.split("/")
    return float(over) / float(under) if float(under) else None


_SWISS = re.compile(r"\d{1,3}(?:'\d{3})+(?:\.\d+)?")
_DASHES = str.maketrans({"−": "-", "–": "-", "—": "-", "‑": "-", "’": "'"})
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
_SUPERSCRIPT = re.compile(r"(?<=[\d)])[⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+")
_VULGAR = re.compile(r"(?<=\d)(?=[¼½¾⅐-⅞])")
_GROUP_MARK = re.compile(r"(?<=\d)(?:[\u00a0\u202f\u2009]|\\[,!;:]|\{,\}|,\\!)(?=\d{3}(?!\d))")
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
