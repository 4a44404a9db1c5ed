"""Account numbers and addresses that can be told from other text by their own rules."""

from __future__ import annotations

import ipaddress
import re

IBAN = re.compile(
    r"(?<![A-Z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?![A-Z0-9])",
    re.IGNORECASE,
)
SSN = re.compile(r"(?<![\w-])(?!000|666|9)\d{3}([- ])(?!00)\d\d\1(?!0000)\d{4}(?![\w-])")
"""A US social security number; areas 000, 666, 9xx are never given out."""
_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
IPV4 = re.compile(rf"(?<![\w.])(?:{_OCTET}\.){{3}}{_OCTET}(?!\w|\.\d)")
IPV6 = re.compile(r"(?<![\w:.])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?![\w:]|\.\d)", re.IGNORECASE)


def iban_or_same(match: re.Match[str]) -> str:
    """The longest start of the match whose check digits are right (ISO 13616) replaced: behind an
    account number in groups may stand another word of capitals."""
    found = match.group()
    ends = [len(found), *(m.start() for m in reversed(list(re.finditer(" ", found))))]
    for end in ends:
        if _is_iban(found[:end].replace(" ", "").upper()):
            return f"[iban]{found[end:]}"
    return found


def ipv6_or_same(match: re.Match[str]) -> str:
    """An address replaced; one group has three digits, as ``1::2`` is likelier a slice of code."""
    found = match.group()
    if not re.search(r"[0-9a-fA-F]{3}", found) or not re.search(r"\d", found):
        return found
    try:
        ipaddress.IPv6Address(found)
    except ValueError:
        return found
    return "[ip]"


def _is_iban(text: str) -> bool:
    if not 15 <= len(text) <= 34:
        return False
    return int("".join(str(int(c, 36)) for c in text[4:] + text[:4])) % 97 == 1
