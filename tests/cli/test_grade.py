"""`downroute grade` as its users meet it: a real study, real links, a real browser."""

import json
import re
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
browser_here = pytest.mark.skipif(not CHROMIUM.exists(), reason="no /usr/bin/chromium here")
BASELINE, CANDIDATE = "canary-dear-91x", "canary-thrifty-17y"
HOSTILE = "<script>window.hacked=1</script><img src=x onerror='window.hacked=1'>"
CONFIG = f"""\
prices:
  {BASELINE}: {{input: 2.5, output: 10}}
  {CANDIDATE}: {{input: 0.15, output: 0.6}}
tasks: {{letters: {{rubric: "Polite, and **answers** the question. {HOSTILE}"}}}}
"""


def completion(model, text):
    message = {"role": "assistant", "content": text}
    usage = {"prompt_tokens": 40, "completion_tokens": 9, "total_tokens": 49}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {"model": f"{model}-2026", "choices": [choice], "usage": usage}


def write_letters(work, rows=300, differ=30):
    """Two models' letters, of which so many differ; "good" stands in the better one."""
    recorded, chats = [], []
    for number in range(rows):
        asked = [
            {"role": "system", "content": "Write a letter."},
            {"role": "user", "content": f"Letter {number} please {HOSTILE}"},
        ]
        text = f"Dear reader, this is letter number {number}."
        first = second = text
        if number < differ:
            first = f"{text} From the dear side {HOSTILE} as {BASELINE} I am sure."
            second = f"{text} From the thrifty side, **kindly**, [here](https://evil.example/)."
        recorded.append(
            {
                "id": f"letters/{number}",
                "task": "letters",
                "request": {"messages": asked},
                "responses": {
                    BASELINE: {"completion": completion(BASELINE, first)},
                    CANDIDATE: {"completion": completion(CANDIDATE, second)},
                },
            }
        )
        said = {"role": "assistant", "content": first}
        chats.append(
            {"model": BASELINE, "messages": [*asked, said], "metadata": {"task": "letters"}}
        )
    for name, lines in (("letters.jsonl", recorded), ("chat.jsonl", chats)):
        (work / name).write_text("".join(json.dumps(line) + "\n" for line in lines))


STUDY = ["study", "--baseline", BASELINE, "--candidate", CANDIDATE]


@pytest.fixture(scope="module")
def studied(tmp_path_factory):
    """Folders with a finished study, by how it was made: tests begin with a copy."""
    return tmp_path_factory.mktemp("studied"), {}


@pytest.fixture
def waiting(work, downroute, replay, studied):
    """A store whose study waits for grades; nothing answers any more."""
    kept, tasks = studied

    def study(how):
        (work / "downroute.yaml").write_text(CONFIG)
        write_letters(work, **how)
        assert downroute("import", "chat.jsonl").code == 0
        with replay("letters.jsonl") as url:
            done = downroute(*STUDY, "--upstream", url, "--yes", "--json")
        assert done.code == 101, done.err
        (task,) = json.loads(done.out)["tasks"]
        assert task["stopped"] == "waiting for grades"
        return task

    def make(**how):
        name = f"study {sorted(how.items())}"
        if name not in tasks:
            tasks[name] = study(how)
            shutil.copytree(work, kept / name)
        else:
            shutil.copytree(kept / name, work, dirs_exist_ok=True)
        return tasks[name]

    return make


@contextmanager
def chromium():
    """A browser. While it is open this thread runs its loop, so nothing else can run one."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield browser
        browser.close()


@contextmanager
def grading(folder, *arguments):
    """The command as a process; yields it and its links."""
    command = [sys.executable, "-m", "downroute", "grade", *arguments]
    command += [] if "--port" in arguments else ["--port", "0"]
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    lines, links = [], {}
    stream = process.stderr if "--json" in arguments else process.stdout
    while not any("Ctrl-C" in line for line in lines):
        line = stream.readline()
        assert line, process.communicate()
        lines.append(line)
        found = re.match(r"(\S+): (http://\S+)", line)
        if found:
            links[found.group(1)] = found.group(2)
    try:
        yield process, links
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.communicate(timeout=20)


def get(url, body=None):
    request = urllib.request.Request(url)
    if body is not None:
        request.data = json.dumps(body).encode()
        request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=20) as reply:
        return reply.headers, reply.read().decode()


def refused(url, body=None):
    """The status and headers of a refusal."""
    with pytest.raises(urllib.error.HTTPError) as caught:
        get(url, body)
    with caught.value as reply:
        return reply.code, reply.headers


def sight(url):
    return json.loads(get(url + "turn")[1])


def better(card):
    """The side of the candidate's letter."""
    return "a" if "thrifty side" in card["a"]["raw"] else "b"


def test_grades_given_over_the_wire_end_in_the_study_s_own_verdict(work, waiting):
    needed = waiting()["need"]["grades"]
    assert needed == 30
    with grading(work, "--json") as (process, links):
        url = links["grader"]
        seen, sides = sight(url), []
        said = [json.dumps(seen)]
        while seen["card"]:
            assert seen["given"] == len(sides) and 1 <= seen["more"] <= seen["most"]
            assert seen["most"] == 30 - len(sides)
            sides.append(better(seen["card"]))
            headers, text = get(url + "grade", {"card": seen["card"]["id"], "grade": sides[-1]})
            said += [str(headers), text]
            seen = json.loads(text)
        out, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    report = json.loads(out)
    (task,) = report["tasks"]
    assert task["verdict"] == "route" and task["graded"] == len(sides) < 30
    assert CANDIDATE in (work / "policy.yaml").read_text()
    # Nothing of it named a model.
    told = " ".join(said).lower()
    assert not any(name in told for name in ("canary", "91x", "17y", "baseline", "candidate"))


def test_the_link_is_the_only_way_in_and_expires(work, waiting, downroute):
    waiting()
    with grading(work, "--graders", "anna") as (_, links):
        url = links["anna"]
        headers, page = get(url)
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["Referrer-Policy"] == "no-referrer" and "<script>" not in page
        for path in ("../nobody/", "../nobody/turn", "../../", "../../static/../server.py"):
            code, headers = refused(url + path)
            assert code == 404 and "default-src 'none'" in headers["Content-Security-Policy"]
        card = sight(url)["card"]["id"]
        for body in ({"card": "p-1", "grade": "a"}, {"card": card, "grade": "best"}):
            assert refused(url + "grade", body)[0] == 400
        expire(work)
        assert refused(url)[0] == 410


def expire(work):
    from downroute.store import Store

    with Store.open(work / ".downroute") as store:
        (study,) = store.ledger.studies()
        store.blinding.open_link(study.id, "anna", -1.0)


def test_two_graders_share_the_work_and_agree_in_numbers(work, waiting, downroute):
    waiting()
    with grading(work, "--graders", "anna,ben") as (process, links):
        graded = {"anna": [], "ben": []}
        for turn in range(24):
            name = ("anna", "ben")[turn % 2]
            other = links["ben" if name == "anna" else "anna"]
            seen = sight(links[name])
            if seen["card"] is None:
                break
            assert sight(other)["card"]["request"] != seen["card"]["request"]
            word = better(seen["card"])
            get(links[name] + "grade", {"card": seen["card"]["id"], "grade": word})
            graded[name].append(seen["card"]["request"])
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
    status = json.loads(downroute("grade", "--status", "--json").out)
    assert set(status["graders"]) == {"anna", "ben"}
    shared = set(graded["anna"]) & set(graded["ben"])
    assert len(shared) == status["agreement"]["pairs"] > 0
    assert status["agreement"]["raw"] == 1.0


@browser_here
def test_thirty_pairs_by_keyboard_survive_a_reload_and_a_kill(work, waiting, downroute):
    from playwright.sync_api import expect

    waiting(rows=120, differ=36)
    heard = []

    def grade_on(page, done, until):
        """Alternately for and against the candidate, so that it takes many."""
        over = page.locator("#over")
        while done < until:
            expect(page.locator("#progress")).to_contain_text(f"{done} graded")
            if over.is_visible():
                break
            side = "a" if "thrifty" in page.inner_text("#a .body") else "b"
            page.keyboard.press(side if done % 2 else {"a": "b", "b": "a"}[side])
            done += 1
        return done

    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.on("response", lambda reply: heard.append(reply))  # noqa: PLW0108
        left = page.locator("#a .body")
        with grading(work) as (process, links):
            page.goto(links["grader"])
            expect(page.locator("#rubric")).to_contain_text("Polite, and answers")
            expect(page.locator("#request")).to_contain_text("<script>window.hacked")
            assert page.locator("main a, main script, main img").count() == 0
            first = left.inner_text()
            page.keyboard.press("s")
            expect(page.locator("#progress")).to_contain_text("skipped")
            assert left.inner_text() != first
            page.keyboard.press("u")
            expect(page.locator("#progress")).to_contain_text("taken back")
            assert left.inner_text() == first
            assert grade_on(page, 0, 6) == 6
            expect(page.locator("#progress")).to_contain_text("6 graded")
            before = left.inner_text()
            page.reload()
            expect(page.locator("#progress")).to_contain_text("6 graded")
            assert left.inner_text() == before
            process.kill()
            process.wait()
        port = re.search(r":(\d+)/", links["grader"]).group(1)
        with grading(work, "--port", port) as (process, again):
            assert again == links
            # The page that was open all the while goes on.
            done = grade_on(page, 6, 37)
            expect(page.locator("#over")).to_be_visible()
            process.communicate(timeout=30)
        assert page.evaluate("window.hacked") is None
        told = json.dumps([[r.url, r.headers] for r in heard])
        page.close()
    assert done >= 30 and process.returncode in (0, 100, 101)
    status = json.loads(downroute("grade", "--status", "--json").out)
    assert status["graders"] == {"grader": done}
    assert "canary" not in told
    assert {r.url.split("/g/")[0] for r in heard if "/g/" in r.url} == {f"http://127.0.0.1:{port}"}


@browser_here
def test_two_graders_at_once_never_see_one_pair_and_both_are_told_the_end(work, waiting, downroute):
    from playwright.sync_api import expect

    waiting()
    names = ("anna", "ben")
    graded = dict.fromkeys(names, 0)
    with chromium() as browser, grading(work, "--graders", ",".join(names)) as (process, links):
        pages = {name: browser.new_page() for name in names}
        for name, page in pages.items():
            page.goto(links[name])
            expect(page.locator("#progress")).to_contain_text("0 graded · about")
        for turn in range(30):
            for name, page in pages.items():
                expect(page.locator("#progress")).to_contain_text(f"{graded[name]} graded")
            if any(page.locator("#over").is_visible() for page in pages.values()):
                break
            asked = {page.inner_text("#request") for page in pages.values()}
            # Every fifth pair is one that the other has graded, so that agreement can be told.
            assert len(asked) == 2, turn
            sides = {n: "a" if "thrifty" in p.inner_text("#a .body") else "b" for n, p in
                     pages.items()}  # fmt: skip
            for name, page in pages.items():
                page.keyboard.press(sides[name])
                graded[name] += 1
        for page in pages.values():
            expect(page.locator("#over")).to_be_visible(timeout=15_000)
            page.close()
        process.communicate(timeout=30)
    status = json.loads(downroute("grade", "--status", "--json").out)
    assert status["graders"] == graded and min(graded.values()) > 5
    assert status["agreement"]["pairs"] > 0 and status["agreement"]["raw"] == 1.0
    assert process.returncode == 0 and status["tasks"]["letters"]["verdict"] == "route"


@browser_here
def test_one_file_grades_without_a_server_and_comes_back(work, waiting, downroute):
    from playwright.sync_api import expect

    waiting()
    assert downroute("grade", "--export", "pairs.html").code == 101
    text = (work / "pairs.html").read_text()
    assert "canary" not in text and "<script>window" not in text
    asked = []
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 390, "height": 844})
        page.on("request", lambda r: asked.append(r.url))
        faults = []
        page.on("pageerror", lambda fault: faults.append(str(fault)))
        page.goto((work / "pairs.html").as_uri())
        for number in range(30):
            expect(page.locator("#progress")).to_contain_text(f"{number} graded")
            if number == 7:
                page.reload()
                expect(page.locator("#progress")).to_contain_text("7 graded")
            assert page.evaluate("document.documentElement.scrollWidth <= 390")
            page.keyboard.press("a" if "thrifty" in page.inner_text("#a .body") else "b")
        expect(page.locator("#over")).to_be_visible()
        with page.expect_download() as coming:
            page.keyboard.press("d")
        coming.value.save_as(work / "result.json")
        assert page.evaluate("window.hacked") is None and faults == []
        page.close()
    assert all(url.startswith(("file://", "data:", "blob:")) for url in asked)
    done = downroute("grade", "--import", "result.json", "--json")
    assert done.code == 0, done.err
    (task,) = json.loads(done.out)["tasks"]
    assert task["verdict"] == "route"
    assert CANDIDATE in (work / "policy.yaml").read_text()


def test_mistakes_are_one_clear_line(work, waiting, downroute):
    assert "no store" in downroute("grade").err
    waiting()
    for arguments, said in (
        (["--expires", "soon"], "--expires"),
        (["--graders", " , "], "--graders"),
        (["--study", "none"], "there is no study"),
        (["--import", "downroute.yaml"], "not JSON"),
        (["--import", "letters.jsonl"], "not JSON"),
        (["--export", "chat.jsonl"], "exists"),
        (["--host", "198.51.100.7"], "cannot listen"),
    ):
        done = downroute("grade", *arguments)
        assert done.code in (1, 2) and said in done.err and "Traceback" not in done.err, arguments
