import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations

import pytest

from downroute.scoring.spec import build_scorer

TASKS = [
    ("mmlu", "exact", 1.0),
    ("gsm", "number:field=answer", 0.995),
    ("math-l5", "number:field=answer", 0.995),
    ("numersense", "exact:field=answer", 0.99),
    ("tools-simple", "tool_call", 0.97),
    ("tools-complex", "tool_call", 0.97),
    ("rag-json", "json_schema", 0.99),
]


FINANCE = "code_output:tolerance=0.0005,relative=0.0015,ignore_sign=true,ignore_scale=true"


@pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")
def test_programs_come_to_what_the_recordings_say(recorded):
    # Every eighth, for the time it takes; all of them are in docs/scorer-agreement.md.
    scorer = build_scorer(FINANCE)
    answers = list(recorded("finance-code"))[::8]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        ours = pool.map(lambda row: scorer.score(row[3], row[1], row[0]).value, answers)
        agreed = [score == row[4] for score, row in zip(ours, answers, strict=True)]
    assert sum(agreed) / len(agreed) >= 0.96


OTHERS = [("mmlu", "label:labels=A|B|C|D", 1.0)]


@pytest.mark.parametrize(("task", "spec", "share"), [*TASKS, *OTHERS])
def test_our_scores_are_those_the_recordings_hold(recorded, task, spec, share):
    scorer = build_scorer(spec)
    agreed = [
        scorer.score(answer, reference, request).value == score
        for request, reference, _, answer, score in recorded(task)
        if score is not None
    ]
    assert len(agreed) > 1000
    assert sum(agreed) / len(agreed) >= share


@pytest.mark.parametrize(("task", "spec", "share"), TASKS)
def test_answers_that_are_the_same_have_the_same_score(recorded, task, spec, share):
    scorer = build_scorer(spec)
    by_request = {}
    for request, reference, _, answer, _ in recorded(task):
        by_request.setdefault(id(request["messages"]), []).append((request, reference, answer))
    ties = 0
    for answers in list(by_request.values())[:400]:
        for (request, reference, one), (_, _, other) in combinations(answers, 2):
            if scorer.same(one, other):
                ties += 1
                scores = [scorer.score(a, reference, request).value for a in (one, other)]
                assert scores[0] == scores[1]
    assert ties > 20
