"""PURE: the built-in patterns of redaction. Each is linear in the length of the text."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from downroute.store.redaction_numbers import IBAN, IPV4, IPV6, SSN, iban_or_same, ipv6_or_same


def redacted(text: str) -> str:
    """``text`` with what the patterns find replaced by its kind in brackets."""
    for rule in _RULES:
        if rule.may_apply(text):
            text = rule.pattern.sub(rule.replacement, text)
    return text


class _Rule(NamedTuple):
    """One pattern. Most texts hold none of ``hints`` (in lower case) and are not searched."""

    pattern: re.Pattern[str]
    replacement: str | Callable[[re.Match[str]], str]
    hints: tuple[str, ...] = ()
    at_least: int = 0
    digits: bool = False

    def may_apply(self, text: str) -> bool:
        if len(text) < self.at_least or (self.digits and not _SEVEN_DIGITS.search(text)):
            return False
        if not self.hints:
            return True
        lower = text.lower()
        return any(hint in lower for hint in self.hints)


def _card_or_same(match: re.Match[str]) -> str:
    found = match.group()
    return "[card]" if is_card(re.sub(r"[ -]", "", found)) else found


def is_card(digits: str) -> bool:
    """A card number's length and first digit, and its check digit by Luhn (ISO/IEC 7812-1)."""
    if not (digits.isdecimal() and 13 <= len(digits) <= 19 and digits[0] in "23456"):
        return False
    doubled = (sum(divmod(int(d) * 2, 10)) for d in digits[-2::-2])
    return (sum(doubled) + sum(int(d) for d in digits[-1::-2])) % 10 == 0


_SEVEN_DIGITS = re.compile(r"\d(?:[ ()./-]{0,3}\d){6}")

# In this order: a block of data or a key may hold what looks like a number.
_RULES = (
    _Rule(re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{256,}={0,2}"), "[data]", at_least=256),
    _Rule(
        re.compile(
            r"""-----BEGIN[ ][A-Z ]*PRIVATE[ ]KEY-----
                  .*?(?:-----END[ ][A-Z ]*PRIVATE[ ]KEY-----|\Z)
              | (?<![A-Za-z0-9])(?:
                  (?:sk|pk|rk)[-_][A-Za-z0-9_-]{16,}
                | gh[pousr]_[A-Za-z0-9]{20,} | github_pat_[A-Za-z0-9_]{20,}
                | glpat-[A-Za-z0-9_-]{16,} | xox[abeprs]-[A-Za-z0-9-]{10,}
                | hf_[A-Za-z0-9]{20,} | npm_[A-Za-z0-9]{20,} | (?:AKIA|ASIA)[0-9A-Z]{16}
                | AIza[0-9A-Za-z_-]{30,} | ya29\.[0-9A-Za-z_-]{20,}
                | eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*
                )""",
            re.VERBOSE | re.DOTALL,
        ),
        "[key]",
        hints=(
            *("private key", "sk-", "sk_", "pk-", "pk_", "rk-", "rk_", "gh", "glpat-", "xox"),
            *("hf_", "npm_", "akia", "asia", "aiza", "ya29.", "eyj"),
        ),
    ),
    _Rule(
        re.compile(
            r"\b(bearer|basic)(\s+)(?=[\w.~+/-]{0,99}[\d=._-])[\w.~+/-]{12,}=*", re.IGNORECASE
        ),
        r"\1\2[key]",
        hints=("bearer", "basic"),
    ),
    _Rule(
        re.compile(
            r"""((?:api|access|secret|private|auth)[_ -]?(?:key|token)
                  |secret|passw(?:or)?d|passphrase)
                (["']?\s*[:=]\s*["']?)(?=[^\s"',;]{0,99}\d)[^\s"',;()]{8,}""",
            re.IGNORECASE | re.VERBOSE,
        ),
        r"\1\2[key]",
        hints=("key", "token", "secret", "passw", "passphrase"),
    ),
    _Rule(
        re.compile(r"(?<![\w.%+-])[\w.%+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+"),
        "[email]",
        hints=("@",),
    ),
    _Rule(IBAN, iban_or_same, digits=True),
    _Rule(SSN, "[ssn]", digits=True),
    _Rule(IPV6, ipv6_or_same, hints=(":",)),
    _Rule(IPV4, "[ip]", hints=(".",)),
    _Rule(re.compile(r"(?<![\d.])\d(?:[ -]?\d){12,18}(?!\d|\.\d)"), _card_or_same, digits=True),
    _Rule(
        re.compile(
            r"""(?<![\w.+])(?:\+|00)[1-9]\d{0,2}(?:[ ./-]?\(0?\d{1,4}\))?
                  (?:[ ./-]?\d){6,13}(?!\w)
              | (?<![\w./-])(?:1[ .-])?(?:\(\d{3}\)[ ]?|\d{3}[ .-])\d{3}[ .-]\d{4}
                  (?![\w/-]|\.\d)
              | (?<![\w./:-])0\d{2,4}[ /-]\d{3,8}(?:[ -]\d{2,5}){0,3}(?![\w/:-]|\.\d)
              | (?<![\w./:-])0\d(?:[ .-]\d\d){4}(?![\w/:-]|\.\d)""",
            re.VERBOSE,
        ),
        "[phone]",
        digits=True,
    ),
    _Rule(
        re.compile(
            r"\b(phone|tel|telephone|mobile|cell|fax|whatsapp)(\b[^\d\n]{0,20})\d{7,15}(?!\w)",
            re.IGNORECASE,
        ),
        r"\1\2[phone]",
        hints=("phone", "tel", "mobile", "cell", "fax", "whatsapp"),
        digits=True,
    ),
)
