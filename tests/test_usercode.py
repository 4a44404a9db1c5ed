"""Real functions in a real process."""

import time

import pytest

from downroute.records import Answer, ToolCall
from downroute.usercode import UserCode, UserVerdict

MINE = """
import os, time
print("on import")

def polite(answer, request):
    print("this is no verdict")
    return "please" in answer["text"]

def calls(answer, request):
    return [c["name"] for c in answer["tool_calls"]] == [t["name"] for t in request["tools"]]

def silent(answer, request):
    return None

def unclear(answer, request):
    return "yes"

def broken(answer, request):
    raise ValueError("the answer was: " + answer["text"])

def slow(answer, request):
    time.sleep(60)

def deadly(answer, request):
    os._exit(3)
"""


@pytest.fixture
def code(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(MINE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    code = UserCode()
    yield code
    code.close()


def test_a_function_says_whether_an_answer_passes(code):
    def check(name, answer, request=None):
        return code.check(f"mine:{name}", 5.0, answer, request or {})

    assert check("polite", Answer(text="yes, please")) == UserVerdict(True)
    assert check("polite", Answer(text="no")) == UserVerdict(False)
    call = Answer(tool_calls=(ToolCall("f", "{}"),))
    assert check("calls", call, {"tools": [{"name": "f"}]}) == UserVerdict(True)
    assert check("silent", call) == UserVerdict(None)


def test_a_function_that_cannot_say_is_told_without_a_word_of_the_answer(code):
    secret = Answer(text="hunter2")
    for name, fault in (
        ("unclear", "said str, not True, False or None"),
        ("broken", "mine:broken failed: ValueError"),
        ("absent", "mine:absent failed: AttributeError"),
        ("deadly", "the process ended"),
    ):
        assert code.check(f"mine:{name}", 5.0, secret, {}) == UserVerdict(None, fault)
    assert code.check("no_such:f", 5.0, secret, {}).fault == "no_such:f failed: ModuleNotFoundError"


def test_a_function_that_takes_too_long_is_ended_and_the_next_one_runs(code):
    began = time.monotonic()
    assert code.check("mine:slow", 0.2, Answer(text=""), {}).fault == "took longer than 0.2 s"
    assert time.monotonic() - began < 10
    assert code.check("mine:polite", 5.0, Answer(text="please"), {}).passed is True
