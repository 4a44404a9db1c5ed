"""List prices looked up by a process that ends: the list takes 15 MB of memory and a third of a
second, which a gateway that wants a dozen prices need not pay for as long as it runs."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime

from downroute.money.rates import Rates
from downroute.money.table import listed_rates

_TIMEOUT_S = 30.0


def listed_elsewhere(models: Sequence[str], at: datetime) -> Mapping[str, Rates | None]:
    """The list prices of ``models`` at an instant; nothing where the process fails, so that they
    are looked up in this one."""
    asked = json.dumps([at.isoformat(), *models])
    command = [sys.executable, "-m", "downroute.cli.listed_prices"]
    try:
        done = subprocess.run(  # noqa: S603 - our own module
            command, input=asked, capture_output=True, text=True, timeout=_TIMEOUT_S, check=True
        )
        found = json.loads(done.stdout)
        return {model: Rates(**found[model]) if found[model] else None for model in models}
    except (OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError):
        return {}


def main() -> None:
    """Answer on stdout what is asked on stdin."""
    at, *models = json.load(sys.stdin)
    instant = datetime.fromisoformat(at)
    found = {model: listed_rates(model, instant) for model in models}
    print(json.dumps({m: dataclasses.asdict(r) if r else None for m, r in found.items()}))


if __name__ == "__main__":
    main()
