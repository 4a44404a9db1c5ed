"""Users' own patterns, those too that would never end."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from downroute.records import Answer
from downroute.store import Redaction, Store
from downroute.store.own_patterns import OwnPatterns
from downroute.store.redaction import DROPPED

ENDLESS = "(a+)+$"
TRAP = "a" * 60 + "!"


@pytest.fixture
def endless():
    patterns = OwnPatterns(["ORD-[0-9]+", ENDLESS])
    yield patterns
    patterns.close()


def test_a_pattern_that_does_not_end_costs_its_text_and_no_other(endless):
    assert endless.replaced("ORD-17 😀 \ud83d") == "[custom] 😀 \ud83d"
    assert endless.replaced(TRAP) is None
    assert endless.replaced("ORD-18") == "[custom]"


def test_other_threads_run_while_a_pattern_does_not_end(endless):
    endless.replaced("")
    turns, done = 0, threading.Event()
    thread = threading.Thread(target=lambda: (endless.replaced(TRAP), done.set()))
    thread.start()
    while not done.is_set():
        time.sleep(0.001)
        turns += 1
    thread.join()
    assert turns > 3, "in this process the pattern would have held everybody for ever"


def test_a_long_text_is_given_longer_and_comes_back_whole(endless):
    text = "some ORD-1 words " * 60_000
    assert endless.replaced(text) == text.replace("ORD-1", "[custom]")


def test_beyond_what_may_be_wasted_in_a_minute_texts_are_dropped_untried():
    told = []
    patterns = OwnPatterns([ENDLESS], patience_s=0.3, dropped=lambda: told.append(1))
    for _ in range(2):
        assert patterns.replaced(TRAP) is None
    assert patterns.replaced("harmless") is None
    assert patterns._process is None
    assert len(told) == 3


def test_a_process_that_was_killed_is_replaced(endless):
    endless.replaced("x")
    os.kill(endless._process.pid, signal.SIGKILL)
    endless._process.wait()
    assert endless.replaced("ORD-1") == "[custom]"


def test_no_process_outlives_the_one_it_works_for():
    code = (
        "import os; from downroute.store.own_patterns import OwnPatterns\n"
        f"p = OwnPatterns([{ENDLESS!r}]); p.replaced('x'); print(p._process.pid, flush=True)\n"
        f"p._process.stdin.write(b'\"{TRAP}\"\\n'); os._exit(1)"
    )
    ran = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    pid, ends_at = int(ran.stdout), time.monotonic() + 20
    while _state(pid) != "Z":
        assert time.monotonic() < ends_at, "it still runs"
        time.sleep(0.02)


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return "Z"


def test_a_text_that_cannot_be_redacted_is_not_stored(tmp_path, make_call):
    request = {"messages": [{"role": "user", "content": TRAP}, {"role": "user", "content": "hi"}]}
    call = make_call("c1", request=request, answer=Answer(text="fine ORD-9"))
    redaction = Redaction(["ORD-[0-9]+", ENDLESS])
    with Store.open(tmp_path / "s", redaction=redaction) as store:
        store.calls.add([call], "redacted")
        (kept,) = store.calls.each(with_bodies=True)
        assert [m["content"] for m in kept.request["messages"]] == [DROPPED, "hi"]
        assert kept.answer.text == "fine [custom]"
        assert kept.altered
        data = b"".join(file.read_bytes() for file in (tmp_path / "s").iterdir())
        assert b"aaaa" not in data


def test_without_own_patterns_there_is_no_process():
    redaction = Redaction()
    assert redaction.text("plain") == "plain"
    assert redaction._extra._process is None
