"""Whether a cascade that was shown is worth serving, and why not. Pure."""

from __future__ import annotations

import numpy as np

from downroute.study.beside import random_saving, random_split
from downroute.study.calibration import Calibration
from downroute.study.look import Rules
from downroute.study.trial import Array, Trial

LEAST_SAVING = 0.1
"""A cascade that saves less of the baseline's cost is not worth its second model."""


def worth_calibrating(trial: Trial) -> bool:
    """Whether a cascade that escalates only what it must would save enough."""
    nobody = np.zeros(trial.n, bool)
    saving = trial.saving(nobody, nobody)
    return saving is not None and saving >= LEAST_SAVING


def why_not(
    trial: Trial,
    found: Calibration | None,
    rules: Rules,
    z_bound: float,
    *,
    wanted: bool = False,
    quality: float | None = None,
) -> str | None:
    """Why the cascade ``found`` on ``trial`` is not offered, in words; ``None`` = it is. One that
    is ``wanted`` at a target is offered whatever it saves; ``quality`` is the mean score asked."""
    if found is None or found.point is None:
        return _not_shown(trial, found, quality)
    saving = found.saving()
    if wanted and saving is not None and saving >= 0.0:
        return None
    if saving is None or saving < LEAST_SAVING:
        return _too_dear(trial, found, saving)
    split = random_saving(found.trial, random_split(found.trial, rules, z_bound)[0])
    if quality is None and split is not None and split >= saving:
        return (
            f"{LOSES_TO_SPLIT}, which would save {split:.0%} instead of {saving:.0%}: {WHY_SPLIT}"
        )
    return None


LOSES_TO_SPLIT = "a cascade loses here to a random split of the requests"
WHY_SPLIT = (
    "it pays for both answers of what it escalates, and its score finds too few of those that gain"
)


def _not_shown(trial: Trial, found: Calibration | None, quality: float | None) -> str:
    if found is not None and quality is not None and any(p.passed for p in found.points):
        return f"no cascade: none that is shown has a mean score of {quality:g}"
    dear = _price(trial)
    if dear is not None:
        return dear
    if found is None:
        return "no cascade: no signal tells its wrong answers from its right ones"
    return "no cascade: not even nearly all answers escalated is shown to hold the margin"


def _too_dear(trial: Trial, found: Calibration, saving: float | None) -> str:
    dear = _price(trial)
    if dear is not None:
        return dear
    escalated, gain = found.escalated(), found.trial.gain > 0
    share, recall = float(escalated.mean()), float((escalated & gain).sum() / max(gain.sum(), 1))
    if recall <= share:
        return (
            f"a cascade loses here because escalating {share:.0%} finds only {recall:.0%} of the "
            "answers that would gain by it"
        )
    told = "an unknown share" if saving is None else f"{saving:.0%}"
    return (
        f"a cascade loses here: it has to escalate {share:.0%} to hold the margin and saves {told}"
    )


def _price(trial: Trial) -> str | None:
    ratio = _mean(trial.candidate_usd) / max(_mean(trial.baseline_usd), 1e-30)
    if ratio > 1.0 - LEAST_SAVING:
        return f"a cascade loses here because the candidate costs {ratio:.0%} of the baseline"
    return None


def _mean(values: Array) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")
