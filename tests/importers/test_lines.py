import gzip
import json

import pytest

from downroute.errors import InputError
from downroute.importers import lines
from downroute.importers.lines import Row, read_rows
from downroute.records import BadRow


def values(path):
    return [row.value if isinstance(row, Row) else row.reason for row in read_rows(path)]


def test_byte_order_marks_carriage_returns_and_blank_lines_do_not_matter(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"a": 1}\r\n\r\n  \n\n\xef\xbb\xbf{"a": 2}\r\n{"a": 3}')
    rows = list(read_rows(path))
    assert [(row.line, row.value["a"]) for row in rows] == [(1, 1), (5, 2), (6, 3)]


def test_what_is_no_row_is_kept_with_its_line_and_the_reason(write):
    path = write(
        "log.jsonl",
        {"ok": 1},
        b'{"cut": ',
        b'{"bytes": "\xff"}',
        b'["a", "list"]',
        b"17",
        b"[" * 100_000,
        b'{"digits": ' + b"1" * 5000 + b"}",
        {"ok": 2},
    )
    rows = list(read_rows(path))
    assert [row.line for row in rows] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert [row.reason for row in rows if isinstance(row, BadRow)] == [
        "not JSON: Expecting value (character 8)",
        "not UTF-8 text (byte 12)",
        "not a JSON object but a list",
        "not a JSON object but a number",
        "JSON nested too deep",
        "a number with too many digits",
    ]
    assert rows[1].text == '{"cut":'
    assert rows[2].text == '{"bytes": "�"}'
    assert len(rows[5].text) == 10_000


def test_not_a_number_reads_as_missing_and_half_surrogates_stay(write):
    path = write("log.jsonl", b'{"a": NaN, "b": -Infinity, "c": "\\ud83d"}')
    assert values(path) == [{"a": None, "b": None, "c": "\ud83d"}]


def test_compressed_files_are_known_by_their_content(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_bytes(gzip.compress(b'{"a": 1}\n') + gzip.compress(b'{"a": 2}\n'))
    assert values(path) == [{"a": 1}, {"a": 2}]


def test_a_compressed_file_cut_short_gives_its_rows_and_says_where_it_ends(tmp_path):
    data = b"".join(json.dumps({"a": i, "pad": str(i) * 50}).encode() + b"\n" for i in range(2000))
    path = tmp_path / "log.jsonl.gz"
    path.write_bytes(gzip.compress(data)[:-3000])
    *rows, last = read_rows(path)
    assert len(rows) > 500
    assert [row.value["a"] for row in rows] == list(range(len(rows)))
    assert last.line == len(rows) + 1
    assert "damaged or cut short" in last.reason


def test_a_damaged_compressed_file_gives_the_rows_before_the_damage(tmp_path):
    data = b"".join(json.dumps({"a": i}).encode() + b"\n" for i in range(20000))
    packed = bytearray(gzip.compress(data))
    packed[len(packed) // 2 :] = bytes(len(packed) - len(packed) // 2)
    path = tmp_path / "log.jsonl.gz"
    path.write_bytes(packed)
    *rows, last = read_rows(path)
    assert rows
    assert isinstance(last, BadRow)


def test_a_line_of_any_length_is_read_and_one_beyond_the_limit_is_rejected(tmp_path, monkeypatch):
    path = tmp_path / "log.jsonl"
    long = json.dumps({"a": "x" * 3_000_000}).encode()
    path.write_bytes(b'{"a": 1}\n' + long + b'\n{"a": 2}\n' + long)
    assert [len(str(row.value["a"])) for row in read_rows(path)] == [1, 3_000_000, 1, 3_000_000]
    monkeypatch.setattr(lines, "MAX_LINE_BYTES", 2**20)
    found = list(read_rows(path))
    assert [row.line for row in found] == [1, 2, 3, 4]
    assert [row.reason for row in found if isinstance(row, BadRow)] == [
        "the line is longer than 1 MiB"
    ] * 2
    assert all(len(row.text) == 10_000 for row in found if isinstance(row, BadRow))


def test_json_files_hold_a_list_a_page_of_a_list_one_object_or_lines(tmp_path):
    path = tmp_path / "log.json"
    for text, expected in {
        '[{"a": 1}, 5, {"a": 2}]': [{"a": 1}, "not a JSON object but a number", {"a": 2}],
        '\ufeff{"object": "list",\n "data": [{"a": 1}]}': [{"a": 1}],
        '{\n  "a": 1\n}': [{"a": 1}],
        '{"a": 1}\n{"a": 2}\n': [{"a": 1}, {"a": 2}],
    }.items():
        path.write_text(text, encoding="utf-8")
        assert values(path) == expected
    path.write_text('[{"a": 1}, {"a"')
    with pytest.raises(InputError, match=r"log\.json: not JSON: .*mend it"):
        list(read_rows(path))


def test_an_empty_file_has_no_rows(write):
    assert values(write("log.jsonl")) == []


def test_what_is_no_log_at_all_is_refused_by_name(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_bytes(gzip.compress(b"{}")[:5])
    with pytest.raises(InputError, match="cannot be read"):
        list(read_rows(path))
    path.write_text('{"a": 1}', encoding="utf-16")
    with pytest.raises(InputError, match="UTF-16 text; save it as UTF-8"):
        list(read_rows(path))
