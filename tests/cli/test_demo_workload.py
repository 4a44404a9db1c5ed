"""The demo's workload is what it says it is: distinct requests, exact gaps, real scorers agree."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Mapping
from typing import Any

import jsonschema_rs
import pytest

from downroute import config
from downroute.answers.openai_chat import answer_from_completion
from downroute.answers.shape import shape_of
from downroute.cli.demo import configuration
from downroute.cli.demo_traffic import pick
from downroute.cli.demo_workload import (
    DEFAULT_SEED,
    LARGE,
    SMALL,
    WORKLOAD,
    Truth,
    recording_rows,
)
from downroute.prompts import request_digest
from downroute.records import Answer, Call, Example
from downroute.routing.fingerprint import fingerprint
from downroute.scoring.spec import build_scorer
from downroute.scoring.suggest import suggest
from downroute.study.sampling import Sampler

ANOTHER_SEED = DEFAULT_SEED + 1
TRAP = "faq-from-context"

Row = Mapping[str, Any]


@pytest.fixture(scope="module", params=[DEFAULT_SEED, ANOTHER_SEED])
def rows(request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    return recording_rows(request.param)


def test_five_tasks_of_four_hundred_requests_no_two_of_which_are_the_same(rows: list[Row]) -> None:
    assert Counter(r["task"] for r in rows) == {t.task: 400 for t in WORKLOAD}
    assert len({request_digest(r["request"]) for r in rows}) == 2000
    assert len({r["id"] for r in rows}) == 2000


def test_each_model_is_right_exactly_as_often_as_the_truth_says(rows: list[Row]) -> None:
    for truth in WORKLOAD:
        outcomes = Counter(
            (score(r, LARGE), score(r, SMALL)) for r in rows if r["task"] == truth.task
        )
        assert outcomes == {
            (1.0, 1.0): truth.both,
            (1.0, 0.0): truth.large_only,
            (0.0, 1.0): truth.small_only,
            (0.0, 0.0): truth.neither,
        }


def test_one_seed_gives_one_workload_and_another_seed_another() -> None:
    first, again, other = (recording_rows(s) for s in (3, 3, 4))
    assert first == again
    shared = {text(r) for r in first} & {text(r) for r in other}
    assert len(shared) < 100


def test_answers_to_the_order_e_mails_follow_their_schema_right_or_wrong(rows: list[Row]) -> None:
    orders = [r for r in rows if r["task"] == "order-extract"]
    for row in orders:
        follows = jsonschema_rs.validator_for(row["schema"]).is_valid
        assert follows(row["reference"])
        for model in (LARGE, SMALL):
            assert follows(json.loads(answer(row, model).text or ""))


def test_the_scorers_a_study_would_take_give_the_recorded_scores(rows: list[Row]) -> None:
    settings = config.parse(configuration(port=1), "downroute.yaml")
    for task in {r["task"] for r in rows}:
        own = [r for r in rows if r["task"] == task]
        logged = [
            Example(r["id"], task, r["request"], "", answer(r, LARGE), reference=r["reference"])
            for r in own
        ]
        shape = shape_of([(e.request, e.baseline_answer) for e in logged])
        stated = settings.tasks[task].scorer if task in settings.tasks else None
        suggested = suggest(shape, logged)
        spec = stated or (suggested and suggested[0])
        assert spec is not None, task
        scorer = build_scorer(spec)
        for row in own:
            for model in (LARGE, SMALL):
                given = scorer.score(answer(row, model), row["reference"], row["request"])
                assert given.value == score(row, model), (row["id"], model)


def test_tokens_are_four_characters_each_and_the_models_say_they_are_simulated(
    rows: list[Row],
) -> None:
    for row in rows:
        for model, response in row["responses"].items():
            completion = response["completion"]
            assert completion["model"] == model
            assert completion["system_fingerprint"] == "simulated"
            assert response["usage_estimated"]
            written = len(answer(row, model).text or "")
            assert completion["usage"]["completion_tokens"] == -(-written // 4)


def test_two_tasks_share_a_fingerprint_and_one_of_them_must_not_be_routed(rows: list[Row]) -> None:
    marks: dict[str, set[str]] = {}
    for row in rows:
        marks.setdefault(fingerprint(row["request"]), set()).add(row["task"])
    assert {"support-triage", TRAP} in marks.values()
    assert sum(len(tasks) == 1 for tasks in marks.values()) == 3


def test_there_is_a_trap_two_fine_tasks_and_one_far_worse() -> None:
    gaps = {t.task: t.gap for t in WORKLOAD}
    assert 0.07 <= gaps[TRAP] <= 0.09
    assert sum(t.clearly_fine for t in WORKLOAD) >= 2
    assert max(gaps.values()) >= 0.15


def test_with_the_default_seed_the_first_hundred_examples_of_the_trap_look_harmless() -> None:
    sampler, differences = Sampler(TRAP, LARGE), {}
    for row in recording_rows(DEFAULT_SEED):
        if row["task"] == TRAP:
            differences[row["id"]] = score(row, LARGE) - score(row, SMALL)
            sampler.see(
                Call(row["id"], "demo", LARGE, request=row["request"], answer=answer(row, LARGE))
            )
    sampled = list(sampler.draw(400, DEFAULT_SEED))
    assert sum(differences[i] for i in sampled[:100]) <= 5
    assert sum(differences.values()) / 400 == pytest.approx(0.075)


def test_the_chance_of_looking_fine_is_the_share_of_samples_that_do() -> None:
    truth = next(t for t in WORKLOAD if t.task == TRAP)
    rng = random.Random(5)
    differences = [1] * truth.large_only + [-1] * truth.small_only
    differences += [0] * (truth.rows - len(differences))
    fine = sum(sum(rng.sample(differences, 100)) <= 5 for _ in range(4000)) / 4000
    assert fine == pytest.approx(truth.chance_of_looking_fine(100, 0.05), abs=0.025)
    assert truth.chance_of_looking_fine(truth.rows, 0.05) == 0
    assert Truth("t", truth.write, 90, 5, 0, 5).chance_of_looking_fine(100, 0.05) == 1


def test_live_calls_are_spread_over_tasks_with_and_without_header_and_stream(
    rows: list[Row],
) -> None:
    picked = pick(rows, 300, 1)
    assert Counter(p.row["task"] for p in picked) == {t.task: 60 for t in WORKLOAD}
    kinds = Counter((p.declared, p.streamed) for p in picked)
    assert min(kinds.values()) >= 15
    assert len(kinds) == 4


def score(row: Row, model: str) -> float:
    return float(row["responses"][model]["score"])


def answer(row: Row, model: str) -> Answer:
    return answer_from_completion(row["responses"][model]["completion"])


def text(row: Row) -> str:
    return str(row["request"]["messages"][-1]["content"])
