"""``downroute study``: is the cheaper model good enough on these tasks?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from downroute.config import Settings
    from downroute.study.settings import StudySettings


def study(
    baseline: Annotated[str, typer.Option(metavar="MODEL", help="The model that answers today.")],
    candidate: Annotated[
        list[str], typer.Option(metavar="MODEL", help="A cheaper model; may be repeated.")
    ],
    task: Annotated[
        list[str] | None,
        typer.Option(metavar="TASK", help="A task to measure; may be repeated. Default: all."),
    ] = None,
    scorer: Annotated[
        str | None,
        typer.Option(
            metavar="SCORER",
            help="NAME or NAME:OPTION=VALUE,… Default: by the shape of the answers.",
        ),
    ] = None,
    margin: Annotated[
        float | None,
        typer.Option(metavar="SHARE", help="How much worse is still good enough. Default: 0.05."),
    ] = None,
    relative: Annotated[
        bool, typer.Option("--relative", help="The margin is a share of the baseline's score.")
    ] = False,
    confidence: Annotated[
        float | None,
        typer.Option(metavar="SHARE", help="One-sided confidence of each verdict. Default: 0.95."),
    ] = None,
    examples: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="The most examples of a task. Default: 500."),
    ] = None,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="The baseline is being retired: safe, unsafe or unclear?"),
    ] = False,
    budget: Annotated[
        float | None,
        typer.Option(min=0, metavar="USD", help="Stop before this many USD are exceeded."),
    ] = None,
    cascade: Annotated[
        bool,
        typer.Option(
            "--cascade/--no-cascade",
            help="Where the candidate alone is not shown, look for answers to escalate.",
        ),
    ] = True,
    self_check: Annotated[
        bool,
        typer.Option(
            "--self-check/--no-self-check",
            help="A cascade may ask the candidate what it thinks of its answer, where that pays.",
        ),
    ] = True,
    helper: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="A second cheap model a cascade may ask, likewise."),
    ] = None,
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Test a cascade on pairs nothing of it was fitted on."),
    ] = False,
    target_escalation: Annotated[
        float | None,
        typer.Option(min=0, max=1, metavar="SHARE", help="The cascade that escalates about this."),
    ] = None,
    target_quality: Annotated[
        float | None,
        typer.Option(min=0, max=1, metavar="SCORE", help="The cheapest cascade of this score."),
    ] = None,
    seed: Annotated[
        int, typer.Option(metavar="N", help="Draws the sample; same seed, same examples.")
    ] = 0,
    calls_per_month: Annotated[
        float | None,
        typer.Option(min=0, metavar="N", help="All tasks together; for savings per month."),
    ] = None,
    allow_unsandboxed_code: Annotated[
        bool,
        typer.Option(
            "--allow-unsandboxed-code",
            help="Run programs in answers as you, where there is no sandbox.",
        ),
    ] = False,
    from_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Examples to study, in place of the imported log."),
    ] = None,
    system: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A new system prompt to measure on the candidate."),
    ] = None,
    repeats: Annotated[
        int, typer.Option(min=1, max=100, metavar="N", help="Answers per example, averaged.")
    ] = 1,
    floor: Annotated[
        bool | None,
        typer.Option(
            "--floor/--no-floor",
            help="Ask the baseline again on a tenth, to see how far it is from itself.",
        ),
    ] = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Print pairs, grades, power, cost and time; ask nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before spending.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a page for managers.")
    ] = None,
    markdown: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write it for a pull request.")
    ] = None,
    failures: Annotated[
        bool, typer.Option("--failures", help="Show the pairs that failed, worst first.")
    ] = False,
    failures_html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write them as a page to filter and search."),
    ] = None,
    export_grades: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the pairs that need a person to this file."),
    ] = None,
    grades: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Read the filled-in file and finish the verdict."),
    ] = None,
    policy: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The policy to write. Default: policy.yaml.")
    ] = None,
    judge: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="Who judges where the scorer asks a model."),
    ] = None,
    judge_allow: Annotated[
        list[str] | None,
        typer.Option(
            metavar="HOST",
            help="Requests and answers may be sent to a judge there; may be repeated.",
        ),
    ] = None,
    upstream: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Ask this URL instead of the configured upstreams."),
    ] = None,
    store: Annotated[Path | None, typer.Option(metavar="DIR", help="Default: .downroute")] = None,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Default: downroute.yaml")
    ] = None,
    concurrency: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Calls in flight per upstream. Default: 16."),
    ] = None,
) -> None:
    """Measure whether a cheaper model is good enough, and write the policy that follows.

    Example: downroute study --baseline gpt-4o --candidate gpt-4o-mini --yes
    """
    from downroute import config as configuration
    from downroute.cli.study_run import run_study
    from downroute.cli.study_wishes import Wishes

    settings = configuration.load(config, upstream=upstream).with_judge(judge, judge_allow or ())
    question = _question(
        settings, baseline, candidate, task, scorer, margin, relative, confidence, examples,
        replace, budget, cascade, seed, calls_per_month, allow_unsandboxed_code, repeats, system,
    )  # fmt: skip
    question = _cascading(question, self_check, helper, strict, target_escalation, target_quality)
    wishes = Wishes(
        store=store or settings.store.path,
        policy=policy or settings.policy,
        yes=yes,
        as_json=as_json,
        html=html,
        markdown=markdown,
        failures=failures,
        failures_html=failures_html,
        export_grades=export_grades,
        grades=grades,
        upstream_url=upstream,
        concurrency=concurrency,
        plan=plan,
        from_file=from_file,
        floor=floor,
        judge=judge,
    )
    sys.exit(run_study(question, settings, wishes))


def _question(
    settings: Settings,
    baseline: str,
    candidates: list[str],
    tasks: list[str] | None,
    scorer: str | None,
    margin: float | None,
    relative: bool,
    confidence: float | None,
    examples: int | None,
    replace: bool,
    budget: float | None,
    cascade: bool,
    seed: int,
    calls_per_month: float | None,
    allow_unsandboxed_code: bool,
    repeats: int,
    system: Path | None,
) -> StudySettings:
    from dataclasses import replace as with_candidates

    from downroute.cli.study_system import read_system
    from downroute.errors import UsageError
    from downroute.study.settings import StudySettings

    margin = settings.margin if margin is None else margin
    confidence = settings.confidence if confidence is None else confidence
    if not 0 < margin < 1:
        raise UsageError(f"--margin {margin:g} must lie between 0 and 1 (0.05 = five points)")
    if not 0.5 < confidence < 1:
        raise UsageError(f"--confidence {confidence:g} must lie between 0.5 and 1")
    if baseline in candidates and system is None:
        raise UsageError(f"'{baseline}' is both baseline and candidate; name two models")
    prompt = None if system is None else read_system(system)
    question = StudySettings(
        baseline=baseline,
        candidates=(),
        system=prompt,
        system_name=None if system is None else system.name,
        repeats=repeats,
        tasks=tuple(dict.fromkeys(tasks or ())),
        scorer=scorer,
        margin=margin,
        relative=relative,
        confidence=confidence,
        examples=settings.examples if examples is None else examples,
        replace=replace,
        budget_usd=settings.budget_usd if budget is None else budget,
        cascade=cascade,
        seed=seed,
        calls_per_month=calls_per_month,
        allow_unsandboxed_code=allow_unsandboxed_code,
    )
    named = dict.fromkeys(question.named(model) for model in candidates)
    return with_candidates(question, candidates=tuple(named))


def _cascading(
    question: StudySettings,
    self_check: bool,
    helper: str | None,
    strict: bool,
    target_escalation: float | None,
    target_quality: float | None,
) -> StudySettings:
    from dataclasses import replace

    from downroute.errors import UsageError

    if helper == question.baseline:
        raise UsageError(
            f"--helper '{helper}' is the baseline: an answer it is asked for is escalated already"
        )
    if question.candidates == (helper,):
        raise UsageError(f"--helper '{helper}' is the candidate: it agrees with itself")
    if target_escalation is not None and target_quality is not None:
        raise UsageError("name one of --target-escalation and --target-quality")
    return replace(
        question,
        self_check=self_check,
        helper=helper,
        strict=strict,
        target_escalation=target_escalation,
        target_quality=target_quality,
    )
