"""The answer is XML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from downroute.answers.markup import markup, xml_fault
from downroute.records import Answer, Json, Score
from downroute.scoring.scorer import PASS, fail


@dataclass(frozen=True, slots=True)
class Xml:
    """0 or 1: 1 where the answer, or what one Markdown fence around it holds, is well-formed XML
    with all of the elements ``tags``; with ``anywhere: true`` prose may stand around it. Document
    types and their entities are refused. What the XML says does not count."""

    name: ClassVar[str] = "xml"
    needs_reference: ClassVar[bool] = False
    tags: tuple[str, ...] = ()
    anywhere: bool = False

    def score(self, answer: Answer, reference: Json, request: Mapping[str, Json]) -> Score:  # noqa: ARG002
        text = markup(answer.text, anywhere=self.anywhere)
        if not text:
            return fail("the answer holds no XML")
        fault, names = xml_fault(text)
        if fault is not None:
            return fail(f"no well-formed XML: {fault}")
        missing = [tag for tag in self.tags if tag not in names]
        return fail(f"no element {', '.join(missing)}") if missing else PASS

    def same(self, first: Answer, second: Answer) -> bool:
        return (first.text or "").strip() == (second.text or "").strip()
