"""The page of failures in a real browser: 2,000 pairs, hostile ones among them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from downroute.reports.failures_page import write_failures_page

CHROMIUM = Path("/usr/bin/chromium")
KINDS = ("candidate worse", "both wrong", "baseline worse", "unscored")
HOSTILE = "</pre></script><script>document.title='owned'</script><img src=x onerror=alert(1)>"


def pair(number: int) -> dict[str, Any]:
    return {
        "task": f"task-{number % 5}",
        "example": str(number),
        "kind": KINDS[number % 4],
        "slice": f"slice-{number % 7}",
        "prompt": f"[user] question {number} " + "some words " * 50,
        "reference": HOSTILE,
        "baseline": HOSTILE,
        "candidate": f"answer {number}",
        "scores": [1.0, 0.0],
        "why": [None, "another number"],
    }


@pytest.mark.skipif(not CHROMIUM.exists(), reason="no /usr/bin/chromium here")
def test_two_thousand_pairs_are_filtered_and_searched_and_nothing_else_runs(tmp_path):
    sync = pytest.importorskip("playwright.sync_api")
    file = tmp_path / "failures.html"
    write_failures_page(file, [pair(n) for n in range(2000)], "large", ["small"])
    with sync.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 390, "height": 844})
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(file.as_uri())
        assert page.inner_text("#shown") == "2000" and page.title() == "Failures"
        page.select_option("[data-by=task]", "task-1")
        page.select_option("[data-by=kind]", "both wrong")
        assert page.inner_text("#shown") == "100"
        page.fill("#search", "QUESTION 1981 another")
        assert page.inner_text("#shown") == "1"
        assert (page.locator("article:visible").text_content() or "").count("question 1981") == 1
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        told = "n => getComputedStyle(n, '::before').content"
        cells = page.locator("article:visible td")
        assert cells.first.evaluate(told) == '"large (1)"', "whose answer it is, narrow too"
        assert cells.last.evaluate(told) == '"small (0)"'
        assert asked == [file.as_uri()]
        browser.close()
