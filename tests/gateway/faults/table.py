"""The faults and what a client gets of each, in words, as `docs/robustness.md` has them."""

from __future__ import annotations

from collections.abc import Iterator

from .cases import ANSWER, FAULTS, Fault, Gets

HEAD = (
    "| the upstream | a plain call gets | a stream gets | in a cascade | cost of the try |\n"
    "|---|---|---|---|---|"
)
_COSTS = {"free": "0", "unknown": "not known", "paid": "by its tokens"}


def rows() -> Iterator[str]:
    for name, fault in FAULTS.items():
        plain, streamed = fault.gets, fault.streamed
        cells = [name, _told(plain), _told(streamed), _cascaded(fault), _cost(plain, streamed)]
        yield f"| {' | '.join(cells)} |"


def _told(gets: Gets | None) -> str:
    if gets is None:
        return "–"
    if gets.begun:
        return "what came, then an error event"
    if not gets.failed:
        return "the answer"
    if gets.code is not None:
        return f"{gets.status} `{gets.code}`"
    return f"what came, status {gets.status}"


def _cascaded(fault: Fault) -> str:
    """Alike for plain calls and streams, which are held back, but where one of them is answered."""
    plain = fault.gets
    streamed = fault.held or fault.streamed
    told = {gets: _stands_in(gets) for gets in (plain, streamed) if gets is not None}
    if len(set(told.values())) == 1:
        return next(iter(told.values()))
    return f"plain: {_stands_in(plain)}; stream: {_stands_in(streamed)}"


def _stands_in(gets: Gets | None) -> str:
    assert gets is not None
    return "the baseline's answer" if gets.failed else "the answer"


def _cost(plain: Gets | None, streamed: Gets | None) -> str:
    plain, streamed = plain or streamed or ANSWER, streamed or plain or ANSWER
    if plain.cost == streamed.cost:
        return _COSTS[plain.cost]
    return f"plain: {_COSTS[plain.cost]}; stream: {_COSTS[streamed.cost]}"
