"""A request's fingerprint: what stays the same over all requests of one task.

It is made of the system prompt's template (its text with the parts that vary masked), the names
of the offered tools, and the response format's name. Requests of different tasks may share one;
a policy may then not be keyed by it (see `match`).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from functools import lru_cache

from downroute.prompts import system_text, tool_schemas
from downroute.records import Json

_VARYING = re.compile(
    r"""(?P<url>https?://[^\s"'<>)]+)
    | (?P<email>[\w.+-]+@[\w-]+(?:\.[\w-]+)+)
    | (?P<uuid>\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b)
    | (?P<hex>\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{12,}\b)
    | (?P<number>\d+(?:[.,:/-]\d+)*)""",
    re.VERBOSE,
)
_MONTH_OR_DAY = re.compile(
    r"\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*(?=\W+<number>)"
    r"|\b(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day\b"
)
_SPACE = re.compile(r"\s+")
_SAYS_NOTHING = frozenset(
    {"you are a helpful assistant", "you are a helpful ai assistant", "you are an ai assistant"}
)


def fingerprint(request: Mapping[str, Json]) -> str:
    """12 hex digits; equal for requests that share template, tools and response format."""
    tools = ",".join(sorted(tool_schemas(request)))
    return _hashed(system_text(request), tools, response_format_name(request))


def unnamed_task(mark: str) -> str:
    """What the requests that bear the fingerprint ``mark`` and declare no task are called."""
    return f"unnamed-{mark[:8]}"


def response_format_name(request: Mapping[str, Json]) -> str:
    """The name of the response format, its type where it has no name, empty where absent."""
    wanted = request.get("response_format")
    if not isinstance(wanted, Mapping):
        return ""
    inner = wanted.get("json_schema")
    name = inner.get("name") if isinstance(inner, Mapping) else None
    return str(name or wanted.get("type") or "")


def template(text: str) -> str:
    """``text`` with numbers, dates, addresses and identifiers masked and white space folded;
    empty where it is one of the phrases that stand in requests of every kind."""
    masked = _VARYING.sub(lambda m: f"<{m.lastgroup}>", text)
    folded = _SPACE.sub(" ", _MONTH_OR_DAY.sub("<date>", masked)).strip()
    return "" if folded.lower().rstrip(".!") in _SAYS_NOTHING else folded


@lru_cache(maxsize=4096)
def _hashed(system: str, tools: str, response_format: str) -> str:
    # A service sends the same few system prompts over and over; masking 10 KB each time would
    # cost the gateway more than the rest of its work.
    whole = "\x1f".join((template(system), tools, response_format))
    return hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()[:12]


BLANK = fingerprint({})
"""What requests bear that bring no instructions, no tools and no response format. They may be of
any kind, so no route is keyed by it."""
