import os
import re
import sys
import time
from pathlib import Path

import pytest

from downroute.records import Answer
from downroute.scoring.spec import build_scorer

FUNCTIONS = """
import os, time
def polite(answer, reference, request):
    print("this is no verdict")
    return "please" in answer["text"]
def half(answer, reference, request): return {"score": 0.5, "reason": "so so"}
def much(answer, reference, request): return 7
def nothing(answer, reference, request): return None
def broken(answer, reference, request): raise ValueError(answer["text"])
def slow(answer, reference, request): time.sleep(60)
def ended(answer, reference, request): os._exit(0)
def secret(answer, reference, request): return {"score": 1, "reason": os.environ.get("MY_KEY", "-")}
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    name = f"own_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(FUNCTIONS)
    monkeypatch.chdir(tmp_path)
    return lambda function, **options: build_scorer(
        {"python": {"function": f"{name}:{function}", **options}}
    )


def said(scorer, text):
    return scorer.score(Answer(text=text), None, {})


def test_a_function_of_one_s_own_scores(own):
    scorer = own("polite")
    assert [said(scorer, t).value for t in ("yes please", "no")] == [1, 0]
    assert (said(own("half"), "x").value, said(own("half"), "x").reason) == (0.5, "so so")


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        ("much", "outside 0 to 1"),
        ("nothing", "gives no score"),
        ("broken", "raised ValueError$"),
        ("absent", "has no attribute 'absent'"),
        ("ended", "ended with exit code 0"),
    ],
)
def test_its_errors_are_neither_pass_nor_fail(own, function, reason):
    score = said(own(function), "private words")
    assert score.value is None
    assert re.search(reason, score.reason)
    assert "private" not in score.reason


def test_one_that_hangs_is_given_up(own):
    started = time.monotonic()
    assert said(own("slow", timeout_s=0.3), "x").value is None
    assert time.monotonic() - started < 5


def test_secrets_are_handed_on_only_by_name(own, monkeypatch):
    monkeypatch.setenv("MY_KEY", "k-123")
    assert said(own("secret"), "x").reason == "-"
    assert said(own("secret", env=["MY_KEY"]), "x").reason == "k-123"


@pytest.mark.parametrize(
    ("program", "value"),
    [
        ("import json, sys; print(json.load(sys.stdin)['answer']['text'] == 'x')".lower(), None),
        ("import json, sys; print(int(json.load(sys.stdin)['answer']['text'] == 'x'))", 1),
        ("print(0.25)", 0.25),
        ("print('fine')", None),
        ("print(1); raise SystemExit(3)", None),
        ("while True: print('x' * 1000)", None),
        ("import time; time.sleep(60)", None),
    ],
)
def test_a_command_of_one_s_own_scores_or_says_nothing(program, value):
    run = f'{sys.executable} -c "{program}"'
    score = said(build_scorer({"command": {"run": run, "timeout_s": 2}}), "x")
    assert score.value == value
    assert value is not None or score.reason


def test_what_a_command_started_ends_with_it(tmp_path):
    pid = tmp_path / "pid"
    run = f"sh -c 'sleep 60 & echo $! > {pid}; wait'"
    assert said(build_scorer({"command": {"run": run, "timeout_s": 0.5}}), "x").value is None
    child = int(pid.read_text())
    for _ in range(100):
        try:
            os.kill(child, 0)
        except ProcessLookupError:
            return
        if ") Z" in Path(f"/proc/{child}/stat").read_text():
            return
        time.sleep(0.02)
    pytest.fail("the child lives on")
