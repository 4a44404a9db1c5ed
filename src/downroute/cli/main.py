"""Where a command begins and ends: its exit code, and whatever goes wrong in words on stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from downroute.cli.pipes import outlive_readers
from downroute.cli.saying import INTERRUPTED, say_error, say_interrupted
from downroute.errors import DownrouteError


def main(args: Sequence[str] | None = None) -> int:
    """Run one command; the exit code. Whatever goes wrong is said in words on stderr."""
    try:
        _call(sys.argv[1:] if args is None else args)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except KeyboardInterrupt:
        say_interrupted()
        return INTERRUPTED
    except DownrouteError as fault:
        say_error(str(fault))
        return fault.exit_code
    except OSError as fault:
        if fault.filename is None:
            return _bug(fault)
        say_error(f"{fault.filename}: {fault.strerror}")
        return 1
    except Exception as fault:
        return _bug(fault)
    return 0


def run() -> None:
    """The console script: `main`, then the process ends with its code."""
    outlive_readers()
    sys.exit(main())


def _call(args: Sequence[str]) -> None:
    """Run a command. A plain `serve` does without the library that reads command lines, an eighth
    of its start; whatever else is asked, help or no command at all, is that library's business."""
    options = None
    if args[:1] == ["serve"]:
        from downroute.cli.serve_options import read

        options = read(args[1:])
    if options is None:
        from downroute.cli.command_line import call

        call(args)
    else:
        from downroute.cli.serve_start import start

        start(options)


def _bug(fault: Exception) -> int:
    import tempfile
    import traceback

    text = "".join(traceback.format_exception(fault))
    said = " ".join(f"{type(fault).__name__}: {fault}".split())[:300]
    if os.environ.get("DOWNROUTE_DEBUG"):
        print(text, end="", file=sys.stderr, flush=True)
        say_error(f"this is a bug in downroute: {said}")
        return 1
    handle, path = tempfile.mkstemp(prefix="downroute-bug-", suffix=".txt", text=True)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    say_error(f"this is a bug in downroute: {said} (details: {path}; DOWNROUTE_DEBUG=1 shows them)")
    return 1
