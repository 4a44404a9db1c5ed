"""Grading without a server: one HTML file with everything in it, and the result it saves."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from markupsafe import Markup

from downroute.dashboard.cards import Card
from downroute.dashboard.pages import render, static_text
from downroute.dashboard.rendering import card_as_json
from downroute.errors import InputError
from downroute.records import Json

KIND = "downroute grades"
"""What a result file says it is."""


def offline_page(cards: Sequence[Card], export_id: str, least: int, more: int | None) -> str:
    """The page as one text; about ``least`` to ``more`` grades decide."""
    data = {
        "export": export_id,
        "kind": KIND,
        "least": least,
        "more": more,
        "cards": [card_as_json(card) for card in cards],
    }
    script, style = static_text("grading.js"), static_text("grading.css")
    return render(
        "offline.html",
        title="Grading",
        policy=(
            f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; "
            "img-src data:; base-uri 'none'; form-action 'none'"
        ),
        # Ours, and without values.
        script=Markup(script),  # noqa: S704
        style=Markup(style),  # noqa: S704
        # A stranger's texts in a block of data: without "<" no tag can begin or end in it.
        data=Markup(json.dumps(data).replace("<", "\\u003c")),  # noqa: S704
    )


def write_offline_page(path: Path, html: str) -> None:
    """Write the page, whole or not at all.

    Raises:
        InputError: the file cannot be written.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_text(html, encoding="utf-8")
        draft.replace(path)
    except OSError as fault:
        draft.unlink(missing_ok=True)
        raise InputError(f"{path}: cannot be written: {fault.strerror}") from None


def read_result(path: Path) -> tuple[str, list[tuple[str, str]]]:
    """(the sitting's id, [(card id, grade), …]) of a result file.

    Raises:
        InputError: unreadable, or no result of such a page.
    """
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as fault:
        raise InputError(f"{path}: cannot be read: {fault}") from None
    except ValueError as fault:
        raise InputError(f"{path}: not JSON: {fault}; import the file the page saved") from None
    if not isinstance(said, dict) or said.get("kind") != KIND:
        raise InputError(f"{path}: no grades; import the file that the grading page saved")
    grades = said.get("grades")
    entries = grades if isinstance(grades, list) else []
    return str(said.get("sitting") or ""), [_entry(entry, path) for entry in entries]


def _entry(entry: Json, path: Path) -> tuple[str, str]:
    card = entry.get("card") if isinstance(entry, Mapping) else None
    grade = entry.get("grade") if isinstance(entry, Mapping) else None
    if not isinstance(card, str) or not isinstance(grade, str):
        raise InputError(f"{path}: {entry!r} is no grade; import the file that the page saved")
    return card, grade


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
