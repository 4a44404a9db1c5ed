"""PURE: the part of a text that states its final answer.

A conclusion is marked by ``\\boxed{…}``, by ``####`` (the GSM8K convention) or by words such as
"the answer is …". The last mark counts, because models correct themselves on the way.
"""

from __future__ import annotations

import re

MAX_BOXED = 1000
"""The longest contents of a box that are read, in characters."""

# Most texts bear no mark at all; these words show it at a fraction of the cost of the patterns.
_MARKS = (
    "box", "####", "answer", "choice", "option", "label", "category", "result", "output",
    "classification", "sentiment", "antwort", "réponse", "respuesta", "risposta", "resposta",
    "antwoord", "ответ", "答",
)  # fmt: skip
_BOXED = re.compile(r"\\(?:boxed|fbox)\s*(?P<open>\{)?")
_HASHES = re.compile(r"^\s*####\s*(?P<rest>\S.*)$", re.MULTILINE)
_PHRASE = re.compile(
    r"""(?: \b(?:final\ |correct\ |best\ |right\ )?(?:answer|choice|option|label|category)
            (?:\ (?:is|would\ be|should\ be))\b\s*:?
          | (?:^|[\n.!?*_]\s*)(?:[*_`\#>\s]*)(?:the\ )?(?:final\ |correct\ |best\ |right\ )?
            (?:answer|label|category|result|output|classification|sentiment)\s*[*_`]*\s*[:=]
          | (?:^|[\n.!?*_]\s*)(?:[*_`\#>\s]*)
            (?:antwort|réponse|respuesta|risposta|resposta|antwoord|ответ|答案|答え|回答)
            \s*[*_`]*\s*[:：]
        )\s*(?P<rest>[^\n]*)""",
    re.VERBOSE | re.IGNORECASE,
)


def boxed(text: str) -> str | None:
    r"""The contents of the last ``\boxed{…}``, braces balanced; ``None`` where there is none."""
    for match in reversed(list(_BOXED.finditer(text))[-3:]):
        if match["open"] is None:
            word = text[match.end() : match.end() + MAX_BOXED].split(maxsplit=1)
            return word[0] if word else None
        depth = 1
        for at in range(match.end(), min(len(text), match.end() + MAX_BOXED)):
            depth += {"{": 1, "}": -1}.get(text[at], 0)
            if depth == 0:
                return text[match.end() : at]
    return None


def stated(text: str) -> str | None:
    """What the text marks as its final answer, up to the end of that line; ``None`` = no mark."""
    lowered = text.lower()
    if not any(mark in lowered for mark in _MARKS):
        return None
    inside = boxed(text)
    if inside is not None:
        return inside
    for mark in (_HASHES, _PHRASE):
        matches = [_closed(m["rest"]) for m in mark.finditer(text)]
        told = [rest for rest in matches if rest]
        if told:
            return told[-1]
    return None


def _closed(rest: str) -> str:
    """``rest`` without the Markdown marks that began or end outside it (``**Answer:** B``)."""
    for mark in ("**", "__", "`"):
        if rest.count(mark) % 2:
            rest = rest.replace(mark, "", 1)
    return rest.strip()


def unescaped_latex(text: str) -> str:
    r"""``\frac`` and ``\boxed`` restored where a JSON string held them with one backslash only, so
    that they were read as a form feed and a backspace, which no answer means."""
    return text.replace("\x0c", "\\f").replace("\x08", "\\b")
