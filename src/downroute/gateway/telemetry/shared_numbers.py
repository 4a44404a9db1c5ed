"""The numbers of several processes: each leaves its own in a folder, each can add all up.

What a process counted stays in its file when it is gone, so that sums never fall; what it showed of
the moment goes with it. Whoever sums writes its own numbers first: the next sum, made by another
process, is never behind this one.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path

from downroute.gateway.telemetry.tally import Numbers


class SharedNumbers:
    """Of this process, in ``folder``; alone where there is none."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._name = f"{os.getpid()}-{os.urandom(8).hex()}.json"

    @property
    def shared(self) -> bool:
        return self._folder is not None

    def leave(self, numbers: Numbers) -> None:
        """Write this process's numbers for the others. A folder that cannot be written makes the
        others' sums old, and no call fail."""
        if self._folder is None:
            return
        file = self._folder / self._name
        with suppress(OSError):
            new = file.with_suffix(".new")
            new.write_text(json.dumps(numbers.as_json()), encoding="utf-8")
            new.replace(file)

    def summed(self, numbers: Numbers) -> Numbers:
        """This process's numbers, with those of all others."""
        self.leave(numbers)
        total = Numbers()
        total.add(numbers, gauges=True)
        for file in self._folder.glob("*.json") if self._folder is not None else ():
            if file.name == self._name:
                continue
            with suppress(OSError, ValueError, KeyError, TypeError):
                other = Numbers.from_json(json.loads(file.read_text(encoding="utf-8")))
                total.add(other, gauges=_runs(int(file.name.split("-")[0])))
        return total


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True
