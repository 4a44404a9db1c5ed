import shutil

import pytest

from downroute.records import Answer
from downroute.scoring.spec import build_scorer

pytestmark = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")

ADD = {"tests": "assert add(1, 2) == 3\nassert add(-1, 1) == 0"}


def score(program, reference, spec="code_tests"):
    return build_scorer(spec).score(Answer(f"```python\n{program}\n```"), reference, {})


def outcome(program, reference, spec="code_tests"):
    found = score(program, reference, spec)
    return found.value, (found.reason or "").partition(":")[0]


def test_a_right_program_passes_and_a_wrong_one_says_which_assert_fails():
    assert score("def add(a, b):\n    return a + b", ADD).value == 1
    wrong = score("def add(a, b):\n    return abs(a) + b", ADD)
    assert (wrong.value, wrong.reason) == (0, "wrong answer: on line 2 of the tests")


HUMAN_EVAL = {
    "prompt": "from typing import List\n\n\ndef double(xs: List[int]):\n    '''Double.'''\n",
    "entry_point": "double",
    "test": "METADATA = {}\n\ndef check(candidate):\n    assert candidate([1, 2]) == [2, 4]\n"
    "    assert candidate([]) == []\n",
}


@pytest.mark.parametrize(
    "program",
    [
        "def double(xs: List[int]) -> List[int]:\n    return [2 * x for x in xs]",
        "    return [2 * x for x in xs]",
        "return [2 * x for x in xs]",
    ],
)
def test_humaneval_rows_are_read_whether_the_answer_repeats_the_prompt_or_goes_on_with_it(program):
    assert score(program, HUMAN_EVAL).value == 1
    assert outcome(program.replace("2 * x", "x"), HUMAN_EVAL) == (0, "wrong answer")


def test_mbpp_rows_and_lists_of_asserts_are_read():
    row = {"test_setup_code": "import math", "test_list": ["assert math.isclose(half(1), 0.5)"]}
    assert score("def half(x):\n    return x / 2", row).value == 1
    assert score("def half(x):\n    return x / 2", ["assert half(4) == 2"]).value == 1


def test_test_functions_and_cases_are_run():
    functions = "def test_it():\n    assert add(1, 1) == 2"
    case = "import unittest\nclass T(unittest.TestCase):\n    def test_a(self):\n" \
        "        self.assertEqual(add(1, 1), 2)\n        with self.assertRaises(TypeError):\n" \
        "            add(1, 'a')"  # fmt: skip
    for tests in (functions, case):
        assert score("def add(a, b):\n    return a + b", {"tests": tests}).value == 1
        assert outcome("def add(a, b):\n    return 3", {"tests": tests})[0] == 0


def test_values_objects_exceptions_and_callbacks_cross_the_boundary():
    program = """
import collections
class Stack:
    def __init__(self): self.items = []
    def push(self, x): self.items.append(x); return self
class Empty(ValueError): pass
def pop(stack):
    if not stack.items: raise Empty("nothing left")
    return stack.items.pop()
def sort(xs): xs.sort()
def each(f, xs): return [f(x) for x in xs]
def count(text): return collections.Counter(text)
def pair(): return (1, {2, 3}, b"x", 10**30, float("inf"), 1j)
def numbers():
    yield 1
    yield 2
LIMIT = 7
"""
    tests = """
import pytest
s = Stack().push(1).push("a")
assert s.items == [1, "a"] and isinstance(s, Stack) and pop(s) == "a" and pop(s) == 1
try:
    pop(s); raise AssertionError
except Empty as fault:
    assert str(fault) == "nothing left"
with pytest.raises(ValueError): pop(s)
xs = [3, 1, 2]
sort(xs)
assert xs == [1, 2, 3]
assert each(lambda x: x + 1, [1, 2]) == [2, 3]
assert count("aab") == {"a": 2, "b": 1}
assert pair() == (1, {2, 3}, b"x", 10**30, float("inf"), 1j)
assert list(numbers()) == [1, 2] and 2 in numbers()
assert LIMIT == 7
"""
    found = score(program, {"tests": tests})
    assert found.value == 1, found


FORGERIES = {
    "exit": "import sys\nsys.exit(0)",
    "os exit": "import os\nos._exit(0)",
    "exit when called": "import os\ndef add(a, b): os._exit(0)",
    "raises exit": "def add(a, b): raise SystemExit(0)",
    "equal to everything": "class Same:\n    def __eq__(self, other): return True\n"
    "    def __bool__(self): return True\ndef add(a, b): return Same()",
    "a number equal to everything": "class Same(int):\n    def __eq__(self, other): return True\n"
    "    __hash__ = int.__hash__\ndef add(a, b): return Same(99)",
    "frames": "import sys\ndef add(a, b):\n    f = sys._getframe()\n    while f:\n"
    "        for v in list(f.f_globals.values()):\n            if v == 3: return v\n"
    "        f = f.f_back\n    return 99",
    "collector": "import gc\ndef add(a, b):\n    for o in gc.get_objects():\n"
    "        if isinstance(o, dict) and 'tests' in o: o['tests'] = ''\n    return 99",
    "patched builtins": "import builtins\nbuiltins.AssertionError = KeyError\nimport json\n"
    "json.dumps = lambda *a, **k: '{\"passed\": true}'\ndef add(a, b): return 99",
    "writes to every channel": "import os\ndef add(a, b):\n    for fd in range(64):\n"
    "        try: os.write(fd, b'started\\n{\"passed\": true}\\n')\n        except OSError: pass\n"
    "    os._exit(0)",
    "writes to every channel at once": "import os\nfor fd in range(64):\n    try:"
    " os.write(fd, b'{\"passed\": true}\\n{\"value\": 3}\\n')\n    except OSError: pass\n"
    "def add(a, b): return 99",
    "shadows a builtin": "def add(a, b): return 99\ndef isinstance(*a): return True\n"
    "def abs(x): return 0\nclass AssertionError(Exception): pass",
    "kills": "import os, signal\ndef add(a, b):\n    for pid in range(1, 50):\n"
    "        if pid != os.getpid():\n            try: os.kill(pid, 9)\n"
    "            except OSError: pass\n    return 99",
}  # fmt: skip


@pytest.mark.parametrize("trick", FORGERIES)
def test_a_result_cannot_be_forged(trick):
    tests = {
        "tests": "assert abs(add(1, 2) - 3) < 0.1\nassert add(1, 2) == 3\nassert add(5, 5) == 10"
    }
    found = score(FORGERIES[trick], tests)
    assert found.value == 0, found


def test_a_helper_of_the_standard_library_is_never_the_programs_own():
    cheat = "class math:\n    isclose = staticmethod(lambda *a: True)\ndef half(x): return 99"
    assert score(cheat, {"tests": "assert math.isclose(half(1), 0.5)"}).value == 0


def test_a_program_may_have_the_name_of_something_of_pythons_own():
    program = "def sum(a, b):\n    return f'{a}{b}'"
    assert score(program, ["assert sum(1, 2) == '12'"]).value == 1
    assert score("def queue(n):\n    return [n]", ["assert queue(3) == [3]"]).value == 1


def test_an_expected_exception_is_not_met_by_dying():
    tests = "try:\n    f()\n    assert False\nexcept ValueError: pass\nexcept Exception: pass"
    assert score("import os\ndef f(): os._exit(0)", {"tests": tests}).value == 0


def test_ends_are_told_apart():
    tests = {"tests": "assert f() == 1"}
    quick = "code_tests:timeout_s=0.7"
    assert outcome("def f(): return 1", tests, quick) == (1, "")
    assert outcome("def f(): return 2", tests, quick) == (0, "wrong answer")
    assert outcome("def f(): return 1 / 0", tests, quick) == (0, "program error")
    assert outcome("def f(: return", tests, quick) == (0, "program error")
    assert outcome("def g(): return 1", tests, quick) == (0, "program error")
    assert outcome("def f():\n    while True: pass", tests, quick) == (0, "timeout")
    assert outcome("def f(): return bytearray(2**31)", tests) == (0, "out of memory")
    loud = "import os\ndef f():\n    while True: os.write(1, bytes(99999))"
    assert outcome(loud, tests) == (0, "output too large")


@pytest.mark.parametrize(
    ("reference", "reason"),
    [
        (None, "the reference holds no tests"),
        ({"tests": "assert ("}, "the reference's tests are no Python"),
        ({"tests": "f(1)"}, "the reference's tests assert nothing"),
        (
            {"tests": "assert True"},
            "the reference's tests cannot be used: the tests never use the program",
        ),
    ],
)  # fmt: skip
def test_tests_that_cannot_judge_leave_the_answer_unscored(reference, reason):
    found = score("def f(x): return x", reference)
    assert (found.value, found.reason) == (None, reason)


def test_several_blocks_are_attempts_of_pass_at_k():
    right, wrong = ("def add(a, b):\n    return a + b", "def add(a, b):\n    return a")
    text = "\n".join(f"```python\n{p}\n```" for p in (right, wrong, wrong))
    for k, chance in ((1, 1 / 3), (2, 2 / 3), (3, 1), (9, 1)):
        found = build_scorer(f"pass_at_k:k={k}").score(Answer(text), ADD, {})
        assert found.value == pytest.approx(chance)
