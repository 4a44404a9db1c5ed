import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from downroute.records import BadRow, Call, RecordedScore

RECORDED = Path(__file__).resolve().parents[2] / ".." / "shared" / "recorded"


@pytest.fixture
def recorded() -> Path:
    """The folder of recordings, next to the checkout."""
    if not RECORDED.is_dir():
        pytest.skip("no recordings next to the checkout (../shared/recorded)")
    return RECORDED


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write rows (objects, or lines as they are) as JSON Lines; a name in .gz is compressed."""

    def write(name: str, *rows: Any) -> Path:
        lines = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
        data = b"".join(line + b"\n" for line in lines)
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        return path

    return write


@pytest.fixture
def parts() -> Callable[..., tuple[list[Call], list[RecordedScore], list[BadRow]]]:
    """What an importer yields, by kind."""

    def parts(items: Any) -> tuple[list[Call], list[RecordedScore], list[BadRow]]:
        found = list(items)
        return (
            [i for i in found if isinstance(i, Call)],
            [i for i in found if isinstance(i, RecordedScore)],
            [i for i in found if isinstance(i, BadRow)],
        )

    return parts
