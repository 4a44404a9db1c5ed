"""Taking personal and secret strings out of requests and answers before they are kept.

Patterns find what has a form: e-mail addresses, phone, card, bank account and US social security
numbers, IP addresses, keys and tokens, and blocks of encoded data, which no pattern can look into.
Names and addresses have no form; whoever must keep those out keeps no bodies, or adds patterns of
their own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from msgspec import structs

from downroute.errors import ConfigError
from downroute.records import Answer, Json, TokenLogprob, ToolCall
from downroute.store.own_patterns import OwnPatterns
from downroute.store.redaction_numbers import IBAN, IPV4, IPV6, SSN, iban_or_same, ipv6_or_same

DROPPED = "[dropped]"
"""What stands for a text that could not be redacted in time."""


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
    return "[card]" if _is_card(re.sub(r"[ -]", "", found)) else found


def _is_card(digits: str) -> bool:
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


class Redaction:
    """The patterns in force: the built-in ones, then ``extra`` (each match becomes "[custom]").
    A text on which ``extra`` takes too long becomes `DROPPED`, and ``dropped`` hears of it; see
    `OwnPatterns`, also for ``patience_s``.

    Raises:
        ConfigError: an extra pattern is no regular expression.
    """

    def __init__(
        self,
        extra: Iterable[str] = (),
        patience_s: float | None = None,
        dropped: Callable[[], None] = lambda: None,
    ) -> None:
        patterns = tuple(extra)
        for pattern in patterns:
            _refuse_if_none(pattern)
        self._extra = OwnPatterns(patterns, patience_s, dropped)

    def text(self, text: str) -> str:
        """``text`` with what the patterns find replaced by its kind in brackets."""
        for rule in _RULES:
            if rule.may_apply(text):
                text = rule.pattern.sub(rule.replacement, text)
        replaced = self._extra.replaced(text)
        return DROPPED if replaced is None else replaced

    def close(self) -> None:
        """End what runs for ``extra``; it starts again when it is needed."""
        self._extra.close()

    def value(self, value: Json) -> Json:
        """A JSON value with every string in it redacted, keys and JSON inside strings as well."""
        if isinstance(value, str):
            return self.json_text(value) if value[:1] in ("{", "[") else self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(k)): self.value(v) for k, v in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.value(v) for v in value]
        if isinstance(value, int) and not isinstance(value, bool):
            digits = str(value)
            return "[card]" if _is_card(digits) else value
        return value

    def json_text(self, text: str) -> str:
        """JSON text with its values redacted, so that it still parses; other text as text."""
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return self.text(text)
        redacted = self.value(value)
        return text if redacted == value else json.dumps(redacted, ensure_ascii=False)

    def answer(self, answer: Answer) -> Answer:
        """An answer, redacted. Where its text changed, its tokens would spell the text out
        again: then their log-probabilities stay and their words go."""
        text = self._maybe(answer.text)
        tokens = answer.logprobs
        if tokens is not None and text != answer.text:
            tokens = tuple(TokenLogprob(token="", logprob=t.logprob) for t in tokens)
        return structs.replace(
            answer,
            text=text,
            refusal=self._maybe(answer.refusal),
            tool_calls=tuple(
                ToolCall(call.name, self.json_text(call.arguments), call.id)
                for call in answer.tool_calls
            ),
            logprobs=tokens,
        )

    def _maybe(self, text: str | None) -> str | None:
        return None if text is None else self.value(text)


def _refuse_if_none(pattern: str) -> None:
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as fault:
        raise ConfigError(
            f"redaction pattern {pattern!r} is not a regular expression: {fault}"
        ) from None
