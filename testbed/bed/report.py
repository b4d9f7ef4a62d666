"""What the testbed tells its user: progress lines with the time elapsed, and the error of a step.

Must not know what the steps do.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

Say = Callable[[str], None]


class BedError(Exception):
    """One line that says what went wrong; `tail` is the part of a log that explains it."""

    def __init__(self, message: str, tail: str = "") -> None:
        super().__init__(message)
        self.tail = tail


def quiet(_line: str) -> None:
    """For callers that want no progress lines."""


def progress() -> Say:
    """A reporter that prints to stderr at once, each line with the seconds since it was made."""
    start = time.monotonic()

    def say(line: str) -> None:
        print(f"[{time.monotonic() - start:6.1f}s] {line}", file=sys.stderr, flush=True)

    return say


def tail_of(text: str, lines: int = 25) -> str:
    """The last lines of a log that are not blank."""
    kept = [line for line in text.splitlines() if line.strip()]
    return "\n".join(kept[-lines:])
