import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from downroute.cli.command_line import load
from downroute.cli.commands import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("pydantic", "scipy", "numpy", "aiohttp", "rich", "jinja2", "sqlite3", "ruamel.yaml")


def python(code: str, *, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], cwd=cwd, capture_output=True, text=True, timeout=60
    )


def test_help_lists_every_command_in_its_panel_and_loads_no_room():
    done = python(
        "import sys\n"
        "from downroute.cli.main import main\n"
        "code = main(['--help'])\n"
        f"print('LOADED', [m for m in {HEAVY!r} if m in sys.modules], code)"
    )
    assert "LOADED [] 0" in done.stdout
    for command in COMMANDS:
        assert re.search(rf"^  {command.name} +\S", done.stdout, re.MULTILINE)
    panels = [f"{c.panel}:" for c in COMMANDS]
    places = [done.stdout.index(panel) for panel in panels]
    assert places == sorted(places)


def test_a_study_starts_without_what_takes_longest_to_load():
    slow = ("scipy", "sklearn", "duckdb", "jinja2")
    done = python(
        "import sys\nimport downroute.cli.study_run\n"
        f"print('LOADED', [m for m in {slow!r} if m in sys.modules])"
    )
    assert "LOADED []" in done.stdout


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: c.name)
def test_every_command_has_help_with_an_example(command):
    loaded = load(command.name)
    parts = getattr(loaded, "commands", None) or {command.name: loaded}
    for part in parts.values():
        assert "Example: downroute" in part.help, part.name
        assert all(p.help for p in part.params if p.param_type_name == "option"), part.name


def test_every_command_is_documented():
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    missing = [c.name for c in COMMANDS if f"downroute {c.name}" not in text]
    assert missing == []


def test_the_version_is_the_package_s(downroute):
    from importlib.metadata import version

    assert downroute("--version").out == f"downroute {version('downroute')}\n"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["audit", "--no-such-option"], "No such option"),
        (["adit"], "Did you mean 'audit'?"),
        (["import"], "Missing argument"),
        (["policy", "check", "--policy"], "requires an argument"),
    ],
)
def test_wrong_usage_exits_2_and_says_what_is_wrong(downroute, arguments, says):
    done = downroute(*arguments)
    assert done.code == 2
    assert says in done.err
    assert "Traceback" not in done.err


def test_an_error_of_ours_is_one_line_each_with_its_exit_code(downroute):
    Path("downroute.yaml").write_text("store: {body: full}\nmargin: 7\n")
    done = downroute("audit")
    assert done.code == 1
    assert [line[:24] for line in done.err.splitlines()] == [
        "error: downroute.yaml:1:",
        "error: downroute.yaml:2:",
    ]


def test_a_bug_is_one_line_and_its_traceback_is_kept(downroute, monkeypatch, tmp_path):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr("downroute.config.load", lambda _: 1 / 0)
    done = downroute("audit")
    assert done.code == 1
    assert done.err.count("\n") == 1
    assert "this is a bug in downroute: ZeroDivisionError" in done.err
    [kept] = tmp_path.glob("downroute-bug-*.txt")
    assert "Traceback" in kept.read_text()
    assert str(kept) in done.err
    monkeypatch.setenv("DOWNROUTE_DEBUG", "1")
    assert "Traceback" in downroute("audit").err


def test_a_file_that_cannot_be_written_is_no_bug(downroute, monkeypatch):
    def refuse(_):
        raise PermissionError(13, "Permission denied", "somewhere.html")

    monkeypatch.setattr("downroute.config.load", refuse)
    assert downroute("audit").err == "error: somewhere.html: Permission denied\n"


def test_ctrl_c_exits_130_and_says_that_nothing_is_lost(tmp_path):
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time\n"
            "from downroute import importers\n"
            "def slow(*_):\n"
            "    print('reading', flush=True)\n"
            "    time.sleep(30)\n"
            "    yield from ()\n"
            "importers.read = slow\n"
            "from downroute.cli.main import run\n"
            "sys.argv = ['downroute', 'import', 'slow.jsonl']\n"
            "run()",
        ],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "reading\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err == "interrupted; what was read and measured so far is kept\n"


def test_a_reader_who_goes_away_is_no_error():
    read, write = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-c", "from downroute.cli.main import run; run()", "policy", "schema"],
        cwd=ROOT,
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(read)
    os.close(write)
    _, err = process.communicate(timeout=30)
    assert err == ""
