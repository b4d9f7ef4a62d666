"""Messages to stderr, one line each, in the levels of A-REX."""

from __future__ import annotations

import io
import sys
import time

LEVELS = ("FATAL", "ERROR", "WARNING", "INFO", "VERBOSE", "DEBUG")


class Log:
    """Writes lines of at least the importance of `level`; `who` is the verb that speaks."""

    def __init__(self, who: str, level: str = "INFO") -> None:
        self._who = who
        self._most = LEVELS.index(level)

    def say(self, level: str, text: str) -> None:
        """Writes `text`, whatever is in it, as one line."""
        if LEVELS.index(level) <= self._most:
            line = " ".join(text.split()).encode("utf-8", "replace").decode()
            when = time.strftime("%Y-%m-%d %H:%M:%S")
            complain(f"[{when}] [{self._who}] [{level}] {line}")


def complain(line: str) -> None:
    """Prints `line` on stderr. Where that cannot be written (A-REX's disk is full) nobody hears it.

    Python would try again at its end, and turn success into exit code 120.
    """
    try:
        print(line, file=sys.stderr, flush=True)
    except OSError:
        sys.stderr = io.StringIO()
