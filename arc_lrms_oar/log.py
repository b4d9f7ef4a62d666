"""Log lines on stderr, in A-REX's format and levels."""

from __future__ import annotations

import io
import sys
import time

from arc_lrms_oar.console import printable

# From the most to the least important. The position is the number that arc.conf may give instead
# of the name (ARC 6 and 7 `arc.conf.reference`, `loglevel`).
LEVELS = ("FATAL", "ERROR", "WARNING", "INFO", "VERBOSE", "DEBUG")


class Log:
    """Writes the lines of `command` that are at least as important as `level`."""

    def __init__(self, command: str, level: str = "INFO") -> None:
        self._command = command
        self._least = LEVELS.index(level)

    def say(self, level: str, text: str) -> None:
        """Write `text` as one line."""
        if LEVELS.index(level) <= self._least:
            when = time.strftime("%Y-%m-%d %H:%M:%S")
            complain(f"[{when}] [{self._command}] [{level}] {printable(text)}")


def complain(line: str) -> None:
    """Print `line` on stderr; ignore it where stderr cannot be written (A-REX's disk is full).

    Python would otherwise write again at its exit, fail, and turn exit status 0 into 120.
    """
    try:
        print(line, file=sys.stderr, flush=True)
    except OSError:
        sys.stderr = io.StringIO()
