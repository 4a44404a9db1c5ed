"""The files a page is made of."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined


@cache
def static_text(name: str) -> str:
    """A script or style sheet of this package."""
    return files("downroute.dashboard").joinpath("static", name).read_text(encoding="utf-8")


def render(template: str, **values: object) -> str:
    """The template of this name, filled in; values are escaped."""
    environment = Environment(
        loader=PackageLoader("downroute.dashboard"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(**values)
