import json

import pytest

from downroute.errors import InputError
from downroute.records import Answer, Example, Measurement, Score, ToolCall
from downroute.study.grading_file import (
    candidate_is_a,
    grading_rows,
    read_grading_file,
    write_grading_file,
)
from downroute.study.pairs import Pair


def exported(count=40):
    pairs, examples, measured = [], [], []
    for number in range(count):
        key = f"{number * 0x1F3D5B79 % 2**32:08x}rest"
        request = {"messages": [{"role": "user", "content": f"q{number}"}]}
        examples.append(Example(f"e{number}", "t", request, "digest", Answer("from baseline")))
        measured.append(
            Measurement(f"e{number}", "small", Answer("from candidate"), Score.unscored("later"))
        )
        pairs.append(Pair(f"e{number}", key, None, to_grade=number > 0))
    return pairs, grading_rows("t", pairs, examples, measured)


def test_only_pairs_that_wait_for_a_grade_are_exported_and_sides_are_mixed():
    _, rows = exported()
    assert len(rows) == 39
    on_a = [row["answer_a"] == "from candidate" for row in rows]
    assert 5 < sum(on_a) < 34
    assert "small" not in json.dumps(rows)


def test_grades_come_back_on_the_right_side(tmp_path):
    pairs, rows = exported()
    for row in rows:
        row["grade"] = "a" if row["answer_a"] == "from baseline" else "B"
    file = tmp_path / "grades.jsonl"
    assert write_grading_file(file, rows) == 39
    read = read_grading_file(file)
    assert {pair for _, pair, _ in read} == {p.key for p in pairs if p.to_grade}
    assert all(score == (1.0, 0.0) and task == "t" for task, _, score in read)


def test_ungraded_lines_are_left_out_and_both_or_neither_tie(tmp_path):
    _, rows = exported(4)
    rows[0]["grade"], rows[1]["grade"] = "both", "neither"
    file = tmp_path / "grades.jsonl"
    write_grading_file(file, rows)
    assert [score for _, _, score in read_grading_file(file)] == [(1.0, 1.0), (0.0, 0.0)]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "not JSON"),
        ('{"grade": "a"}', "no 'pair'"),
        ('{"pair": "nope", "grade": "a"}', "no 'pair'"),
        ('{"pair": "00000000", "grade": "left"}', "write a, b, both, neither or null"),
    ],
)
def test_a_broken_line_is_named(tmp_path, line, said):
    file = tmp_path / "g.jsonl"
    file.write_text(f"\n{line}\n")
    with pytest.raises(InputError, match=r"g\.jsonl:2: ") as caught:
        read_grading_file(file)
    assert said in str(caught.value)


def test_the_side_follows_from_the_pair_alone():
    assert candidate_is_a("00000002xyz") and not candidate_is_a("00000003xyz")


def test_tool_calls_are_readable():
    answer = Answer(None, (ToolCall("search", '{"b": 1, "a": 2}'),))
    example = Example("e", "t", {"messages": []}, "d", Answer(None, answer.tool_calls))
    measured = Measurement("e", "m", answer, Score.unscored("x"))
    (row,) = grading_rows("t", [Pair("e", "00000001", None, to_grade=True)], [example], [measured])
    assert row["answer_a"] == 'search({"a":2,"b":1})'


def test_line_separators_and_broken_characters_inside_answers_come_back(tmp_path):
    request = {"messages": [{"role": "user", "content": "q"}]}
    answer = Answer("one\u2028two\x85three \ud800")
    example = Example("e", "t", request, "d", Answer("other"))
    measured = Measurement("e", "m", answer, Score.unscored("x"))
    pair = Pair("e", "00000001", None, to_grade=True)
    (row,) = grading_rows("t", [pair], [example], [measured])
    file = tmp_path / "g.jsonl"
    write_grading_file(file, [{**row, "grade": "a"}])
    assert read_grading_file(file) == [("t", "00000001", (1.0, 0.0))]
