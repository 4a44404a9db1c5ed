"""The settings as they are served: ``downroute.yaml`` is looked at a few times a second and taken
over while calls go on.

What cannot be read never takes over: the last good settings stay. Of the rest all upstreams,
models, prices and times are taken; what only a start can change is said.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from downroute.config import Settings
from downroute.errors import ConfigError, DownrouteError
from downroute.gateway.file_stamp import Stamp, stamp_of
from downroute.gateway.log_lines import say

POLL_S = 0.15

Stamps = tuple[Stamp | None, ...]
"""What changes when the file does, or one of a key."""
Taking = Callable[[], None]
"""Lets prepared settings take over, at once; called on the event loop."""


@dataclass(frozen=True, slots=True)
class ConfigSource:
    """Where settings come from: ``load`` reads ``path`` as at the start, with what the command line
    says; raises `ConfigError`. ``reread`` asks for it, whether or not the file has changed."""

    path: Path
    load: Callable[[], Settings]
    reread: asyncio.Event = field(default_factory=asyncio.Event)


class ConfigFile:
    """``settings`` are those in force, ``fault`` says why the file as it stands now is not.
    ``prepare`` gets new ones, beside the event loop; it raises `ConfigError` where they cannot be
    served. Without a ``source`` nothing ever changes."""

    def __init__(
        self,
        settings: Settings,
        source: ConfigSource | None,
        prepare: Callable[[Settings], Taking],
    ) -> None:
        self.settings = settings
        self.fault: str | None = None
        self._source = source
        self._prepare = prepare
        self._taken = self._stamps()
        self._seen = self._taken
        self._had_file = bool(self._taken and self._taken[0])

    async def watch(self) -> None:
        """Follow the file for ever. One that has just changed may be half written, so it is read
        once it has stayed the same from one look to the next."""
        source = self._source
        while source is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_S):
                    await source.reread.wait()
            told = source.reread.is_set()
            source.reread.clear()
            stamps = await asyncio.to_thread(self._stamps)
            settled, self._seen = stamps == self._seen, stamps
            if told or (settled and stamps != self._taken):
                self._taken = stamps
                await self._follow(source)

    async def _follow(self, source: ConfigSource) -> None:
        try:
            new, take, stamps = await asyncio.to_thread(self._read, source)
            take()
        except DownrouteError as fault:
            self.fault = str(fault)
        except Exception as fault:
            # Whatever a file does to the parser, the settings in force go on being served.
            self.fault = f"{source.path}: cannot be read ({type(fault).__name__})"
        else:
            old, self.settings, self.fault = self.settings, new, None
            self._had_file = self._had_file or source.path.exists()
            self._taken = self._seen = stamps
            say(logging.INFO, "config taken", file=source.path, at_restart=_left(old, new))
            return
        say(logging.ERROR, "config not taken", reason=self.fault)

    def _read(self, source: ConfigSource) -> tuple[Settings, Taking, Stamps]:
        """New settings, ready to take over, and the stamps of their files: from before each is
        read, so that what changes meanwhile is seen at the next look."""
        stamp = stamp_of(source.path)
        if self._had_file and not source.path.exists():
            raise ConfigError(f"{source.path}: the file is gone; the last settings stay in force")
        settings = source.load()
        stamps = (stamp, *map(stamp_of, _key_files(settings)))
        return settings, self._prepare(settings), stamps

    def _stamps(self) -> Stamps:
        if self._source is None:
            return ()
        return tuple(stamp_of(path) for path in (self._source.path, *_key_files(self.settings)))


def _key_files(settings: Settings) -> Iterator[Path]:
    references = [p.key for upstream in settings.upstreams.values() for p in upstream.places]
    for reference in (*references, settings.gateway.admin_key):
        kind, _, name = (reference or "").partition(":")
        if kind == "file":
            yield Path(name).expanduser()


def _left(old: Settings, new: Settings) -> str | None:
    """What has changed that only a start takes over."""
    before, now = _at_start(old), _at_start(new)
    left = [name for name in before if before[name] != now[name]]
    if old.gateway.keys and not new.gateway.keys:
        left.append("gateway.keys")  # nobody is let in, rather than everybody
    return ",".join(left) or None


def _at_start(settings: Settings) -> dict[str, object]:
    return {
        "store": settings.store,
        "tasks.bodies": {n: t.bodies for n, t in settings.tasks.items() if t.bodies is not None},
        "log": settings.log,
        "telemetry": settings.telemetry,
        "policy": settings.policy,
        "serve.host": settings.serve.host,
        "serve.port": settings.serve.port,
    }
