import base64
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from downroute.errors import InputError
from downroute.reports.accounts import Policies
from downroute.reports.spend import as_json, summed
from downroute.reports.spend_page import write_spend_page
from downroute.reports.tasks import write_tasks_page
from downroute.reports.verdicts import write_verdicts_page

VERDICTS: dict[str, Any] = {
    "study": "2026-11-23T10:02Z/7",
    "baseline": "large",
    "candidates": ["<script>alert(1)</script>"],
    "margin": 0.05,
    "relative": False,
    "confidence": 0.95,
    "spent_usd": None,
    "unpriced_calls": 3,
    "possibly_paid_calls": 2,
    "possibly_paid_usd": 0.01,
    "tasks": [
        {
            "task": "triage",
            "shape": "classification",
            "candidate": "small",
            "scorer": "exact",
            "examples": 300,
            "graded": 19,
            "unscored": 2,
            "scores": {"large": 0.9, "small": None},
            "gap": 0.004,
            "gap_low": -0.011,
            "gap_high": 0.019,
            "verdict": verdict,
            "stopped": "decided",
            "need": need,
            "saving_share": 0.9,
            "saving_usd_month": [210.0, 260.0],
            "message": None,
            "evidence": {"expires": "2027-02-21"},
        }
        for verdict, need in (
            ("route", None),
            ("keep", None),
            ("inconclusive", {"pairs": 120, "cost_usd": None}),
            ("inconclusive", {"grades": 19, "of": 400, "pairs": 0}),
        )
    ],
}
TASKS: dict[str, Any] = {
    "calls": 10,
    "tasks": [
        {
            "task": "a <b>",
            "declared": False,
            "shape": "json",
            "calls": 10,
            "failed": 1,
            "models": {"large": 6, "small": 4},
            "input_tokens": None,
            "output_tokens": 20,
            "usage_estimated": 3,
            "cost_usd": None,
            "unpriced_calls": 2,
            "calls_per_month": None,
            "cost_usd_month": None,
            "shared_fingerprints": {"f1": ["b"], "f2": ["b", "c"]},
        }
    ],
    "unpriced": [{"model": "small", "without_price": 2, "without_tokens": 0}],
    "left_out": 3,
}


class Page(HTMLParser):
    """What a page would load or run, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.wants: list[str] = []
        self.policy = ""
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if tag in ("script", "link", "img", "iframe", "object", "form"):
            self.wants.append(tag)
        self.wants += [f"{tag} {k}" for k in named if k in ("src", "href", "style", "action")]
        self.wants += [f"{tag} {k}" for k in named if k.startswith("on")]
        if named.get("http-equiv") == "Content-Security-Policy":
            self.policy = named["content"] or ""

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.fixture
def pages(tmp_path: Path, afternoon: Any, policy: Any) -> list[Path]:
    report = as_json(summed(afternoon, Policies({policy.digest: policy})))
    nothing = as_json(summed([], Policies()))
    files = [tmp_path / f"{n}.html" for n in range(4)]
    write_spend_page(files[0], report)
    write_spend_page(files[1], nothing)
    write_verdicts_page(files[2], VERDICTS, "policy.yaml")
    write_tasks_page(files[3], TASKS)
    return files


def test_a_page_needs_nothing_but_itself_and_runs_nothing(pages):
    for file in pages:
        page = Page(file.read_text(encoding="utf-8"))
        assert page.wants == []
        assert "default-src 'none'" in page.policy


def test_the_style_is_the_one_the_security_policy_names(pages):
    html = pages[0].read_text(encoding="utf-8")
    [style] = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in Page(html).policy


def test_names_from_logs_are_shown_and_never_run(pages):
    assert "<script>alert(1)</script>" in "".join(Page(pages[2].read_text()).words)
    assert "a <b>" in Page(pages[3].read_text()).words


def test_a_page_says_what_is_not_known_as_a_dash(pages):
    words = Page(pages[1].read_text(encoding="utf-8")).words
    assert "—" in words
    assert not any("None" in word for word in words)


def test_a_page_that_cannot_be_written_is_one_clear_error(tmp_path):
    with pytest.raises(InputError, match="cannot be written: No such file"):
        write_tasks_page(tmp_path / "no" / "folder" / "x.html", TASKS)
