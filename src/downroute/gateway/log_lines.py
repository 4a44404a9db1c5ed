"""What the gateway says on stderr: a line an event, facts as key=value, no content, no secrets."""

from __future__ import annotations

import logging
import sys
import time

LOGGER = "downroute.gateway"

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:%+,")


def say(level: int, event: str, **facts: object) -> None:
    """Log ``event`` with its facts; those that are ``None`` are left out."""
    shown = (f"{key}={_quoted(str(v))}" for key, v in facts.items() if v is not None)
    logging.getLogger(LOGGER).log(level, "%s", " ".join([event.replace(" ", "_"), *shown]))


def to_stderr() -> None:
    """Send the lines to stderr, with time (UTC) and level. Called once, by the process."""
    handler = logging.StreamHandler(sys.stderr)
    form = logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%SZ")
    form.converter = time.gmtime
    handler.setFormatter(form)
    logger = logging.getLogger(LOGGER)
    logger.handlers[:] = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False


def _quoted(text: str) -> str:
    if text and _PLAIN.issuperset(text):
        return text
    return '"' + " ".join(text.split()).replace('"', "'") + '"'
