"""The bodies a study asks a model with. Pure.

Log probabilities tell most about an answer and cost nothing, but not every upstream gives them. So
what may be asked with them has two bodies, the fuller first; the other is for where the first is
refused, and finds what was asked without them.
"""

from __future__ import annotations

from collections.abc import Mapping

from downroute.answers.self_check import self_check_request
from downroute.prompts import canonical_request
from downroute.records import Answer, Json

LOGPROBS: Mapping[str, Json] = {"logprobs": True, "top_logprobs": 5}
"""What is asked for besides the answer: its tokens' log probabilities, with alternatives."""
_REFUSED = frozenset({400, 422})

Bodies = tuple[Mapping[str, Json], ...]


def answer_bodies(request: Mapping[str, Json]) -> Bodies:
    """``request`` with log probabilities and as it is; as it is alone where it says by itself
    whether it wants them."""
    plain = canonical_request(request)
    if "logprobs" in plain or "top_logprobs" in plain:
        return (plain,)
    return {**plain, **LOGPROBS}, plain


def self_check_bodies(
    request: Mapping[str, Json], answer: Answer, prompt: str | None = None
) -> Bodies:
    """What asks whether ``answer`` to ``request`` is right, with log probabilities and without."""
    full = self_check_request(canonical_request(request), answer, prompt)
    return full, {k: v for k, v in full.items() if k not in LOGPROBS}


def refuses_logprobs(status: int | None, error: str | None) -> bool:
    """Whether a request was refused because it asked for log probabilities."""
    return status in _REFUSED and "logprobs" in (error or "")
