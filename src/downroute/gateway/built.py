"""How the gateway that runs was built: its hot path may have been compiled (hatch_build.py)."""

from __future__ import annotations

import hashlib
import json
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

INTERPRETED = "interpreted"
COMPILED = "compiled"
STALE = "compiled from other sources"

_PACKAGE = Path(__file__).resolve().parents[1]
_DIGESTS = "compiled.json"
_SUFFIX = EXTENSION_SUFFIXES[0]
"""The one of this very Python; what another one's compiler made is not imported."""


def built(package: Path = _PACKAGE) -> str:
    """One of the three words above, of what Python imports from the folder ``package``."""
    if next(package.rglob(f"*{_SUFFIX}"), None) is None:
        return INTERPRETED
    return STALE if changed(package) else COMPILED


def changed(package: Path = _PACKAGE) -> list[str]:
    """The modules that run compiled from a source that is not the one beside it, as paths below the
    folder of the package."""
    digests = _digests(package)
    found = []
    for file in package.rglob(f"*{_SUFFIX}"):
        source = file.with_name(file.name.removesuffix(_SUFFIX) + ".py")
        module = source.relative_to(package.parent).as_posix()
        if not source.exists() or digests.get(module) != _sha256(source):
            found.append(module)
    return sorted(found)


def _digests(package: Path) -> dict[str, str]:
    try:
        read = json.loads((package / _DIGESTS).read_bytes())
    except (OSError, ValueError):
        return {}
    return read if isinstance(read, dict) else {}


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
