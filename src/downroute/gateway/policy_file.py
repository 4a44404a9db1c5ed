"""The policy as it is served: the file is looked at twice a second and swapped in whole.

What cannot be read never takes over: the last good policy stays, also when the file is deleted,
because a proven route does not become wrong by an editor's slip. ``<file>.off`` beside it sends
everything to the baseline for as long as it exists.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from downroute.config import Settings
from downroute.errors import PolicyError
from downroute.gateway.file_stamp import Stamp, stamp_of
from downroute.gateway.log_lines import say
from downroute.gateway.plan import Serving
from downroute.gateway.shapes import refuse_mixed_shapes
from downroute.records import Policy
from downroute.routing.match import RouteTable
from downroute.routing.policy import read_policy

POLL_S = 0.4


@dataclass(frozen=True, slots=True)
class ServedText:
    """A policy's text at the moment it is served first, with the models it names."""

    digest: str
    text: str
    path: str
    at: float
    models: tuple[str, ...]


class PolicyFile:
    """``serving`` is replaced as a whole, never changed. ``on_served`` hears of each new policy;
    one that the ``settings`` in force cannot serve is not taken."""

    def __init__(
        self,
        path: Path,
        on_served: Callable[[ServedText], None],
        settings: Callable[[], Settings] = Settings,
    ) -> None:
        self.path = path
        self.off_path = path.with_name(f"{path.name}.off")
        self.serving = Serving()
        self._on_served = on_served
        self._settings = settings
        self._stamp: Stamp | None = None

    def load(self) -> None:
        """Read the file for the first time. Without a file the gateway observes.

        Raises:
            PolicyError: it cannot be read or is no policy.
        """
        fault = self._look()
        if fault is not None:
            raise PolicyError(fault)

    async def watch(self) -> None:
        """Refresh for ever. Reading is done beside the event loop."""
        while True:
            await asyncio.sleep(POLL_S)
            await asyncio.to_thread(self.refresh)

    def refuse_with(self, settings: Settings) -> None:
        """Raises `PolicyError` where the file as it stands would be no policy with ``settings``."""
        try:
            text = self.path.read_text(encoding="utf-8")
            policy = read_policy(text, str(self.path))
        except (OSError, UnicodeDecodeError, PolicyError):
            return  # not what is served, and said elsewhere
        refuse_mixed_shapes(policy, text, str(self.path), settings)

    def refresh(self) -> None:
        """Take over what has changed since the last look."""
        fault = self._look()
        if fault is not None:
            self.serving = replace(self.serving, fault=fault)
            digest = self.serving.digest or "none"
            say(logging.ERROR, "policy not taken", reason=fault, serving=digest)

    def _look(self) -> str | None:
        """Serve what is new; why that cannot be done."""
        off = self.off_path.exists()
        if off != self.serving.off:
            self.serving = replace(self.serving, off=off)
            say(logging.WARNING, "policy off" if off else "policy on", file=self.off_path)
        stamp = stamp_of(self.path)
        if stamp == self._stamp:
            return None
        self._stamp = stamp
        if stamp is None:
            return f"{self.path}: the policy file is gone; the last one stays in force"
        try:
            text = self.path.read_text(encoding="utf-8")
            policy = read_policy(text, str(self.path))
            refuse_mixed_shapes(policy, text, str(self.path), self._settings())
            self._serve(policy, text)
        except PolicyError as fault:
            return str(fault)
        except (OSError, UnicodeDecodeError) as fault:
            return f"{self.path}: cannot be read: {fault}"
        except Exception as fault:
            # Whatever a file does to the parser, the policy in force goes on being served.
            return f"{self.path}: cannot be read ({type(fault).__name__})"
        return None

    def _serve(self, policy: Policy, text: str) -> None:
        if policy.digest == self.serving.digest:
            self.serving = replace(self.serving, fault=None)
            return
        first = self.serving.table is None
        self.serving = Serving(RouteTable(policy), self.serving.off)
        path = os.fspath(self.path)
        self._on_served(
            ServedText(policy.digest, text, path, time.time(), tuple(self.serving.models))
        )
        event = "policy served" if first else "policy replaced"
        say(logging.INFO, event, digest=policy.digest, routes=len(policy.routes))
