"""`downroute backtest` on a recording made here."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from downroute.cli.main import main


@pytest.fixture
def recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """300 questions; the small model is wrong on a sixth of them, at length."""
    monkeypatch.chdir(tmp_path)
    rng = random.Random(4)
    rows = []
    for i in range(300):
        wrong = rng.random() < 1 / 6
        words = rng.randrange(2, 5) + (6 if wrong else 0)
        answers = {
            "large": (f"answer {i}", 1),
            "small": (" ".join(["answer"] * words + [str(i)]), 0 if wrong else 1),
        }
        rows.append(
            {
                "id": str(i),
                "task": "made-up",
                "request": {"messages": [{"role": "user", "content": f"question {i}?"}]},
                "reference": None,
                "responses": {
                    model: {"completion": completion(text), "score": score}
                    for model, (text, score) in answers.items()
                },
            }
        )
    path = tmp_path / "made-up.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows))
    prices = {"large": {"input": 5, "output": 20}, "small": {"input": 0.2, "output": 0.4}}
    (tmp_path / "prices.json").write_text(json.dumps({"models": prices}))
    return path


def completion(text: str) -> dict[str, object]:
    message = {"role": "assistant", "content": text}
    return {
        "model": "any",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 20, "completion_tokens": 10, "total_tokens": 30},
    }


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    assert main(["backtest", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)  # type: ignore[no-any-return]


ASKED = ("--baseline", "large", "--candidate", "small", "--repetitions", "5", "--examples", "200")


def test_the_cascade_saves_where_the_candidate_alone_would_not_do(
    recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (task,) = told(capsys, str(recording), *ASKED)["tasks"]  # type: ignore[misc]
    assert task["task"] == "made-up"
    assert task["n"] == 300
    assert task["true_gap"] > 0.05
    assert task["rules"]["sequential"]["route"] == 0.0
    assert task["rules"]["study"]["cascade"] == 1.0
    assert task["rules"]["study"]["violations"] == 0.0
    assert 0.5 < task["rules"]["study"]["net_saving"] < 0.95


def test_the_same_seed_tells_the_same(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = told(capsys, str(recording), *ASKED)
    assert told(capsys, str(recording), *ASKED) == first


def test_a_table_says_where_its_prices_are_from(
    recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["backtest", str(recording), *ASKED]) == 0
    printed = capsys.readouterr().out
    assert "prices.json" in printed
    assert "random_mix" in printed


def test_prices_of_a_file_go_before_those_beside_the_recording(
    recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = recording.with_name("own.json")
    own.write_text(json.dumps({"small": {"input": 4, "output": 16}}))
    (task,) = told(capsys, str(recording), *ASKED, "--prices", str(own))["tasks"]  # type: ignore[misc]
    assert task["rules"]["always_candidate"]["net_saving"] == pytest.approx(0.2)


def test_a_model_that_is_not_there_is_refused_by_name(
    recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["backtest", str(recording), "--baseline", "large", "--candidate", "tiny"]) == 2
    assert "tiny" in capsys.readouterr().err


def test_a_price_file_that_is_wrong_is_named(
    recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = recording.with_name("wrong.json")
    wrong.write_text('{"small": {"input": "cheap"}}')
    assert main(["backtest", str(recording), *ASKED, "--prices", str(wrong)]) == 1
    assert "wrong.json: small" in capsys.readouterr().err
