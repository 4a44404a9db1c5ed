"""The I/O around grading: which study, who grades, the server or the file, and the verdict."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from downroute.cli.grade_open import Opened, open_study
from downroute.cli.grade_output import about, print_links, print_status, status_json
from downroute.cli.policy_file import read_policy_file
from downroute.cli.study_conclusion import StudyEntry, exit_code, tell
from downroute.cli.study_run import LOCK
from downroute.cli.study_wishes import Wishes
from downroute.cli.tables import console
from downroute.config import Settings
from downroute.dashboard.cards import Card, Sight
from downroute.dashboard.masking import mask_of, masked
from downroute.dashboard.offline import offline_page, read_result, write_offline_page
from downroute.dashboard.server import Sitting, serve_grading
from downroute.errors import InputError, UsageError
from downroute.records import Json
from downroute.store import FILES, Store, StudyRecord
from downroute.study.grading_desk import OpenPair
from downroute.study.grading_file import GRADES, refuse_existing, scores_of
from downroute.study.ledger import add_grades

ONE = "grader"
"""Who grades where nobody is named."""


@dataclass(frozen=True, slots=True)
class GradeWishes:
    """What the command line wants."""

    store: Path
    policy: Path
    as_json: bool
    study: str | None
    tasks: tuple[str, ...]
    graders: tuple[str, ...]
    lifetime_s: float
    host: str
    port: int
    export: Path | None
    result: Path | None
    status: bool


def run_grade(settings: Settings, wishes: GradeWishes) -> int:
    """Grade, and return the exit code of the verdicts."""
    output = console(stderr=wishes.as_json)
    if wishes.export is not None:
        refuse_existing(wishes.export)
    with Store.open(wishes.store, create=False) as store:
        graders = wishes.graders or (ONE,)
        opened = open_study(store, settings, wishes.study, wishes.tasks, graders)
        if wishes.status:
            return print_status(status_json(opened.desk, opened.record.id), wishes.as_json)
        if wishes.export is not None:
            return _export(opened, wishes.export, output)
        if wishes.result is not None:
            count = _import(store, wishes)
            output.print(f"{count} grades of {wishes.result} are in the store.")
        elif opened.desk.order():
            _serve(store, opened, graders, wishes, output)
        else:
            output.print("No pair needs a grade.")
        return _conclude(store, opened, wishes, output)


@dataclass(frozen=True, slots=True)
class _Pages:
    """The desk as a page sees it: cards without the models' names."""

    opened: Opened

    def sight(self, grader: str) -> Sight:
        turn = self.opened.desk.turn(grader)
        card = None if turn.pair is None else self.card(turn.pair)
        return Sight(card, turn.given, turn.least, turn.more, turn.most, turn.can_undo)

    def grade(self, grader: str, card_id: str, word: str) -> None:
        self.opened.desk.grade(grader, card_id, word)

    def skip(self, grader: str, card_id: str) -> None:
        self.opened.desk.skip(grader, card_id)

    def undo(self, grader: str) -> None:
        self.opened.desk.undo(grader)

    def card(self, pair: OpenPair) -> Card:
        question = self.opened.question
        settings = self.opened.settings
        judged = {t.name for t in self.opened.prepared if t.choice.asked is not None}
        own = settings.tasks.get(pair.task)
        rubric = None if own is None else own.rubric
        if pair.task in judged:
            rubric = settings.judge_of(pair.task).rubric
        names = [question.baseline, *map(question.model_of, question.candidates)]
        names += [settings.model(name).name or name for name in names]
        card = Card(pair.id, pair.task, pair.example.request, pair.answers, rubric)
        return masked(card, mask_of(names))


def _serve(
    store: Store,
    opened: Opened,
    graders: Sequence[str],
    wishes: GradeWishes,
    output: Console,
) -> None:
    links = [store.blinding.open_link(opened.record.id, g, wishes.lifetime_s) for g in graders]

    def grader_of(token: str) -> tuple[str, bool] | None:
        link = store.blinding.link(token)
        if link is None or link.study != opened.record.id or link.grader not in graders:
            return None
        return link.grader, link.expires_at <= time.time()

    def changed(sight: Sight) -> None:
        said = "decided" if sight.card is None else f"{about(sight.least, sight.more)} decide it"
        if output.is_terminal:
            output.print(f"graded · {said}", style="dim")

    sitting = Sitting(_Pages(opened), grader_of, changed)

    def ready(port: int) -> None:
        print_links(output, links, wishes.host, port)

    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_until_stopped(serve_grading(sitting, wishes.host, wishes.port, ready)))


async def _until_stopped(serving: Coroutine[Any, Any, None]) -> None:
    """Run until it ends by itself or the process is asked to end."""
    task = asyncio.ensure_future(serving)
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task


def _export(opened: Opened, file: Path, output: Console) -> int:
    desk = opened.desk
    order = desk.order()
    if not order:
        output.print("No pair needs a grade; nothing was written.")
        return exit_code(desk.results())
    pages = _Pages(opened)
    cards = [pages.card(pair) for pair in desk.as_seen(FILES, order)]
    turn = desk.turn(FILES)
    page = offline_page(cards, f"{cards[0].id}-{len(cards)}", turn.least, turn.more)
    write_offline_page(file, page)
    output.print(
        f"{len(cards)} pairs to grade are in {file}, which works without a server; "
        f"{about(turn.least, turn.more)} decide it. Take in what it saves with: downroute grade "
        "--import FILE"
    )
    return exit_code(desk.results())


def _import(store: Store, wishes: GradeWishes) -> int:
    assert wishes.result is not None
    if len(wishes.graders) > 1:
        raise UsageError("a result is one person's; name one with --graders")
    sitting, entries = read_result(wishes.result)
    grader = wishes.graders[0] if wishes.graders else f"file-{sitting[:6]}"
    found = []
    for card, word in entries:
        blinded = store.blinding.behind(card)
        if blinded is None:
            raise InputError(
                f"{wishes.result}: this store exported no pair {card!r}; name its --store"
            )
        if word not in GRADES:
            raise InputError(f"{wishes.result}: {word!r} is no grade")
        scores = scores_of(word, candidate_first=blinded.candidate_first)
        found.append((blinded.task, blinded.pair, scores))
    return add_grades(store, found, grader, time.time())


def _conclude(store: Store, opened: Opened, wishes: GradeWishes, output: Console) -> int:
    """The verdicts with the grades there are, told and written as a study does."""
    told = Wishes(
        store=wishes.store,
        policy=wishes.policy,
        yes=True,
        as_json=wishes.as_json,
        html=None,
        export_grades=None,
        grades=None,
        upstream_url=None,
        concurrency=None,
    )
    with store.lock(LOCK):
        policy_text = read_policy_file(wishes.policy)
        entry = StudyEntry(opened.record.id, opened.record.started_at)
        findings = opened.desk.findings()
        names = {f.result.task for f in findings}
        code = tell(
            findings, opened.prepared, opened.question, opened.settings, told, store, entry,
            policy_text, output, others=_others(opened.record, names),
        )  # fmt: skip
    agreement = status_json(opened.desk, opened.record.id)
    if not wishes.as_json:
        print_status(agreement, as_json=False, only_agreement=True)
    return code


def _others(record: StudyRecord, names: set[str]) -> list[Mapping[str, Json]]:
    """What the study found of tasks that nobody grades; it stands."""
    report = record.result if isinstance(record.result, Mapping) else {}
    return [t for t in report.get("tasks", ()) if t.get("task") not in names]
