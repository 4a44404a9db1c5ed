import json
import stat
from pathlib import Path

import pytest

from downroute.store import Store


def chat(question: str, answer: str, model: str = "gpt-4o", **more: object) -> str:
    row = {
        "model": model,
        "messages": [
            {"role": "system", "content": "You name capitals."},
            {"role": "user", "content": question},
            {"role": "assistant", "content": answer},
        ],
        **more,
    }
    return json.dumps(row) + "\n"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    file = tmp_path / "calls.jsonl"
    rows = [chat(f"Capital of country {n}?", f"City {n}") for n in range(20)]
    file.write_text("".join([*rows, "{broken\n", '"no row"\n', "[]\n"]))
    return file


def test_calls_are_kept_once_and_bad_rows_aside_with_their_reasons(downroute, log, tmp_path):
    first = downroute("import", log)
    assert first.code == 0
    assert "20 new calls" in first.out
    assert "content of 20 calls kept in .downroute" in first.out
    assert "3 rows left out:" in first.out
    assert f"{log}:21: not JSON" in first.out
    assert "downroute audit --rejected" in first.out
    again = downroute("import", log)
    assert again.code == 0
    assert "0 new calls, 20 known already" in again.out
    assert stat.S_IMODE((tmp_path / ".downroute" / "store.db").stat().st_mode) == 0o600
    with Store.open(tmp_path / ".downroute", create=False) as store:
        assert store.calls.count() == 20
        assert store.rejected.count() == 3
    listed = downroute("audit", "--rejected").out.splitlines()
    assert [line.split(":")[1] for line in listed] == ["21", "22", "23"]


def test_calls_get_a_fingerprint_and_a_cost(downroute, tmp_path):
    usage = {"prompt_tokens": 1000, "completion_tokens": 500}
    (tmp_path / "downroute.yaml").write_text("prices: {small: {input: 2, output: 4}}\n")
    rows = [chat("a?", "b", model="small", usage=usage), chat("c?", "d", model="none", usage=usage)]
    (tmp_path / "log.jsonl").write_text("".join(rows))
    done = downroute("import", "log.jsonl")
    assert "cost of 1 calls to none is not known" in done.out
    with Store.open(tmp_path / ".downroute", create=False) as store:
        priced, unpriced = store.calls.each()
    assert priced.cost_usd == pytest.approx(1000 * 2e-6 + 500 * 4e-6)
    assert unpriced.cost_usd is None
    assert priced.fingerprint == unpriced.fingerprint != ""


def test_a_price_named_later_prices_what_is_there(downroute, tmp_path):
    usage = {"prompt_tokens": 1000, "completion_tokens": 500}
    (tmp_path / "log.jsonl").write_text(chat("a?", "b", model="own-7b", usage=usage))
    downroute("import", "log.jsonl")
    assert "no price for own-7b (1 calls)" in downroute("audit").out
    (tmp_path / "downroute.yaml").write_text("prices: {own-7b: {input: 2, output: 4}}\n")
    report = json.loads(downroute("audit", "--json").out)
    assert report["unpriced"] == []
    assert report["tasks"][0]["cost_usd"] == pytest.approx(0.004)


def test_json_says_the_same_in_one_object(downroute, log):
    report = json.loads(downroute("import", log, "--json").out)
    assert (report["new"], report["known"], report["left_out"]) == (20, 0, 3)
    assert [row["line"] for row in report["first_left_out"]] == [21, 22, 23]


def test_a_log_with_nothing_usable_exits_1(downroute, tmp_path):
    (tmp_path / "log.jsonl").write_text(json.dumps({"messages": "none"}) + "\n")
    done = downroute("import", "log.jsonl", "--format", "openai")
    assert done.code == 1
    assert "nothing in these files could be used" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["missing.jsonl"], 1, "no such file"),
        (["calls.jsonl", "--format", "csv"], 2, "choose from auto"),
        (["calls.jsonl", "--config", "none.yaml"], 1, "no such file"),
    ],
)
def test_what_cannot_be_read_is_said_in_one_line(downroute, log, arguments, code, says):
    done = downroute("import", *arguments)
    assert done.code == code
    assert done.err.startswith("error: ")
    assert says in done.err
    assert done.err.count("\n") == 1
