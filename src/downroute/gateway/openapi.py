"""`/openapi.json`: the gateway's own surface, as a document that tools read."""

from __future__ import annotations

import json
from functools import cache
from importlib.metadata import version
from importlib.resources import files

from downroute.gateway import json_text
from downroute.gateway.message import JSON_TYPE, Reply, Request


async def openapi(_: Request) -> Reply:
    """The document of this version."""
    return Reply(200, (JSON_TYPE, ("cache-control", "no-cache")), document())


@cache
def document() -> bytes:
    text = files("downroute.gateway").joinpath("openapi.json").read_text(encoding="utf-8")
    described = json.loads(text)
    described["info"]["version"] = version("downroute")
    return json_text.encode(described)
