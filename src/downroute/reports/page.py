"""One self-contained HTML page from a template: no script, nothing fetched, everything escaped."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from downroute.errors import InputError
from downroute.reports import display


def render(template: str, values: Mapping[str, object]) -> str:
    """The template of this name under ``templates/``, filled in.

    The page's policy names the hash of its one style sheet, so that nothing else can style or
    script it, whatever a task or model is called.
    """
    environment = Environment(
        loader=PackageLoader("downroute.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        count=display.count, usd=display.usd, share=display.share, day=display.day
    )
    environment.globals["missing"] = display.MISSING
    style = environment.get_template("style.css").render()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    page = environment.get_template(template)
    # The sheet is ours and holds no values, so it needs no escaping.
    sheet = Markup(style)  # noqa: S704
    return page.render(style=sheet, style_hash=f"sha256-{digest}", **values)


def write_page(path: Path, template: str, values: Mapping[str, object]) -> None:
    """Write a filled-in page, whole or not at all.

    Raises:
        InputError: the file cannot be written.
    """
    html = render(template, values)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_text(html, encoding="utf-8")
        draft.replace(path)
    except OSError as fault:
        draft.unlink(missing_ok=True)
        raise InputError(f"{path}: cannot be written: {fault.strerror}") from None
