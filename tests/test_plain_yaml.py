"""Plain YAML against the whole parser: what is read is read as that reads it."""

from __future__ import annotations

import random
import re
import time
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from downroute import yamlfile
from downroute.errors import ConfigError
from downroute.plain_yaml import read_plain

ROOT = Path(__file__).resolve().parent.parent
BLOCKS = re.compile(r"```yaml\n(.*?)```", re.DOTALL)
PROVEN = """\
version: 1
baseline: gpt-4o          # where `downroute/auto` goes
routes:
  # shown on 2026-11-24
  - task: order-extract
    match: {task: order-extract, fingerprints: [fdbe081fb06c, 0a1b2c3d4e5f]}
    when: {input_words: {min: 20, max: 500.5}, language: {in: [de, "en"]}}
    models: [gpt-4o-mini,
             gpt-4o]      # in this order
    checks:
    - not_refusal
    - max_words: 500
      regex: '^[A-Z]{3}-[0-9]+$'
    -   one_of: [billing, "bug, or: not", it's]
    unproven: false
    evidence:
      study: 2026-11-24T03:39Z/1
      gap: [-0.0209, 0.0349, 1e-05]
      mean_cost_usd: {gpt-4o: 0.001326, gpt-4o-mini: 8.429e-05}
      expires: 2027-02-22
      note: "Schätzung → gut"
      none: ~
      nothing:

  - {task: other, models: [small], unproven: true}
"""
SNIPPETS = (
    *(" ", "  ", "\n", ":", ": ", ",", "[", "]", "{", "}", "#", " #", "-", "- ", '"', "'", "\\"),
    *("0", "1", "00", "-0", "1.5", ".5", "e", "e-5", "1e5", "0x1", "0o7", "1_0", "12:30", "9" * 30),
    *(
        "null",
        "Null",
        "true",
        "True",
        "yes",
        "~",
        "inf",
        ".inf",
        ".nan",
        "2026-01-02",
        "é",
        "\u2028",
    ),
    *("!", "&a", "*a", "|", ">", "?", "@", "%", "`", "<<: ", "''", "---\n", "...\n", "\n  ", "\t"),
)


def whole(text: str) -> Any:
    """What the whole parser makes of it; ``None`` where that refuses it."""
    try:
        return yamlfile.plain(yamlfile.parse(text, "x.yaml"))
    except ConfigError:
        return None


def same(one: Any, other: Any) -> bool:
    """Equal, of the same types, in the same order."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def test_a_policy_and_settings_as_they_are_written_are_plain() -> None:
    read = read_plain(PROVEN)
    assert read is not None
    assert same(read, whole(PROVEN))
    route = read["routes"][0]
    assert route["evidence"]["expires"] == date(2027, 2, 22)
    assert route["checks"][2] == {"one_of": ["billing", "bug, or: not", "it's"]}
    assert (route["evidence"]["none"], route["evidence"]["nothing"]) == (None, None)


def test_the_examples_of_the_docs_are_read_alike() -> None:
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    blocks = [b for page in pages for b in BLOCKS.findall(page.read_text(encoding="utf-8"))]
    examples = [b for b in blocks if re.search(r"^(?:upstreams|routes|prices|gateway):", b, re.M)]
    plain = [(block, read_plain(block)) for block in examples]
    assert all(same(read, whole(block)) for block, read in plain if read is not None)
    assert sum(read is not None for _, read in plain) >= 0.8 * len(examples) > 4


@pytest.mark.parametrize(
    "text",
    [
        "a: 0x1f\n",
        "a: 017\n",
        "a: 1_000\n",
        "a: 1.\n",
        "a: -0\n",
        "a: True\n",
        "a: yes\n",
        "yes: 1\n",
        "a: .inf\n",
        "a: 2026-02-30\n",
        "a: &x 1\nb: *x\n",
        "a: !!str 1\n",
        "a: |\n  text\n",
        "a: >\n  text\n",
        "a: one\n  and more\n",
        "a: 'it''s'\n",
        'a: "a\\tb"\n',
        'a: "over\n  lines"\n',
        "? a\n: b\n",
        "a: 1\na: 2\n",
        "{a: {b: 1, b: 2}}\n",
        "x: {a: 1, a: 2}\n",
        "<<: {a: 1}\n",
        "---\na: 1\n",
        "- a\n",
        "a: [1, 2\n",
        "a: [1, 2}\n",
        "a: [1,, 2]\n",
        "a: {b}\n",
        "a: b: c\n",
        "a:\tb\n",
        "a: b\r\n",
        "a: b#c\n",
        "a:\n    b: 1\n  c: 2\n",
        "  a: 1\nb: 2\n",
        "a: 1\n  b: 2\n",
        "a: \ufeffb\n",
        "a: " + "[" * 60 + "]" * 60 + "\n",
    ],
)
def test_what_is_not_plain_or_wrong_is_left_to_the_whole_parser(text: str) -> None:
    assert read_plain(text) is None


def test_names_that_begin_with_a_digit_are_read_where_they_are_no_number_or_day() -> None:
    chance = random.Random(11)
    names = ["".join(chance.choices("0123456789abefgotxzTZ_-.", k=5)) for _ in range(2_000)]
    names += ["550e8400-w", "2024-team", "12e5", "0o17", "0x1f", "2026-01-02", "1_000", "2026-1-2t"]
    read = 0
    for name in (name for name in names if name[0].isdigit()):
        text = f"keys:\n  {name}:\n    revoked: true\n"
        found = read_plain(text)
        if found is not None:
            read += 1
            assert same(found, whole(text)), name
    assert read > 100
    assert read_plain("2024-team: 1\n550e8400-w: 2\n") == {"2024-team": 1, "550e8400-w": 2}


def test_hundreds_of_keys_are_read_in_a_fraction_of_the_whole_parsers_time() -> None:
    entries = "".join(
        f"    {n}-team:\n      digest: sha256:{n:064x}\n      created: 2026-11-02\n"
        f"      expires: '2027-01-31T12:00:00Z'\n      tasks: [a, b]\n      revoked: true\n"
        for n in range(200)
    )
    text = f"upstreams: {{a: {{base_url: 'http://a'}}}}\ngateway:\n  keys:\n{entries}"
    began = time.process_time()
    read = read_plain(text)
    read_s = time.process_time() - began
    assert same(read, whole(text))
    assert read_s < (time.process_time() - began) / 4


def test_an_empty_file_is_an_empty_mapping() -> None:
    assert read_plain("") == read_plain("# nothing\n\n") == {}


def test_whatever_is_done_to_a_text_it_is_read_alike_or_not_at_all() -> None:
    """3,000 seeded mutations that are still read; 200,000 were compared when it was written."""
    chance = random.Random(7)
    compared = 0
    while compared < 3_000:
        lines = PROVEN.split("\n")
        first = chance.randrange(len(lines))
        text = "\n".join(lines[first : first + chance.randrange(1, 8)])
        for _ in range(chance.randrange(1, 5)):
            at = chance.randrange(len(text) + 1)
            gone = chance.randrange(4) if chance.random() < 0.4 else 0
            text = text[:at] + chance.choice(SNIPPETS) * (gone == 0) + text[at + gone :]
        read = read_plain(text)
        if read is not None:
            compared += 1
            assert same(read, whole(text)), text


def test_faults_in_plain_texts_are_said_with_their_place() -> None:
    from downroute.config import Settings

    text = "margin: 0.04\nmodels: {small: {upstram: x}}\n"
    assert read_plain(text) is not None
    with pytest.raises(ConfigError, match=r"^x\.yaml:2:18: 'models\.small\.upstram' is not a"):
        yamlfile.read(text, "x.yaml", Settings)
