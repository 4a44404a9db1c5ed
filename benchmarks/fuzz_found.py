"""What came of one kind of mutated input; used by `gateway_fuzz.py`."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from fuzz_oracle import disagreement
from fuzz_upstream import NONCE

GROWTH_MIB = 16
"""More than that from the first half of a load to its end is growth: what is remembered on purpose
(conversations, schemas, prices) is there by then, or bounded."""
GROWTH_FILES = 64
"""So many more open files than before are growth: as many connections as there are at once are
kept on either side."""
_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")
_OWN_FAILURE = re.compile(rb"internal_error|the gateway failed")

_COLUMNS = (
    "mutated", "sent", "in", "answered", "own 5xx", "hung", "internal errors", "read unlike h11",
    "another's answer", "rows missing", "MiB after a tenth, half, all", "open files before, after",
)  # fmt: skip
HEAD = f"| {' | '.join(_COLUMNS)} |\n{'|---' * len(_COLUMNS)}|"


@dataclass
class Found:
    """``faults`` are inputs that were answered with a 5xx of the gateway's own making; ``hangs``
    those that were not answered, and whose connection was not ended, in time; ``split`` those that
    h11 reads otherwise; ``mixed`` those answered with another's answer. ``wild``: it is the
    upstreams that are mutated, so that an error that speaks of them is right."""

    what: str
    wild: bool = False
    oracle: bool = False
    sent: int = 0
    seconds: float = 0.0
    statuses: Counter[str] = field(default_factory=Counter)
    faults: list[bytes] = field(default_factory=list)
    hangs: list[bytes] = field(default_factory=list)
    split: list[bytes] = field(default_factory=list)
    mixed: list[bytes] = field(default_factory=list)
    nonces: set[bytes] = field(default_factory=set)
    """Of the requests answered so far; others in a reply are none, but damaged."""
    missing: int | None = None
    """Calls without a row in the log; ``None`` where it is not known how many there were."""
    memory: list[int] = field(default_factory=list)
    files: list[int] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    """Lines on stderr that speak of something internal."""

    @property
    def good(self) -> bool:
        return not (
            *self.faults,
            *self.hangs,
            *self.split,
            *self.mixed,
            *self.said,
        ) and not (self.missing or self.grown)

    @property
    def grown(self) -> bool:
        memory = self.memory[-1] - self.memory[len(self.memory) // 2]
        return memory > GROWTH_MIB or self.files[-1] - self.files[0] > GROWTH_FILES

    def take(self, data: bytes, reply: bytes | None) -> None:
        self.sent += 1
        if self.oracle and disagreement(data):
            self.split.append(data)
        if reply is None:
            self.hangs.append(data)
            return
        statuses = [s.decode() for s in _STATUS.findall(reply) if s != b"100"]
        self.statuses[statuses[0] if statuses else "ended"] += 1
        if self.wild:
            own, others = NONCE.findall(data), NONCE.findall(reply)
            self.nonces.update(own)
            if any(other in self.nonces for other in others if other not in own):
                self.mixed.append(data)
        failed = any(status >= "500" for status in statuses)
        if failed and (not self.wild or _OWN_FAILURE.search(reply)):
            self.faults.append(data)

    def row(self) -> str:
        told = ", ".join(f"{k}: {v:,}" for k, v in sorted(self.statuses.items()))
        tenth, half, end = self.memory[0], self.memory[len(self.memory) // 2], self.memory[-1]
        cells = [
            self.what,
            f"{self.sent:,}",
            f"{self.seconds:.0f} s",
            told,
            len(self.faults),
            len(self.hangs),
            len(self.said),
            len(self.split) if self.oracle else "–",
            len(self.mixed) if self.wild else "–",
            "–" if self.missing is None else self.missing,
            f"{tenth}, {half}, {end}",
            f"{self.files[0]}, {self.files[-1]}",
        ]
        return f"| {' | '.join(map(str, cells))} |"

    def samples(self) -> list[str]:
        """The first few inputs of each kind that should not be."""
        kinds = {"5xx": self.faults, "hung": self.hangs, "split": self.split, "mixed": self.mixed}
        lines = [f"{kind}: {data[:2000]!r}" for kind, many in kinds.items() for data in many[:5]]
        return lines + self.said[:5]
