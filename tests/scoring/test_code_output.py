import shutil

import pytest

from downroute.errors import UsageError
from downroute.records import Answer
from downroute.scoring.code_values import Comparison
from downroute.scoring.spec import build_scorer

pytestmark = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")


DYING = "import os\nos._exit(0)\ndef solution(): return 42"


def score(program, reference, spec="code_output"):
    return build_scorer(spec).score(Answer(f"So:\n```python\n{program}\n```\n"), reference, {})


@pytest.mark.parametrize(
    ("program", "reference"),
    [
        ("def solution():\n    return 6 * 7", 42),
        ("def solution():\n    return 6 * 7", {"answer": 42, "python_solution": "…"}),
        ("def other(): return 0\ndef solution(): return 'x  y'", "x y"),
        ("def only():\n    return [1, (2, 3)]", {"answer": [1, [2, 3]]}),
        ("print('the total is 42')", 42),
        (
            "def main(): print([1, 2])\nif __name__ == '__main__': main()\ndef other(): pass",
            [[1, 2]],
        ),
        ("from fractions import Fraction\ndef solution(): return Fraction(1, 2)", 0.5),
        ("import numpy as np\ndef solution(): return np.array([1.0, 2.0]).sum()", 3),
        ("import sys\nprint('yes')\nsys.exit(0)", "yes"),
        ("def solution(): return {'a': True}", {"answer": {"a": True}}),
    ],
)
def test_what_a_program_comes_to_is_compared(program, reference):
    assert score(program, reference).value == 1
    assert score(program, {"answer": "something else"}).value == 0


def test_inputs_come_from_the_reference():
    add = "def add(a, b=1):\n    return a + b"
    cases = [{"input": [1, 2], "output": 3}, {"args": [1], "kwargs": {"b": 5}, "output": 6}]
    assert score(add, {"cases": cases}).value == 1
    wrong = score(add, {"cases": [*cases, {"input": 1, "output": 9}]})
    assert (wrong.value, wrong.reason) == (0, "wrong answer (case 3 of 3)")
    lines = {"cases": [{"stdin": "2 3\n", "stdout": "5"}, {"stdin": "1 1\n", "stdout": "2\n"}]}
    assert score("print(sum(map(int, input().split())))", lines).value == 1
    assert score("print(5)", lines).value == 0


def test_an_entry_point_can_be_named():
    program = "def a(): return 1\ndef b(): return 2"
    assert score(program, 2, "code_output:entry_point=b").value == 1
    missing = score(program, 2, "code_output:entry_point=c")
    assert (missing.value, missing.reason) == (0, "program error: it does not define c")


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("def solution(): return 1 / 0", "program error: ZeroDivisionError"),
        ("def solution(:", "program error: it is no Python"),
        ("import sys\nsys.exit(0)\ndef solution(): return 42", "program error: SystemExit"),
        (DYING, "program error: it ended before its function returned"),
        ("def solution():\n    while True: pass", "timeout"),
        ("def solution(): return 'x' * 2**31", "out of memory"),
        ("def solution():\n    while True: print('x' * 999)", "output too large"),
        ("def solution(): return 41", "wrong answer"),
        ("import sys\nprint(42)\nsys.exit(3)", "program error: exit code 3"),
    ],
)  # fmt: skip
def test_every_other_end_is_a_failed_answer_with_its_reason(program, reason):
    found = score(program, 42, "code_output:timeout_s=1")
    assert (found.value, found.reason) == (0, reason)


def test_an_answer_without_a_program_fails():
    found = build_scorer("code_output").score(Answer("It is 42."), 42, {})
    assert (found.value, found.reason) == (0, "the answer has no Python program")


def test_a_sandbox_failure_is_unscored(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    found = score("def solution(): return 42", 42)
    assert found.value is None and found.reason.startswith("sandbox failure: ")
    assert "--allow-unsandboxed-code" in found.reason


@pytest.mark.parametrize(
    ("said", "wanted", "options", "equal"),
    [
        (1.0049, 1, {}, False),
        (1.0049, 1, {"relative": 0.01}, True),
        (1.4, 1, {"tolerance": 0.5}, True),
        (0.0675, 0.068, {"tolerance": 0.0005}, True),
        (-5, 5, {}, False),
        (-5, 5, {"ignore_sign": True}, True),
        (0.05, 5, {}, False),
        (0.05, 5, {"ignore_scale": True}, True),
        (4.996, 50, {"ignore_scale": True, "relative": 0.001}, True),
        (99.9, 1, {"ignore_scale": True, "relative": 0.01}, True),
        (7, 5, {"ignore_scale": True, "ignore_sign": True}, False),
        (0, 5, {"ignore_scale": True}, False),
        (True, 1, {}, False),
        ("5 %", 5, {}, True),
        (float("nan"), 1, {"relative": 9}, False),
        (float("inf"), 1, {"relative": 9, "ignore_scale": True}, False),
        ({3, 1}, [1, 3], {}, True),
        ({3, 1}, [1, 4], {}, False),
        ([1.0, "a"], [1, "a"], {}, True),
        (10**400, 1, {}, False),
    ],
)
def test_numbers_are_compared_as_the_options_say(said, wanted, options, equal):
    assert Comparison(**options).equal(said, wanted) is equal


@pytest.mark.parametrize("option", ["tolerance=-1", "timeout_s=0", "memory_mb=1"])
def test_options_that_make_no_sense_are_refused(option):
    with pytest.raises(UsageError):
        build_scorer(f"code_output:{option}")
