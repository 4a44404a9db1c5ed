"""On what terms one task is tested: what question and settings say of it."""

from __future__ import annotations

from collections.abc import Mapping

from downroute.config import Settings
from downroute.records import Purpose
from downroute.study.asking import Candidate, Paying
from downroute.study.judging import Judging
from downroute.study.look import Rules
from downroute.study.prepared import PreparedTask
from downroute.study.settings import StudySettings


def rules_of(task: PreparedTask, question: StudySettings, config: Settings) -> Rules:
    """How the test of one task decides."""
    return Rules(
        margin=margin_of(task.name, question, config),
        alpha=question.alpha,
        schedule=task.plan.looks,
        relative=question.relative,
        seed=question.seed,
        labels=config.judge_of(task.name).labels,
    )


def margin_of(task: str, question: StudySettings, config: Settings) -> float:
    """The task's own margin from the configuration, else the study's."""
    own = config.tasks[task].margin if task in config.tasks else None
    return question.margin if own is None else own


def failed_call_of(task: str, config: Settings) -> str:
    """What a call of this task is that never came through."""
    return config.tasks[task].failed_call if task in config.tasks else "unscored"


def judging_of(
    task: PreparedTask,
    candidate: Candidate,
    paying: Paying,
    question: StudySettings,
    config: Settings,
    judges: Mapping[str, Candidate],
) -> Judging | None:
    """Who judges the task's answers, where a model does."""
    scorer = task.choice.asked
    if scorer is None:
        return None
    wanted = config.judge_of(task.name)
    judge = judges[wanted.model or ""]
    return Judging(scorer, judge, paying, question.baseline, candidate.model, wanted.repeats)


def givers_of(
    candidate: Candidate, helper: Candidate | None, question: StudySettings
) -> dict[Purpose, Candidate]:
    """Who may be asked for second opinions. With a new prompt nobody: no route can ask it."""
    if question.system is not None:
        return {}
    givers = {Purpose.SELF_CHECK: candidate} if question.self_check else {}
    if helper is not None and helper.model != candidate.model:
        givers[Purpose.HELPER] = helper
    return givers
