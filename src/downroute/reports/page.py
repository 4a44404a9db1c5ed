"""One self-contained HTML page from a template: nothing fetched, everything escaped, no script but
our own."""

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


def render(template: str, values: Mapping[str, object], script: str | None = None) -> str:
    """The template of this name under ``templates/``, filled in, with the ``script`` of that name.

    The page's policy names the hashes of its one style sheet and its one script, so that nothing
    else can style or script it, whatever a task or model is called.
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
    page = environment.get_template(template)
    # Sheet and script are ours and hold no values, so they need no escaping.
    style = environment.get_template("style.css").render()
    program = "" if script is None else environment.get_template(script).render()
    return page.render(
        style=Markup(style),  # noqa: S704
        style_hash=_hash(style),
        script=Markup(program),  # noqa: S704
        script_hash=_hash(program) if program else "",
        **values,
    )


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"sha256-{digest}"


def write_page(
    path: Path, template: str, values: Mapping[str, object], script: str | None = None
) -> None:
    """Write a filled-in page, whole or not at all.

    Raises:
        InputError: the file cannot be written.
    """
    html = render(template, values, script)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_text(html, encoding="utf-8")
        draft.replace(path)
    except OSError as fault:
        draft.unlink(missing_ok=True)
        raise InputError(f"{path}: cannot be written: {fault.strerror}") from None
