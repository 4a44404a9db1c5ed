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
from downroute.store.redaction import DROPPED, LONGEST_HERE
from downroute.store.redaction_process import RedactionProcess
from downroute.store.redaction_rules import redacted

ENDLESS = "(a+)+$"
TRAP = "a" * 60 + "!"


@pytest.fixture
def endless():
    patterns = RedactionProcess(["ORD-[0-9]+", ENDLESS])
    yield patterns
    patterns.close()


def test_a_pattern_that_does_not_end_costs_its_text_and_no_other(endless):
    assert endless.redacted("ORD-17 😀 \ud83d") == "[custom] 😀 \ud83d"
    assert endless.redacted(TRAP) is None
    assert endless.redacted("ORD-18") == "[custom]"


def test_other_threads_run_while_a_pattern_does_not_end(endless):
    endless.redacted("")
    turns, done = 0, threading.Event()
    thread = threading.Thread(target=lambda: (endless.redacted(TRAP), done.set()))
    thread.start()
    while not done.is_set():
        time.sleep(0.001)
        turns += 1
    thread.join()
    assert turns > 3, "in this process the pattern would have held everybody for ever"


def test_a_long_text_is_given_longer_and_comes_back_whole(endless):
    text = "some ORD-1 words " * 60_000
    assert endless.redacted(text) == text.replace("ORD-1", "[custom]")


def test_beyond_what_may_be_wasted_in_a_minute_texts_are_dropped_untried():
    told = []
    redaction = Redaction([ENDLESS], patience_s=0.3, dropped=lambda: told.append(1))
    for _ in range(2):
        assert redaction.text(TRAP) == DROPPED
    assert redaction.text("harmless") == DROPPED
    assert redaction._process._process is None
    assert len(told) == 3


def test_a_process_that_was_killed_is_replaced(endless):
    endless.redacted("x")
    os.kill(endless._process.pid, signal.SIGKILL)
    endless._process.wait()
    assert endless.redacted("ORD-1") == "[custom]"


def test_no_process_outlives_the_one_it_works_for():
    code = (
        "import os; from downroute.store.redaction_process import RedactionProcess\n"
        f"p = RedactionProcess([{ENDLESS!r}]); p.redacted('x'); print(p._process.pid, flush=True)\n"
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


def test_short_texts_need_no_process_where_there_are_no_own_patterns():
    redaction = Redaction()
    assert redaction.text("to a@b.org") == "to [email]"
    assert redaction._process._process is None


def test_a_long_text_is_redacted_elsewhere_as_it_would_be_here_also_where_that_fails(monkeypatch):
    text = "mail a@b.org, pay 4111 1111 1111 1111, 😀 \ud83d; " * (LONGEST_HERE // 20)
    redaction = Redaction()
    elsewhere = redaction.text(text)
    assert redaction._process._process is not None
    redaction.close()
    assert elsewhere == redacted(text)
    monkeypatch.setattr(sys, "executable", "/nonexistent")
    assert Redaction().text(text) == elsewhere
