"""What the gateway says on stderr: a line an event, with its facts, no content, no secrets."""

from __future__ import annotations

import json
import logging
import math
import sys
import time
from contextvars import ContextVar
from enum import StrEnum
from typing import Any

LOGGER = "downroute.gateway"
REQUEST_ID: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The id that the client gave the request being answered; stands in every line about it."""
_EXPORTER = "opentelemetry"
_REPEAT_S = 60.0
_TIME = "%Y-%m-%dT%H:%M:%SZ"

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:%+,")


class Form(StrEnum):
    """How a line is written."""

    TEXT = "text"
    """``TIME LEVEL event key=value …``"""
    JSON = "json"
    """An object with ``time``, ``level``, ``event`` and the facts."""


def say(level: int, event: str, **facts: object) -> None:
    """Log ``event`` with its facts; those that are ``None`` are left out."""
    known = {key: value for key, value in facts.items() if value is not None}
    request_id = REQUEST_ID.get()
    if request_id is not None:
        known.setdefault("request_id", request_id)
    name = event.replace(" ", "_")
    shown = (f"{key}={_quoted(str(value))}" for key, value in known.items())
    text = " ".join([name, *shown])
    extra = {"event": name, "facts": known}
    logging.getLogger(LOGGER).log(level, "%s", text, extra=extra)


class SaidNowAndThen:
    """``event`` said when it happens, at most once a minute, with how often it has happened."""

    def __init__(self, level: int, event: str, **facts: object) -> None:
        self._level = level
        self._event = event
        self._facts = facts
        self._times = 0
        self._said_at = -math.inf

    def __call__(self) -> None:
        self._times += 1
        now = time.monotonic()
        if now - self._said_at >= _REPEAT_S:
            self._said_at = now
            say(self._level, self._event, times=self._times, **self._facts)


class Seldom:
    """Says errors that may last, each event once a minute."""

    def __init__(self) -> None:
        self._said: dict[str, float] = {}

    def say(self, event: str, **facts: object) -> None:
        now = time.monotonic()
        if now - self._said.get(event, -math.inf) >= _REPEAT_S:
            self._said[event] = now
            say(logging.ERROR, event, **facts)

    def forget(self) -> None:
        """It is over: should it come again it is said at once."""
        self._said.clear()


def to_stderr(form: Form = Form.TEXT) -> None:
    """Send the lines to stderr, with time (UTC) and level, and the complaints of the exporter of
    traces with them. Called once, by the process."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_AsJson() if form is Form.JSON else _as_text())
    for name, level in ((LOGGER, logging.INFO), (_EXPORTER, logging.WARNING)):
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.setLevel(level)
        logger.propagate = False


def _as_text() -> logging.Formatter:
    form = logging.Formatter("%(asctime)s %(levelname)s %(message)s", _TIME)
    form.converter = time.gmtime
    return form


class _AsJson(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        facts: dict[str, Any] = getattr(record, "facts", {})
        # What is no fact of ours, a library's line, is one whole.
        event = getattr(record, "event", None) or record.getMessage()
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line = {
            **facts,
            "time": f"{at}.{int(record.msecs):03d}Z",
            "level": record.levelname,
            "event": event,
        }
        first = ("time", "level", "event")
        ordered = {key: line[key] for key in (*first, *(k for k in line if k not in first))}
        return json.dumps(ordered, ensure_ascii=False, default=str)


def _quoted(text: str) -> str:
    if text and _PLAIN.issuperset(text):
        return text
    return '"' + " ".join(text.split()).replace('"', "'") + '"'
