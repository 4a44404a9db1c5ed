"""The answer is HTML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from downroute.answers.markup import html_fault, markup
from downroute.records import Answer, Json, Score
from downroute.scoring.scorer import PASS, fail


@dataclass(frozen=True, slots=True)
class Html:
    """0 or 1: 1 where the answer, or what one Markdown fence around it holds, is HTML with all of
    the elements ``tags``, each element closed in its order; with ``anywhere: true`` prose may stand
    around it. End tags that HTML lets one leave out may be left out. It is a check of tags, not a
    validator's verdict on attributes and content; what the HTML says does not count."""

    name: ClassVar[str] = "html"
    needs_reference: ClassVar[bool] = False
    tags: tuple[str, ...] = ()
    anywhere: bool = False

    def score(self, answer: Answer, reference: Json, request: Mapping[str, Json]) -> Score:  # noqa: ARG002
        text = markup(answer.text, anywhere=self.anywhere)
        if not self.anywhere and not text.startswith("<"):
            return fail("the answer is not HTML alone")
        fault, names = html_fault(text)
        if fault is not None:
            return fail(fault)
        missing = [tag for tag in self.tags if tag.lower() not in names]
        return fail(f"no element {', '.join(missing)}") if missing else PASS

    def same(self, first: Answer, second: Answer) -> bool:
        return (first.text or "").strip() == (second.text or "").strip()
