"""Adding up gateway calls one by one, in memory that grows with tasks and policies, not calls."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from downroute.records import Attempt, Call
from downroute.reports.accounts import (
    SELECTED,
    Account,
    Why,
    attempts,
    charge,
    mean_costs,
    why_unpriced,
)
from downroute.reports.estimates import Basis, RunningMean, spread
from downroute.reports.lines import Line, ModelLine

LOG = "baseline calls in the log"


@dataclass(slots=True)
class Cell:
    """Calls compared on one basis; ``None`` as basis = measured call by call."""

    calls: int = 0
    spent_usd: float = 0.0
    baseline_usd: float = 0.0
    candidate_usd: float = 0.0
    without_candidate: int = 0

    def add(self, entry: Account) -> None:
        self.calls += 1
        self.spent_usd += entry.spent_usd or 0.0
        self.baseline_usd += entry.baseline_usd or 0.0
        alone = _candidate_alone(entry)
        if alone is None:
            self.without_candidate += 1
        else:
            self.candidate_usd += alone

    def merge(self, other: Cell) -> None:
        self.calls += other.calls
        self.spent_usd += other.spent_usd
        self.baseline_usd += other.baseline_usd
        self.candidate_usd += other.candidate_usd
        self.without_candidate += other.without_candidate


@dataclass(slots=True)
class Tally:
    """Calls of one task, or of all, as they come in."""

    calls: int = 0
    decisions: Counter[str] = field(default_factory=Counter)
    spent_usd: float = 0.0
    unpriced_calls: int = 0
    cells: dict[Basis | None, Cell] = field(default_factory=lambda: defaultdict(Cell))
    hard: dict[Basis, Cell] = field(default_factory=lambda: defaultdict(Cell))
    """Calls the baseline answered because a cheaper answer did not do, by the basis on which
    their easier siblings are compared."""
    left_out: Counter[str] = field(default_factory=Counter)

    def add(self, call: Call, entry: Account) -> None:
        self.calls += 1
        if call.decision is not None:
            self.decisions[call.decision] += 1
        self.spent_usd += sum(charge(a) or 0.0 for a in attempts(call))
        self.unpriced_calls += entry.spent_usd is None
        if entry.spent_usd is None:
            self.left_out[entry.why or Why.SPEND_UNKNOWN] += 1
        elif entry.why is not None:
            self.left_out[entry.why] += 1
        elif entry.estimated:
            self.cells[basis_of(entry)].add(entry)
        elif call.decision in SELECTED and entry.baseline is not None:
            self.hard[basis_of(entry)].add(entry)
        else:
            self.cells[None].add(entry)

    def merge(self, other: Tally) -> None:
        self.calls += other.calls
        self.decisions += other.decisions
        self.spent_usd += other.spent_usd
        self.unpriced_calls += other.unpriced_calls
        self.left_out += other.left_out
        for basis, cell in other.cells.items():
            self.cells[basis].merge(cell)
        for basis, cell in other.hard.items():
            self.hard[basis].merge(cell)

    def line(self, known: Known) -> Line:
        left_out = Counter(self.left_out)
        compared = Cell()
        estimated = 0
        variances: list[float | None] = []
        for found, cell in self.cells.items():
            if found is not None:
                basis = known.completed(found)
                if basis.mean_usd is None:
                    left_out[Why.NO_MEAN] += cell.calls
                    continue
                estimated += cell.calls
                variances.append(basis.variance(cell.calls))
                compared.baseline_usd += cell.calls * basis.mean_usd
            compared.merge(cell)
        for basis, cell in self.hard.items():
            # With their easier siblings left out, the hard calls alone would make any cascade
            # look like a loss.
            if basis in self.cells and known.completed(basis).mean_usd is None:
                left_out[Why.NO_MEAN] += cell.calls
            else:
                compared.merge(cell)
        return Line(
            calls=self.calls,
            decisions={str(d): n for d, n in self.decisions.most_common()},
            spent_usd=self.spent_usd,
            unpriced_calls=self.unpriced_calls,
            compared_calls=compared.calls,
            compared_usd=compared.spent_usd,
            baseline_usd=compared.baseline_usd,
            estimated_calls=estimated,
            half_width_usd=spread(variances),
            candidate_usd=None if compared.without_candidate else compared.candidate_usd,
            left_out={str(why): n for why, n in left_out.most_common()},
        )


@dataclass(slots=True)
class ModelTally:
    """Attempts of one model, as they come in."""

    attempts: int = 0
    purposes: Counter[str] = field(default_factory=Counter)
    failed: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    spent_usd: float = 0.0
    unpriced: Counter[str] = field(default_factory=Counter)

    def add(self, attempt: Attempt) -> None:
        self.attempts += 1
        self.purposes[attempt.purpose] += 1
        self.failed += attempt.failed
        self.input_tokens += attempt.usage.input_tokens or 0
        self.output_tokens += attempt.usage.output_tokens or 0
        charged = charge(attempt)
        if charged is None:
            self.unpriced[why_unpriced(attempt)] += 1
        else:
            self.spent_usd += charged

    def line(self, model: str) -> ModelLine:
        return ModelLine(
            model=model,
            attempts=self.attempts,
            by_purpose={str(p): n for p, n in self.purposes.most_common()},
            failed=self.failed,
            input_tokens=self.input_tokens,
            output_tokens=self.output_tokens,
            spent_usd=self.spent_usd,
            unpriced={str(why): n for why, n in self.unpriced.most_common()},
        )


class Known:
    """Logged costs by task and model, to complete what evidence leaves open."""

    def __init__(self, logged: Mapping[tuple[str, str], RunningMean]) -> None:
        self._logged = logged

    def completed(self, basis: Basis) -> Basis:
        seen = self._logged.get((basis.task, basis.model))
        if seen is None or seen.n == 0:
            return basis
        if basis.mean_usd is not None:
            return replace(basis, deviation=seen.deviation)
        return replace(basis, mean_usd=seen.mean, n=seen.n, deviation=seen.deviation)


def basis_of(entry: Account) -> Basis:
    """What the counterfactual of a call that must be estimated stands on."""
    assert entry.baseline is not None
    facts = None if entry.route is None else entry.route.evidence
    mean = None if entry.route is None else mean_costs(entry.route).get(entry.baseline)
    if facts is None or mean is None:
        return Basis(entry.task, entry.baseline, LOG, None, None)
    return Basis(entry.task, entry.baseline, f"study {facts['study']}", mean, facts.get("examples"))


def _candidate_alone(entry: Account) -> float | None:
    """What the call would have cost on its task's candidate; as it was where there is none."""
    if entry.candidate is None:
        return entry.spent_usd
    if entry.candidate_usd is not None:
        return entry.candidate_usd
    return None if entry.route is None else mean_costs(entry.route).get(entry.candidate)
