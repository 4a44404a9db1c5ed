from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from downroute.errors import InputError
from downroute.prompts import request_digest
from downroute.providers.replay.recordings import KEPT_BAD_ROWS, load


def row(text: str = "hi", answer: str = "ho", **extra: object) -> dict[str, object]:
    completion = {"choices": [{"message": {"role": "assistant", "content": answer}}]}
    return {
        "id": "1",
        "request": {"messages": [{"role": "user", "content": text}]},
        "responses": {"m": {"completion": completion}},
        **extra,
    }


def write(file: Path, *lines: object) -> Path:
    texts = (line if isinstance(line, str) else json.dumps(line) for line in lines)
    file.write_text("".join(text + "\n" for text in texts), encoding="utf-8")
    return file


def test_plain_and_zipped_files_are_told_apart_by_content_not_by_name(tmp_path: Path) -> None:
    plain = write(tmp_path / "plain.jsonl.gz", row("a"))
    zipped = tmp_path / "zipped.jsonl"
    zipped.write_bytes(gzip.compress(json.dumps(row("b")).encode()))
    assert load([plain, zipped]).rows == 2


def test_of_repeated_requests_the_first_row_that_holds_the_model_answers(recording: Path) -> None:
    asked = {"messages": [{"role": "user", "content": "Sure?"}]}
    answers = load([recording]).answers(request_digest(asked))
    assert {m: a.row for m, a in answers.items()} == {
        "big": "r-logprobs",
        "vendor/tiny:free": "r-logprobs",
        "small": "r-again",
    }


def test_bad_rows_are_counted_with_line_and_reason_and_the_rest_is_served(tmp_path: Path) -> None:
    half = row("half")
    half["responses"] = {"m": half["responses"]["m"], "broken": {"completion": {"choices": []}}}  # type: ignore[index]
    file = write(
        tmp_path / "some.jsonl",
        row("good"),
        "{not json",
        "",
        [1, 2],
        row(request={"messages": []}),
        row(responses={}),
        row(request={"messages": [{"role": "user", "content": "x"}], "tools": 5}),
        '{"id": NaN}',
        "[" * 100_000,
        half,
    )
    recordings = load([file])
    assert recordings.rows == 2
    assert list(recordings.models) == ["m"]
    assert [b.line for b in recordings.bad] == [2, 4, 5, 6, 7, 8, 9, 10]
    assert recordings.bad[-1].reason == "responses.broken: 'completion' has no choices[0].message"


def test_a_cut_off_gzip_file_serves_what_came_before_the_cut(tmp_path: Path) -> None:
    lines = "".join(json.dumps(row(f"{n} {n * 7919 % 1009}")) + "\n" for n in range(3000))
    packed = gzip.compress(lines.encode())
    file = tmp_path / "cut.jsonl.gz"
    file.write_bytes(packed[: len(packed) // 2])
    recordings = load([file])
    assert 0 < recordings.rows < 3000
    assert "damaged or cut off" in recordings.bad[-1].reason


def test_only_the_first_bad_rows_are_kept_but_all_are_counted(tmp_path: Path) -> None:
    recordings = load([write(tmp_path / "csv.jsonl", row(), *(["a;b;c"] * 500))])
    assert recordings.bad_rows == 500
    assert len(recordings.bad) == KEPT_BAD_ROWS


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot read the recording"),
        ("", "no recorded answer"),
        ("a,b\n", "line 1: not JSON"),
    ],
)
def test_a_file_without_any_answer_is_refused(
    tmp_path: Path, content: str | None, said: str
) -> None:
    file = tmp_path / "none.jsonl"
    if content is not None:
        file.write_text(content)
    with pytest.raises(InputError, match=said):
        load([file])
