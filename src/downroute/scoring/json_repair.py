"""The answer is JSON, perhaps after mending, which counts as a defect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from downroute.answers.json_value import find_json, read_json
from downroute.answers.same import same_json
from downroute.errors import UsageError
from downroute.records import Answer, Json, Score
from downroute.scoring.scorer import PASS, fail


@dataclass(frozen=True, slots=True)
class JsonRepair:
    """0 to 1: 1 where the whole answer is JSON; ``repaired`` (0.5) where a tolerant reader gets the
    object or array out of it, from prose or by mending it (`answers.tolerant_json`), since whoever
    uses it must do that too; 0 where nothing can be read. A Markdown fence alone is no defect
    unless ``fenced: false``. What the JSON says does not count.

    Raises:
        UsageError: ``repaired`` is outside [0, 1].
    """

    name: ClassVar[str] = "json_repair"
    needs_reference: ClassVar[bool] = False
    repaired: float = 0.5
    fenced: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.repaired <= 1:
            raise UsageError(f"repaired is a score from 0 to 1, not {self.repaired:g}")

    def score(self, answer: Answer, reference: Json, request: Mapping[str, Json]) -> Score:  # noqa: ARG002
        if read_json(answer.text, fenced=self.fenced) is not None:
            return PASS
        found = find_json(answer.text)
        if found is None:
            return fail("no JSON can be read")
        how = "it had to be mended" if found.repaired else "it stands in a fence or in prose"
        return Score(self.repaired, how)

    def same(self, first: Answer, second: Answer) -> bool:
        scores = [self.score(answer, None, {}).value for answer in (first, second)]
        return scores[0] == scores[1] and same_json(first, second)
