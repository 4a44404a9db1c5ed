"""The demo's templates and word lists, and how words come into templates. They live in
``demo_data/``, written for this project: nothing there is a real customer, order or answer."""

from __future__ import annotations

from functools import cache
from importlib import resources
from random import Random
from typing import Any

from downroute import yamlfile


class Slots(dict[str, str]):
    """What stands in a template's ``{slots}``: drawn once a request, from the word list or range
    of that name. ``{city2}`` is a second city, different from the first."""

    def __init__(self, rng: Random, **given: object) -> None:
        super().__init__((k, str(v)) for k, v in given.items())
        self._rng = rng

    def __missing__(self, name: str) -> str:
        kind = name.rstrip("0123456789")
        known = templates("words")
        if kind in known["ranges"]:
            value = str(self._rng.randint(*known["ranges"][kind]))
        else:
            taken = {v for k, v in self.items() if k.rstrip("0123456789") == kind}
            value = self._rng.choice([w for w in known["words"][kind] if w not in taken])
        self[name] = value
        return value

    def fill(self, template: str) -> str:
        return template.format_map(self)


@cache
def templates(name: str) -> Any:
    """The templates and word lists in ``demo_data/NAME.yaml``."""
    text = resources.files(__package__).joinpath("demo_data", f"{name}.yaml").read_text("utf-8")
    return yamlfile.plain(yamlfile.parse(text, f"{name}.yaml"))
