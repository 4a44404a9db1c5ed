import json
from pathlib import Path

import pytest


def row(system: str, question: str, answer: str, *, at: int | None = None, **more: object) -> str:
    messages = [
        {"role": "system", "content": system},
        {"role": "user", "content": question},
        {"role": "assistant", "content": answer},
    ]
    usage = {"prompt_tokens": 100, "completion_tokens": 10}
    times = {} if at is None else {"created": at}
    return json.dumps({"model": "gpt-4o", "messages": messages, "usage": usage, **times, **more})


@pytest.fixture
def log(tmp_path: Path) -> None:
    rows = [
        row("Sort tickets.", f"ticket {n}", ("bug", "billing")[n % 2], metadata={"task": "triage"})
        for n in range(30)
    ]
    rows += [
        row("Translate.", f"sentence {n}", f"a long translation number {n}") for n in range(10)
    ]
    (tmp_path / "log.jsonl").write_text("\n".join([*rows, "broken"]))


@pytest.mark.usefixtures("log")
def test_the_table_names_each_task_with_its_cost_and_how_it_is_told_apart(downroute):
    downroute("import", "log.jsonl")
    done = downroute("audit", "--calls-per-month", "4000")
    assert done.code == 0
    assert "40 calls in .downroute" in done.out
    [triage] = [line for line in done.out.splitlines() if line.strip().startswith("triage")]
    assert triage.split()[:4] == ["triage", "classification", "30", "gpt-4o"]
    assert "its name or fingerprint" in triage
    assert "unnamed-" in done.out
    assert "1 rows were left out by imports" in done.out
    assert "next: downroute study --baseline gpt-4o" in done.out


@pytest.mark.usefixtures("log")
def test_json_holds_every_figure_and_null_for_what_is_not_known(downroute):
    downroute("import", "log.jsonl")
    report = json.loads(downroute("audit", "--json").out)
    assert report["calls"] == 40
    triage, unnamed = report["tasks"]
    assert (triage["task"], triage["declared"], unnamed["declared"]) == ("triage", True, False)
    assert triage["input_tokens"] == 3000
    assert triage["cost_usd"] == pytest.approx(30 * triage["cost_usd"] / 30)
    assert triage["calls_per_month"] is None
    assert triage["cost_usd_month"] is None
    assert report["left_out"] == 1


@pytest.mark.usefixtures("log")
def test_the_page_is_written_beside_the_table(downroute, tmp_path):
    downroute("import", "log.jsonl")
    done = downroute("audit", "--html", "audit.html")
    assert "page: audit.html" in done.out
    assert "triage" in (tmp_path / "audit.html").read_text()


def test_without_a_store_it_says_how_to_make_one(downroute):
    done = downroute("audit")
    assert done.code == 1
    assert done.err.startswith("error: there is no store in .downroute; `downroute import`")
