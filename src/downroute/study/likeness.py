"""Which requests are near duplicates of one another: the same but for case, punctuation or a few
words. Pure, linear in the log, the same whatever its order.

Of each request a *sketch* is kept: the 64 smallest hashes of its three-word runs (bottom-k
MinHash, Broder 1997). Runs that more than a fifth of a task's requests share are its template and
say nothing. Two requests are alike if what is left of them agrees by 80 % and differs by no more
than `MOST_DIFFERENT` runs, about one changed place: two questions about one long document are not
alike. Requests whose figures differ never are: "7 + 5" is no "7 + 6". Nor are those that differ in
a run which recurs in the log: "into German" against "into Czech" before one text is another order.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from downroute.prompts import canonical_json, content_text, messages
from downroute.records import Json

SKETCH = 64
ALIKE = 0.8
MOST_DIFFERENT = 8
TEMPLATE_SHARE = 0.2
FEWEST_TEMPLATE = 5
"""A run in no more requests than this is no template, however small the log."""
RECURRENT_SHARE = 0.03
FEWEST_RECURRENT = 5
EDGE = 128
"""Runs kept whole from either end of a request, where instructions stand."""
_CELLS = 2**22
BAG = 64
"""Buckets of the hashed bag of words, for clusters."""

_TOKEN = re.compile(r"\w+|[^\w\s.,;:!?\"'`’“”…]")
_BANDS, _ROWS = 8, 2
_LEADERS = 8
"""Earlier requests a request is compared with per bucket; keeps the time linear."""

Hashes = NDArray[np.uint32]


class Likeness(NamedTuple):
    """What is kept of a request. ``frame`` is equal where everything but the words is, figures
    included; ``wording`` where the words are too; ``runs`` is how many distinct runs there are,
    ``sketch`` the smallest of their hashes, ascending; ``edges`` the hashes at both ends, up to
    `EDGE` each; ``bag`` counts words by hash."""

    frame: bytes
    wording: bytes
    words: int
    runs: int
    sketch: bytes
    edges: bytes
    bag: bytes


def likeness(request: Mapping[str, Json]) -> Likeness:
    """What of ``request`` tells whether another is alike."""
    texts: list[str] = []
    frame: list[Json] = [request.get("tools"), request.get("response_format")]
    for message in messages(request):
        content = message.get("content")
        texts.append(content_text(content))
        frame.append({k: v for k, v in message.items() if k != "content" and v is not None})
        if not isinstance(content, str):
            frame.append([p for p in content or () if not _is_text(p)])
    tokens = _TOKEN.findall("\n".join(texts).casefold())
    frame.append([t for t in tokens if any(c.isdigit() for c in t)])
    hashes = np.fromiter(
        (crc32(t.encode("utf-8", "surrogatepass")) for t in tokens), np.uint64, len(tokens)
    )
    written = _runs(hashes)
    runs = np.unique(written)
    edges = runs if len(written) <= 2 * EDGE else np.unique([written[:EDGE], written[-EDGE:]])
    bag = np.bincount((hashes & np.uint64(BAG - 1)).astype(np.int64), minlength=BAG)
    return Likeness(
        _digest(canonical_json(frame)),
        _digest(" ".join(tokens)),
        len(tokens),
        len(runs),
        runs[:SKETCH].tobytes(),
        edges.astype(np.uint32).tobytes(),
        np.minimum(bag, 255).astype(np.uint8).tobytes(),
    )


def leaders(found: Sequence[Likeness]) -> list[int]:
    """For each request the index of the earlier one it is a near duplicate of, else its own.

    Give them in an order that does not depend on the log (say, by digest), and neither does the
    grouping.
    """
    sketches = [np.frombuffer(one.sketch, np.uint32) for one in found]
    rests = _without_template(sketches)
    marks = _band_marks(rests)
    orders = _orders(found)
    by_wording: dict[tuple[bytes, bytes], int] = {}
    buckets: dict[tuple[bytes, int, int], list[int]] = {}
    led = list(range(len(found)))
    for index, one in enumerate(found):
        same = by_wording.setdefault((one.frame, one.wording), index)
        if same != index:
            led[index] = led[same]
            continue
        kind = one.frame + orders[index]
        keys = [(kind, band, mark) for band, mark in enumerate(marks[index])]
        near = sorted({other for key in keys for other in buckets.get(key, ())})
        for other in near:
            if _alike(one, rests[index], sketches[index], found[other], rests[other]):
                led[index] = other
                break
        else:
            for key in keys:
                bucket = buckets.setdefault(key, [])
                if len(bucket) < _LEADERS:
                    bucket.append(index)
    return led


def _alike(one: Likeness, rest: Hashes, sketch: Hashes, other: Likeness, others: Hashes) -> bool:
    cut, seen = None, 1.0
    for part in (one, other):
        if part.runs > SKETCH:
            largest = int(np.frombuffer(part.sketch, np.uint32)[-1])
            cut = largest if cut is None else min(cut, largest)
    if cut is not None:
        # Below the cut both sketches are whole; it is this share of all runs.
        rest, others = rest[rest <= cut], others[others <= cut]
        seen = float((sketch <= cut).sum()) / one.runs
    common = len(np.intersect1d(rest, others, assume_unique=True))
    union = len(rest) + len(others) - common
    if union < (4 if cut is not None else 1):
        return False
    return common >= ALIKE * union and (union - common) / seen <= MOST_DIFFERENT


def _orders(found: Sequence[Likeness]) -> list[bytes]:
    """Per request a digest of its runs that recur in the log. How often each does is counted in a
    table by hash, which may put a few too many down as recurrent and never one too few."""
    counts = np.zeros(_CELLS, np.uint32)
    for one in found:
        # Hashes that share a cell count once, which is no loss among so many cells.
        counts[np.frombuffer(one.edges, np.uint32) % _CELLS] += 1
    most = max(FEWEST_RECURRENT, RECURRENT_SHARE * len(found))
    orders = []
    for one in found:
        edges = np.frombuffer(one.edges, np.uint32)
        recurrent = edges[counts[edges % _CELLS] > most]
        orders.append(hashlib.blake2b(recurrent.tobytes(), digest_size=8).digest())
    return orders


def _without_template(sketches: Sequence[Hashes]) -> list[Hashes]:
    if not sketches:
        return []
    values, counts = np.unique(np.concatenate(sketches), return_counts=True)
    most = max(FEWEST_TEMPLATE, TEMPLATE_SHARE * len(sketches))
    template = values[counts > most]
    if not len(template):
        return list(sketches)
    return [s[~np.isin(s, template, assume_unique=True)] for s in sketches]


def _band_marks(rests: Sequence[Hashes]) -> list[list[int]]:
    """Per request one mark a band; alike requests share at least one with near certainty."""
    sizes = np.array([len(rest) for rest in rests])
    filled = np.flatnonzero(sizes).tolist()
    marks: list[list[int]] = [[] for _ in rests]
    if not filled:
        return marks
    joined = np.concatenate([rests[i] for i in filled]).astype(np.uint64)
    starts = np.concatenate(([0], np.cumsum(sizes[filled])[:-1]))
    chance = np.random.default_rng(20)
    columns = []
    for _ in range(_BANDS * _ROWS):
        factor, shift = chance.integers(1, 2**62, 2, dtype=np.uint64)
        mixed = _mixed(joined * (factor | np.uint64(1)) + shift)
        columns.append(np.minimum.reduceat(mixed, starts))
    table = np.stack(columns, axis=1).astype(np.uint64)
    bands = table[:, ::_ROWS] * np.uint64(0x9E3779B97F4A7C15) ^ table[:, 1::_ROWS]
    for row, index in enumerate(filled):
        marks[index] = bands[row].tolist()
    return marks


def _runs(hashes: NDArray[np.uint64]) -> Hashes:
    padded = hashes if len(hashes) >= 3 else np.concatenate((hashes, np.zeros(2, np.uint64)))
    if not len(hashes):
        return np.zeros(0, np.uint32)
    first, second, third = padded[:-2], padded[1:-1], padded[2:]
    return _mixed(
        first * np.uint64(0x9E3779B97F4A7C15)
        + second * np.uint64(0xC2B2AE3D27D4EB4F)
        + third * np.uint64(0x165667B19E3779F9)
    )


def _mixed(values: NDArray[np.uint64]) -> Hashes:
    values = (values ^ (values >> np.uint64(31))) * np.uint64(0xD6E8FEB86659FD93)
    return (values >> np.uint64(32)).astype(np.uint32)


def _is_text(part: Json) -> bool:
    return isinstance(part, Mapping) and part.get("type") == "text"


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).digest()
