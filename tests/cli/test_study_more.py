"""Failures first, Markdown, and a study told again."""

from __future__ import annotations

import json
import re

import pytest


@pytest.fixture
def studied(work, recording, downroute, replay):
    """A finished study whose candidate is wrong more often, and what it printed."""
    recording(200, large=5, small=60)
    assert downroute("import", "triage.jsonl", "--served", "large").code == 0
    with replay("triage.jsonl") as upstream:
        done = downroute(
            "study", "--baseline", "large", "--candidate", "small", "--upstream", upstream,
            "--yes", "--no-cascade", "--failures", "--failures-html", "failures.html",
            "--markdown", "study.md",
        )  # fmt: skip
    assert done.code == 100, done.err
    return done


def test_failures_come_worst_first_with_everything_needed_to_judge_them(studied, work):
    kinds = re.findall(r"── triage: (candidate worse|both wrong|baseline worse)", studied.out)
    assert kinds and kinds == sorted(
        kinds, key=["candidate worse", "both wrong", "baseline worse"].index
    )
    assert "[user] Ticket number" in studied.out and "right: " in studied.out
    page = (work / "failures.html").read_text()
    count = len(re.findall("<article", page))
    assert count > 20 and f"{count}</span> shown" in page
    assert "script-src 'sha256-" in page and "http" not in page.replace("http-equiv", "")


def test_the_markdown_holds_verdict_gap_cost_and_the_policy_s_change(studied, work):
    text = (work / "study.md").read_text()
    assert text.startswith("### 0 of 1 tasks can move from large to small")
    assert "| triage | **keep** |" in text and "```diff" in text and "policy rollback" in text
    assert "downroute study --baseline large --candidate small" in text and "--seed 0" in text
    assert "small: $0.15 in, $0.6 out per million tokens" in text


def test_a_study_is_told_again_from_the_ledger(studied, downroute, work):
    again = downroute("report", "--study", "last", "--html", "page.html")
    assert again.code == 0 and "**keep**" in again.out
    assert "0 of 1 tasks can move" in (work / "page.html").read_text()
    stored = json.loads(downroute("report", "--study", "last", "--json").out)
    assert stored["tasks"][0]["verdict"] == "keep"
    assert downroute("report", "--study", stored["study"]).code == 0
    unknown = downroute("report", "--study", "nothing")
    assert unknown.code == 2 and stored["study"] in unknown.err
    assert downroute("report", "--markdown", "x.md").code == 2


def test_the_failures_of_an_earlier_study_are_read_from_the_store_alone(studied, downroute, work):
    told = downroute("report", "--failures", "--task", "triage", "--html", "again.html", "--json")
    assert told.code == 0, told.err
    failed = json.loads(told.out)["failures"]
    assert len(failed) == len(re.findall("<article", (work / "failures.html").read_text()))
    assert (work / "again.html").read_text() == (work / "failures.html").read_text()
    first = failed[0]
    assert first["kind"] == "candidate worse" and first["scores"] == [1.0, 0.0]
    assert first["candidate"] != first["reference"] == first["baseline"]
    assert "── triage: candidate worse" in downroute("report", "--failures").out


def test_markdown_of_hostile_names_stays_text():
    from downroute.reports.study_markdown import _fenced, _plain

    assert _plain("a|b\n# <img> @you `x`") == r"a\|b \# \<img\> \@you \`x\`"
    assert _fenced("```\nx", "diff").startswith("````diff")


def test_hostile_answers_stay_text(tmp_path):
    from downroute.reports.failures_page import write_failures_page

    hostile = "</pre><script>alert(1)</script>"
    row = {
        "task": hostile, "example": "1", "kind": "candidate worse", "slice": hostile,
        "prompt": hostile, "reference": hostile, "baseline": hostile, "candidate": hostile,
        "scores": [1.0, 0.0], "why": [None, hostile],
    }  # fmt: skip
    write_failures_page(tmp_path / "f.html", [row], "large", ["small"])
    page = (tmp_path / "f.html").read_text()
    assert "<script>alert" not in page and page.count("<script>") == 1


@pytest.mark.parametrize("option", ["--html", "--markdown", "--failures-html", "--export-grades"])
def test_a_file_that_cannot_be_written_is_refused_before_anything_is_asked(
    option, work, recording, downroute
):
    recording(60, large=5, small=5)
    assert downroute("import", "triage.jsonl", "--served", "large").code == 0
    (work / "folder").mkdir()
    for path, why in (("no/such/page", "there is no folder"), ("folder", "it is a folder")):
        done = downroute(
            "study", "--baseline", "large", "--candidate", "small", "--upstream",
            "http://127.0.0.1:9", "--yes", option, path,
        )  # fmt: skip
        assert done.code == 2 and why in done.err and "Plan" not in done.out, done.err
