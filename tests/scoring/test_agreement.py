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


@pytest.mark.parametrize(("task", "spec", "share"), TASKS)
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
