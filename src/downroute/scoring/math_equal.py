"""The answer's mathematical expression equals the reference's."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, ClassVar

from downroute.answers.final_value import as_text, final_reference, final_value
from downroute.answers.label import same_text
from downroute.answers.same import same_final_text
from downroute.answers.stated import stated, unescaped_latex
from downroute.records import Answer, Json, Score
from downroute.scoring.extra import load, require
from downroute.scoring.scorer import PASS, acceptable, fail

TIMEOUT_S = 5
MAX_CHARS = 2000
"""Of a longer answer the end is read, where its result stands."""


@dataclass(frozen=True, slots=True)
class MathEqual:
    r"""0 or 1: 1 where the answer (or its JSON ``field``) comes to an expression equal to the
    reference, as math-verify reads both: LaTeX or plain, fractions, roots, intervals, sets,
    matrices, equations (``\frac12`` is 0.5, ``x=3`` is 3). Rounded to 6 places. Texts that are
    equal pass unread. A reference that holds no expression is unscored; an answer that holds none
    fails. Each comparison has 5 seconds.

    Raises:
        UsageError: math-verify is not installed.
    """

    name: ClassVar[str] = "math_equal"
    needs_reference: ClassVar[bool] = True
    field: str | None = None

    def __post_init__(self) -> None:
        require(self.name, "math_verify", "math")

    def score(self, answer: Answer, reference: Json, request: Mapping[str, Json]) -> Score:  # noqa: ARG002
        wanted = final_reference(reference, self.field)
        if wanted.missing is not None:
            return Score.unscored(wanted.missing)
        texts = [text for text in map(as_text, acceptable(wanted.value)) if text.strip()]
        said = final_value(answer, self.field)
        if any(said.text is not None and same_text(said.text, text) for text in texts):
            return PASS
        gold = [expressions for expressions in map(_parsed, texts) if expressions]
        if not gold:
            return Score.unscored("the reference holds no mathematical expression")
        if said.text is None:
            return fail(said.missing or "the answer has no text")
        told = _parsed(said.text)
        if not told:
            return fail("the answer holds no mathematical expression")
        found = [_equal(expressions, told) for expressions in gold]
        if True in found:
            return PASS
        if None in found:
            return Score.unscored(f"the comparison takes longer than {TIMEOUT_S} s")
        return fail("another expression")

    def same(self, first: Answer, second: Answer) -> bool:
        return same_final_text(first, second, self.field, case=True)


def _timeout() -> int | None:
    """math-verify keeps time by a signal, which only the main thread may set."""
    return TIMEOUT_S if threading.current_thread() is threading.main_thread() else None


@cache
def _library() -> Any:
    logging.getLogger("math_verify").addHandler(
        logging.NullHandler()
    )  # it logs what it cannot read
    return load("math_verify")


_WORD = re.compile(r"[^\W\d_]{3,}")
_FUNCTIONS = frozenset({"sqrt", "sin", "cos", "tan", "log", "exp", "min", "max", "mod", "inf"})


def _is_formula(text: str) -> bool:
    """Whether a text without ``$`` may be read as LaTeX, in which a word is a product of letters,
    so that ``listen`` would equal ``silent``."""
    return "$" not in text and ("\\" in text or set(_WORD.findall(text)) <= _FUNCTIONS)


@lru_cache(maxsize=4096)
def _parsed(text: str) -> tuple[Any, ...]:
    """The expressions in a text, of a marked conclusion those alone; empty where there are none."""
    text = unescaped_latex(text)
    told = (stated(text) or text)[-MAX_CHARS:]
    for written in (f"${told}$" if _is_formula(told) else told, told):
        found = _library().parse(written, parsing_timeout=_timeout())
        if found:
            return tuple(found)
    return ()


def _equal(gold: tuple[Any, ...], told: tuple[Any, ...]) -> bool | None:
    """``None`` where it could not be said in time."""
    started = time.monotonic()
    equal = _library().verify(list(gold), list(told), timeout_seconds=_timeout())
    if not equal and time.monotonic() - started >= TIMEOUT_S:
        return None
    return bool(equal)
