"""How a wheel comes by compiled modules: mypyc turns the gateway's hot path into C as it is built.

The modules are listed in pyproject.toml, under this hook. Their .py files stay in the wheel: they
are what tracebacks show, and Python falls back to them where the compiled ones do not fit it. An
editable installation is never compiled. In the environment,

    DOWNROUTE_PURE=1      leaves out the compiled modules
    DOWNROUTE_COMPILED=1  lets the build fail where they cannot be made; else a wheel without them
                          is built, and says so
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PACKAGE = "downroute"
DIGESTS = f"{PACKAGE}/compiled.json"
"""In it, for each compiled module's path, the SHA-256 of the source it was made of."""
COMPILER = ("mypy>=2.4,<2.5", "setuptools>=77", "msgspec>=0.22,<0.23")
"""msgspec for its types: its structures are no classes that C knows."""
_SETTINGS = "[mypy]\nmypy_path = {src}\nignore_missing_imports = true\ncache_dir = {cache}\n"
_LINES_SHOWN = 5


class CompiledModules(BuildHookInterface):  # type: ignore[type-arg]
    """Hatchling's hook of a wheel's build."""

    def dependencies(self) -> list[str]:
        return [] if _is_set("DOWNROUTE_PURE") else list(COMPILER)

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable" or _is_set("DOWNROUTE_PURE"):
            return
        source = Path(self.root, "src")
        modules = listed(source / PACKAGE, self.config["compiled"], self.config["interpreted"])
        self._folder = tempfile.mkdtemp(prefix="downroute-build-")
        made = compiled(source, modules, Path(self._folder))
        if isinstance(made, str):
            if _is_set("DOWNROUTE_COMPILED"):
                raise SystemExit(f"the gateway cannot be compiled: {made}")
            self.app.display_warning(f"the gateway is not compiled, so it is slower: {made}")
            return
        out = Path(self._folder, "out")
        for file in made:
            build_data["force_include"][str(file)] = file.relative_to(out).as_posix()
        build_data["pure_python"] = False
        build_data["infer_tag"] = True

    def finalize(self, *_: Any) -> None:
        shutil.rmtree(getattr(self, "_folder", ""), ignore_errors=True)


def listed(package: Path, compile_: Sequence[str], leave: Sequence[str]) -> list[str]:
    """The modules to compile, as paths below the folder of the package. Both lists are of patterns;
    each must stand for something, so that none outlives the files it was written for."""

    def found(pattern: str) -> set[str]:
        files = {file.relative_to(package.parent).as_posix() for file in package.glob(pattern)}
        if not files:
            raise SystemExit(f"pyproject.toml: {pattern!r}, to be compiled or not, is no module")
        return files

    chosen = set().union(*map(found, compile_)) - set().union(*map(found, leave))
    return sorted(file for file in chosen if not file.endswith("/__init__.py"))


def compiled(source: Path, modules: Sequence[str], work: Path) -> list[Path] | str:
    """The files made of ``modules``, in the folder ``out`` of ``work``, or why there are none."""
    copy, out = work / "src", work / "out"
    shutil.copytree(source, copy, ignore=shutil.ignore_patterns("*.so", "*.pyd", "__pycache__"))
    settings = work / "mypy.ini"
    settings.write_text(_SETTINGS.format(src=copy, cache=work / "cache"))
    command = [sys.executable, __file__, str(work), *(f"src/{module}" for module in modules)]
    ran = subprocess.run(  # noqa: S603 - it is this very file
        command, cwd=work, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    made = [file for file in out.rglob("*") if file.suffix in (".so", ".pyd")]
    # One file for each module and one that holds what all of them share.
    if ran.returncode or len(made) != len(modules) + 1:
        lines = [line for line in ran.stdout.splitlines() if line and ": warning:" not in line]
        return "\n".join(lines[-_LINES_SHOWN:]) or "no reason was given"
    digests = {module: digest(copy / module) for module in modules}
    written = out / DIGESTS
    written.write_text(json.dumps(digests, indent=0) + "\n")
    return [*made, written]


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _run_compiler(work: Path, files: Sequence[str]) -> None:
    """In a process of its own: both tools end the one they are in, and read its arguments."""
    from mypyc.build import mypycify
    from setuptools import setup

    extensions = mypycify(
        ["--config-file", str(work / "mypy.ini"), *files],
        opt_level="2",
        debug_level="0",
        multi_file=True,
        target_dir=str(work / "c"),
        group_name=PACKAGE,
    )
    build = ["build_ext", "--build-lib", str(work / "out"), "--build-temp", str(work / "objects")]
    setup(name=PACKAGE, ext_modules=extensions, script_args=build)


def _is_set(variable: str) -> bool:
    return os.environ.get(variable, "") not in ("", "0")


if __name__ == "__main__":
    _run_compiler(Path(sys.argv[1]), sys.argv[2:])
