"""Which scorer judges a task: the configuration's, else the command line's, else what the shape
of its answers suggests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from downroute.answers.openai_chat import answer_digest
from downroute.config import Settings
from downroute.errors import UsageError
from downroute.records import Answer, Example, Json, Score
from downroute.scoring.judge import (
    Alone,
    ClosedQa,
    Factuality,
    Pairwise,
    Rubric,
    with_rubric,
)
from downroute.scoring.sandbox.permission import unsandboxed_code
from downroute.scoring.scorer import Scorer
from downroute.scoring.spec import build_scorer, describe
from downroute.scoring.suggest import suggest
from downroute.scoring.table import RECORDED
from downroute.store import Store
from downroute.study.pairs import Judge
from downroute.study.settings import StudySettings
from downroute.study.slow_scores import remembered

PEOPLE = "people"


@dataclass(frozen=True, slots=True)
class Choice:
    """A task's scorer as printed, why it was chosen, and how it judges."""

    name: str
    reason: str
    judge: Judge
    asked: Alone | Pairwise | None = None
    """The scorer, where it is a model that judges (`judging`)."""


def choose_scorer(
    task: str,
    examples: Sequence[Example],
    shape: str,
    question: StudySettings,
    config: Settings,
    store: Store,
) -> Choice:
    """The scorer of ``task``.

    Raises:
        UsageError: an unknown scorer or option; `recorded` without recorded scores.
    """
    own = config.tasks[task].scorer if task in config.tasks else None
    spec, reason = (own, "downroute.yaml") if own is not None else (question.scorer, "--scorer")
    if spec == RECORDED:
        return Choice(RECORDED, reason, _recorded(store))
    if spec is not None:
        scorer = build_scorer(spec)
        if isinstance(scorer, (Rubric, Factuality, ClosedQa, Pairwise)):
            return _by_model(scorer, task, reason, question, config)
        return Choice(describe(scorer), reason, _by_scorer(scorer, question))
    suggested = suggest(shape, examples)
    if suggested is None:
        return Choice(PEOPLE, "no rule can judge such answers; equal ones tie", _by_people())
    scorer = build_scorer(suggested[0])
    return Choice(describe(scorer), suggested[1], _by_scorer(scorer, question))


def measured_by(
    evidence: Mapping[str, Json], examples: Sequence[Example], shape: str, store: Store
) -> str | None:
    """The scorer to judge a task's answers by where none is named: the one its ``evidence`` says,
    if it can be used here without asking anybody; the recorded scores where no rule can tell;
    else ``None``, and the shape of the answers suggests one."""
    said = evidence.get("scorer")
    if isinstance(said, str) and (said != RECORDED or store.recorded.has_any()):
        try:
            scorer = None if said == RECORDED else build_scorer(said)
        except UsageError:
            pass  # A model or a person judged, or the option is of another version.
        else:
            if not isinstance(scorer, (Rubric, Factuality, ClosedQa, Pairwise)):
                return said
    suggested = suggest(shape, examples)
    blind = suggested is None or (
        build_scorer(suggested[0]).needs_reference and all(e.reference is None for e in examples)
    )
    return RECORDED if blind and store.recorded.has_any() else None


def _by_scorer(scorer: Scorer, question: StudySettings) -> Judge:
    slow = bool(getattr(scorer, "slow", False))

    def score(example: Example, model: str, answer: Answer) -> Score:  # noqa: ARG001
        with unsandboxed_code(question.allow_unsandboxed_code):
            return scorer.score(answer, example.reference, example.request)

    def by_reference(example: Example) -> bool:
        if scorer.needs_reference:
            return example.reference is not None
        return True

    return Judge(remembered(score) if slow else score, scorer.same, by_reference, slow)


def _by_model(
    scorer: Alone | Pairwise, task: str, reason: str, question: StudySettings, config: Settings
) -> Choice:
    wanted = config.judge_of(task)
    if question.repeats > 1:
        raise UsageError(
            f"{task}: a judge looks at one answer of each example; leave --repeats out, or name "
            "another --scorer"
        )
    if wanted.model is None:
        raise UsageError(
            f"the scorer '{scorer.name}' needs a model that judges: `judge: {{model: MODEL, allow: "
            "[HOST]}` in downroute.yaml, or --judge MODEL"
        )
    asked = with_rubric(scorer, wanted.rubric)
    return Choice(f"{described(scorer)}, judge {wanted.model}", reason, _by_people(), asked)


def described(scorer: Alone | Pairwise) -> str:
    """The scorer as written, its rubric left out: that is a text of any length."""
    return describe(scorer if isinstance(scorer, Factuality) else replace(scorer, text=None))


def _by_people() -> Judge:
    def score(example: Example, model: str, answer: Answer) -> Score:  # noqa: ARG001
        return Score.unscored("to be graded by a person")

    return Judge(score, build_scorer("exact").same, lambda _: False)


def _recorded(store: Store) -> Judge:
    if not store.recorded.has_any():
        raise UsageError(
            "the scorer 'recorded' needs recorded scores; import a recording, or name another"
        )

    def score(example: Example, model: str, answer: Answer) -> Score:
        found = store.recorded.find(example.request_digest, model, answer_digest(answer))
        if found is None:
            return Score.unscored("the recordings hold no such answer")
        if found.score is None:
            return Score.unscored("the recording gives this answer no score")
        return Score(found.score)

    return Judge(score, lambda a, b: answer_digest(a) == answer_digest(b), lambda _: True)
