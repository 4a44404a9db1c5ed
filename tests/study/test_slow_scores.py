import asyncio
import shutil
import time

import pytest

from downroute.config import Settings
from downroute.records import Answer, Example, Score
from downroute.study.choice import choose_scorer
from downroute.study.pairs import Judge
from downroute.study.settings import StudySettings
from downroute.study.slow_scores import remembered, score_ahead, score_all

EXAMPLES = [Example(f"e{i}", "t", {"messages": []}, f"d{i}", Answer("")) for i in range(6)]


def asked(count):
    return [(example, "small", Answer(example.id)) for example in EXAMPLES[:count]]


def slow_judge(calls):
    def score(example, model, answer):
        calls.append(example.id)
        time.sleep(0.02)
        return Score(float(example.id == answer.text))

    return Judge(remembered(score), lambda a, b: a == b, lambda _: True, slow=True)


def test_a_slow_scorer_judges_each_answer_once_and_in_order():
    calls = []
    judge = slow_judge(calls)
    items = [*asked(6), (EXAMPLES[0], "small", Answer("else"))]
    assert [s.value for s in score_all(judge, items)] == [1, 1, 1, 1, 1, 1, 0]
    assert len(calls) == 7
    assert [s.value for s in score_all(judge, items)] == [1, 1, 1, 1, 1, 1, 0]
    assert judge.score(EXAMPLES[0], "other", Answer("e0")).value == 1
    assert len(calls) == 7


def test_scoring_ahead_leaves_the_event_loop_free():
    calls = []
    judge = slow_judge(calls)

    async def beat():
        beats = 0
        scoring = asyncio.ensure_future(score_ahead(judge, asked(6)))
        while not scoring.done():
            await asyncio.sleep(0.001)
            beats += 1
        await scoring
        return beats

    assert asyncio.run(beat()) > 5
    assert sorted(calls) == [e.id for e in EXAMPLES]


@pytest.mark.parametrize("allowed", [False, True])
def test_without_a_sandbox_programs_run_only_where_the_study_allows_it(allowed, monkeypatch):
    from downroute.scoring.sandbox import command, permission

    real = shutil.which
    monkeypatch.setattr(command.shutil, "which", lambda n: None if n == "bwrap" else real(n))
    permission.sandbox_starts.cache_clear()
    question = StudySettings(
        "large", ("small",), scorer="code_output", allow_unsandboxed_code=allowed
    )
    choice = choose_scorer("t", EXAMPLES, "code", question, Settings(), store=None)
    example = Example("e", "t", {}, "d", Answer(""), reference=42)
    program = Answer("```python\ndef solution(): return 42\n```")
    [score] = score_all(choice.judge, [(example, "small", program)])
    permission.sandbox_starts.cache_clear()
    if allowed:
        assert score.value == 1
    else:
        assert score.value is None and "--allow-unsandboxed-code" in score.reason
