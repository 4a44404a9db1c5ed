"""Logs of other tools → calls. One file a format; `detect` is the front door."""

from downroute.importers.detect import detect, read

__all__ = ["detect", "read"]
