"""The plain reading of `serve`'s options against typer's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from downroute.cli import serve_start
from downroute.cli.command_line import call, load
from downroute.cli.serve_options import FLAGS, VALUES, ServeOptions, read


def by_typer(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> ServeOptions | None:
    """What typer makes of it; ``None`` where it refuses."""
    found: list[ServeOptions] = []
    monkeypatch.setattr(serve_start, "start", found.append)
    with pytest.raises(SystemExit):
        call(["serve", *arguments])
    return found[0] if found else None


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--port", "0"],
        ["--port", "65535", "--workers", "64", "--host", "::1"],
        ["--port=8081", "--host=0.0.0.0", "--allow-remote", "--log-calls"],
        ["--policy", "a b/p.yaml", "--config", "c.yaml", "--store", "./s/../t"],
        ["--upstream", "http://127.0.0.1:1/v1?a=b", "--log-format", "json"],
        ["--log-format=text", "--upstream=http://h/?a=b=c"],
        ["--workers", "2", "--listen-fd", "7", "--shared-numbers", "/tmp/x"],
    ],
    ids=" ".join,
)
def test_plain_options_are_read_as_typer_reads_them(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = read(arguments)
    assert plain is not None
    assert plain == by_typer(arguments, monkeypatch)


def test_every_option_is_known_to_both_and_given_alone_means_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    declared = {p.name: p.opts for p in load("serve").params if p.name != "help"}
    assert set(declared) == {*VALUES, *FLAGS} == set(ServeOptions.__dataclass_fields__)
    texts = {"log_format": "json"}
    for name, [option] in declared.items():
        given = [option] if name in FLAGS else [option, texts.get(name, "3")]
        plain = read(given)
        assert plain is not None
        assert plain != ServeOptions(), name
        assert plain == by_typer(given, monkeypatch), name


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--port"],
        ["--port", "65536"],
        ["--port", "-1"],
        ["--port", "eighty"],
        ["--port", "\N{ARABIC-INDIC DIGIT EIGHT}"],
        ["--port", "1", "--port", "2"],
        ["--workers", "0"],
        ["--workers", "65"],
        ["--log-format", "xml"],
        ["--log-calls=yes"],
        ["--allow_remote"],
        ["--store", ""],
        ["--store="],
        ["--host", "--port", "1"],
        ["--prot", "1"],
        ["--", "--port", "1"],
        ["port", "1"],
        ["-port", "1"],
        [""],
        ["--=1"],
    ],
    ids=" ".join,
)
def test_what_is_not_plain_is_left_to_typer(arguments: list[str]) -> None:
    assert read(arguments) is None


def test_wrong_options_of_serve_are_said_as_typer_says_them(downroute: Any) -> None:
    done = downroute("serve", "--prot", "1")
    assert (done.code, "Did you mean --port?" in done.err or "No such option" in done.err) == (
        2,
        True,
    )
    assert downroute("serve", "--port", "65536").code == 2
    shown = downroute("serve", "--help")
    assert (shown.code, "Example: downroute serve" in shown.out) == (0, True)


def test_ctrl_c_while_it_starts_is_said_in_words(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from downroute.cli import serve_start\n"
        "from downroute.cli.main import main\n"
        "def interrupted(_): raise KeyboardInterrupt\n"
        "serve_start.start = interrupted\n"
        "sys.exit(main(['serve', '--port', '0']))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True)
    assert done.returncode == 130
    assert done.stderr == b"interrupted; what was read and measured so far is kept\n"
