"""The simulations of `benchmarks/`, run short, and the recordings, where they are."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def sim() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "simulations", ROOT / "benchmarks" / "simulations.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def recordings() -> Path:
    folder = ROOT / ".." / "shared" / "recorded"
    if not folder.is_dir():
        pytest.skip("needs the recordings beside the checkout (../shared/recorded)")
    return folder
