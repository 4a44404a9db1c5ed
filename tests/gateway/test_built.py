"""Whether what runs was compiled, and from the sources that stand beside it."""

import hashlib
import json
import subprocess
import sys
import urllib.request
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

from downroute.gateway.built import COMPILED, INTERPRETED, STALE, built, changed

SOURCE = b"x = 1\n"


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package with a module that was compiled and one that was not."""
    folder = tmp_path / "downroute"
    (folder / "room").mkdir(parents=True)
    (folder / "room" / "hot.py").write_bytes(SOURCE)
    (folder / "room" / "cold.py").write_bytes(SOURCE)
    (folder / "room" / f"hot{EXTENSION_SUFFIXES[0]}").touch()
    digests = {"downroute/room/hot.py": hashlib.sha256(SOURCE).hexdigest()}
    (folder / "compiled.json").write_text(json.dumps(digests))
    return folder


def test_compiled_is_what_was_made_of_the_sources_beside_it(package):
    assert (built(package), changed(package)) == (COMPILED, [])


def test_a_changed_source_is_named_and_so_is_one_that_is_gone(package):
    hot = package / "room" / "hot.py"
    hot.write_bytes(SOURCE + b"\n")
    assert (built(package), changed(package)) == (STALE, ["downroute/room/hot.py"])
    hot.unlink()
    assert changed(package) == ["downroute/room/hot.py"]


def test_without_its_digest_a_compiled_module_counts_as_stale(package):
    (package / "compiled.json").write_text("{")
    assert built(package) == STALE
    (package / "compiled.json").unlink()
    assert built(package) == STALE


def test_what_another_python_compiled_is_not_what_runs(package):
    (package / "room" / f"hot{EXTENSION_SUFFIXES[0]}").rename(
        package / "room" / "hot.cpython-20.so"
    )
    assert built(package) == INTERPRETED


def test_serve_and_ready_say_which_it_is(work):
    command = [sys.executable, "-m", "downroute", "serve", "--port", "0"]
    command += ["--upstream", "http://127.0.0.1:9/v1"]
    with subprocess.Popen(command, cwd=work, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            said = process.stdout.readline().rstrip().split(" · ")
            url = said[0].rpartition(" ")[2].removesuffix("/v1")
            ready = json.load(urllib.request.urlopen(f"{url}/ready"))
        finally:
            process.terminate()
    assert said[-1] == ready["code"] == built()
