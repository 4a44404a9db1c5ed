"""What a study is asked to find out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

from downroute.prompts import digest
from downroute.records import Json


@dataclass(frozen=True, slots=True)
class StudySettings:
    """Is a candidate within ``margin`` of the baseline on these tasks?

    ``margin`` is absolute in score (0.05 = five points), or a share of the baseline's mean score
    where ``relative``. ``confidence`` is one-sided. ``examples`` is the most a task may use.
    ``replace``: the baseline is being retired, so savings do not matter. ``scorer`` is what the
    command line names; a task's own scorer from the configuration goes before it.
    """

    baseline: str
    candidates: tuple[str, ...]
    tasks: tuple[str, ...] = ()
    scorer: str | None = None
    margin: float = 0.05
    relative: bool = False
    confidence: float = 0.95
    examples: int = 500
    replace: bool = False
    budget_usd: float | None = None
    seed: int = 0
    cascade: bool = True
    """Whether a cascade is looked for where the candidate alone is not shown."""
    self_check: bool = True
    """Whether a cascade's candidate may be asked what it thinks of its own answers."""
    helper: str | None = None
    """The model whose agreement with the candidate a cascade may ask for."""
    strict: bool = False
    """Fit a cascade's score on one half of the pairs and test it on the other."""
    target_escalation: float | None = None
    """Of the cascades that are shown take the one that escalates about this share."""
    target_quality: float | None = None
    """Of the cascades that are shown take the cheapest whose mean score is so high."""
    calls_per_month: float | None = None
    repeats: int = 1
    floor: bool = False
    """Ask the baseline again on a tenth of the examples, to see how far it is from itself."""
    system: str | None = None
    """Replaces the system message of every request the candidates are sent."""
    system_name: str | None = None
    """What that prompt is called: the candidates' names end in it."""
    allow_unsandboxed_code: bool = False
    """Run programs without a sandbox where none can be had."""

    @property
    def alpha(self) -> float:
        """The one-sided error each candidate's test may make: the whole of 1 − confidence for
        one candidate, its share (Bonferroni) for several."""
        return (1.0 - self.confidence) / len(self.candidates)

    def model_of(self, candidate: str) -> str:
        """The model that is asked under the name of ``candidate``."""
        return candidate if self.system_name is None else candidate.removesuffix(self._with())

    def named(self, model: str) -> str:
        """The name of ``model`` as a candidate of this study."""
        return model if self.system_name is None else model + self._with()

    def _with(self) -> str:
        return f" with {self.system_name}"

    def as_json(self) -> dict[str, Json]:
        """The settings as the ledger keeps them, with their `identity`."""
        return {**asdict(self), "identity": self.identity()}

    @classmethod
    def from_json(cls, kept: Mapping[str, Json]) -> StudySettings:
        """The settings that `as_json` wrote; what an older version did not know has its default."""
        known: dict[str, Json] = {f.name: kept[f.name] for f in fields(cls) if f.name in kept}
        lists = {name: tuple(v) for name, v in known.items() if isinstance(v, list)}
        return cls(**(known | lists))

    def identity(self) -> str:
        """Equal for two runs of the same question; a run with another budget, without a sandbox
        or without the floor goes on with it."""
        facts = asdict(self)
        for name in ("budget_usd", "allow_unsandboxed_code", "floor"):
            del facts[name]
        return digest(facts)
