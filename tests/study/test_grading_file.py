import json

import pytest

from downroute.errors import InputError
from downroute.records import Answer, Example, Measurement, Score, ToolCall
from downroute.store import FILES, Blinded
from downroute.study.grading_file import (
    grading_rows,
    read_grading_file,
    write_grading_file,
)
from downroute.study.pairs import Pair


def blinded(pair, number):
    return Blinded(f"p-{number:016x}", "t", pair.key, FILES, number % 3 == 0)


def exported(count=40):
    pairs, examples, measured = [], [], []
    for number in range(count):
        request = {"messages": [{"role": "user", "content": f"q{number}"}]}
        examples.append(Example(f"e{number}", "t", request, "digest", Answer("from baseline")))
        measured.append(
            Measurement(f"e{number}", "small", Answer("from candidate"), Score.unscored("later"))
        )
        pairs.append(Pair(f"e{number}", f"{number:020x}", None, to_grade=True))
    sides = [blinded(pair, number) for number, pair in enumerate(pairs)]
    known = {side.id: side for side in sides}
    return pairs, grading_rows(pairs, examples, measured, sides), known.get


def test_answers_stand_on_the_sides_the_store_drew_and_the_file_does_not_say_so():
    pairs, rows, sides = exported()
    for row in rows:
        first = sides(row["pair"]).candidate_first
        assert (row["answer_a"] == "from candidate") is first
    written = json.dumps(rows)
    assert "small" not in written and not any(pair.key in written for pair in pairs)


def test_grades_come_back_on_the_right_side(tmp_path):
    pairs, rows, sides = exported()
    for row in rows:
        row["grade"] = "a" if row["answer_a"] == "from baseline" else "B"
    file = tmp_path / "grades.jsonl"
    assert write_grading_file(file, rows) == 40
    read = read_grading_file(file, sides)
    assert {pair for _, pair, _ in read} == {p.key for p in pairs}
    assert all(score == (1.0, 0.0) and task == "t" for task, _, score in read)


def test_ungraded_lines_are_left_out_and_both_or_neither_tie(tmp_path):
    _, rows, sides = exported(4)
    rows[0]["grade"], rows[1]["grade"] = "both", "neither"
    file = tmp_path / "grades.jsonl"
    write_grading_file(file, rows)
    assert [score for _, _, score in read_grading_file(file, sides)] == [(1.0, 1.0), (0.0, 0.0)]


def test_files_of_older_versions_are_still_read(tmp_path):
    file = tmp_path / "grades.jsonl"
    old = [{"pair": f"0000000{n}xyz", "task": "t", "grade": "a"} for n in (2, 3)]
    file.write_text("".join(json.dumps(row) + "\n" for row in old))
    read = read_grading_file(file, lambda _: None)
    assert [score for *_, score in read] == [(0.0, 1.0), (1.0, 0.0)]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "not JSON"),
        ('{"grade": "a"}', "no 'pair'"),
        ('{"pair": "nope", "grade": "a"}', "no 'pair'"),
        ("[]", "no JSON object"),
        ('{"pair": "p-0123456789abcdef", "grade": "a"}', "this store exported no pair"),
        ('{"pair": "00000000", "grade": "left"}', "write a, b, both, neither or null"),
    ],
)
def test_a_broken_line_is_named(tmp_path, line, said):
    file = tmp_path / "g.jsonl"
    file.write_text(f"\n{line}\n")
    with pytest.raises(InputError, match=r"g\.jsonl:2: ") as caught:
        read_grading_file(file, lambda _: None)
    assert said in str(caught.value)


def test_tool_calls_are_readable():
    answer = Answer(None, (ToolCall("search", '{"b": 1, "a": 2}'),))
    example = Example("e", "t", {"messages": []}, "d", Answer(None, answer.tool_calls))
    measured = Measurement("e", "m", answer, Score.unscored("x"))
    pair = Pair("e", "00000001", None, to_grade=True)
    (row,) = grading_rows([pair], [example], [measured], [blinded(pair, 1)])
    assert row["answer_a"] == 'search({"a":2,"b":1})'


def test_line_separators_and_broken_characters_inside_answers_come_back(tmp_path):
    request = {"messages": [{"role": "user", "content": "q"}]}
    answer = Answer("one\u2028two\x85three \ud800")
    example = Example("e", "t", request, "d", Answer("other"))
    measured = Measurement("e", "m", answer, Score.unscored("x"))
    pair = Pair("e", "00000001", None, to_grade=True)
    side = blinded(pair, 1)
    (row,) = grading_rows([pair], [example], [measured], [side])
    file = tmp_path / "g.jsonl"
    write_grading_file(file, [{**row, "grade": "a"}])
    assert read_grading_file(file, lambda _: side) == [("t", "00000001", (1.0, 0.0))]
