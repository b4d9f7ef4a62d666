"""The terminal while `jobs --watch` runs: the alternate screen, and single keys."""

from __future__ import annotations

import os
import select
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

_ENTER = "\x1b[?1049h\x1b[?25l"
_LEAVE = "\x1b[?25h\x1b[?1049l"
_HOME, _CLEAR_LINE, _CLEAR_REST = "\x1b[H", "\x1b[K", "\x1b[J"


def size() -> tuple[int, int]:
    """The columns and lines of the terminal of standard output."""
    try:
        found = os.get_terminal_size(sys.stdout.fileno())
    except OSError:
        return 80, 24
    return found.columns or 80, found.lines or 24


def draw(lines: list[str]) -> None:
    """Replace what the screen shows."""
    text = "".join(f"{line}{_CLEAR_LINE}\n" for line in lines[:-1])
    # Without a newline behind the last one, the screen does not scroll.
    sys.stdout.write(f"{_HOME}{text}{lines[-1]}{_CLEAR_LINE}{_CLEAR_REST}")
    sys.stdout.flush()


def read_keys(keyboard: int | None, seconds: float) -> bytes | None:
    """What is typed within `seconds`; None for nothing, b"" if the terminal was closed."""
    if keyboard is None:
        time.sleep(seconds)
        return None
    if not select.select([keyboard], [], [], seconds)[0]:
        return None
    return os.read(keyboard, 64)


@contextmanager
def screen() -> Iterator[int | None]:
    """Switch the terminal to the alternate screen and single-key input, and restore it.

    Standard output is a terminal. Yields the keyboard's file descriptor, or None if there is no
    keyboard to read.
    """
    if not sys.stdin.isatty():
        with _alternate_screen():
            yield None
        return
    import termios
    import tty

    keyboard = sys.stdin.fileno()
    before = termios.tcgetattr(keyboard)
    try:
        tty.setcbreak(keyboard)
        with _alternate_screen():
            yield keyboard
    finally:
        termios.tcsetattr(keyboard, termios.TCSADRAIN, before)


@contextmanager
def _alternate_screen() -> Iterator[None]:
    sys.stdout.write(_ENTER)
    sys.stdout.flush()
    try:
        yield
    finally:
        sys.stdout.write(_LEAVE)
        sys.stdout.flush()
