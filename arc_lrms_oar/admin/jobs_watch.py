"""The jobs refreshed in place, as top does it, until q or Ctrl-C; into a pipe, one table after
another; as JSON, a line for each look.

The terminal is as it was before, however this ends. OAR is asked the seldomer the longer it takes
to answer, so that whoever watches costs it no more than a tenth of its time.
"""

from __future__ import annotations

import json
import os
import select
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from arc_lrms_oar.admin.job_overview import Lookout, Overview
from arc_lrms_oar.admin.job_table import BOLD, has_colours, lines_of, painted, summary, width_of

PAUSE = 5.0
_SHARE = 10
_WINDOW = 300.0
_ENTER = "\x1b[?1049h\x1b[?25l"
_LEAVE = "\x1b[?25h\x1b[?1049l"
_HOME, _REST_OF_LINE, _REST_OF_SCREEN = "\x1b[H", "\x1b[K", "\x1b[J"


class Rates:
    """How many jobs came into OAR, ended and failed in a minute, in the last five minutes."""

    def __init__(self) -> None:
        self._before: dict[str, tuple[bool, bool]] | None = None
        self._changes: deque[tuple[float, int, int, int]] = deque()
        self._since = 0.0

    def see(self, overview: Overview, now: float) -> None:
        """Takes in what there is at the time `now`."""
        seen = {row.grid_id: (row.local_id is not None, row.ended) for row in overview.rows}
        failed = {row.grid_id for row in overview.rows if row.failed}
        if self._before is None:
            self._since = now
        else:
            before = self._before
            came = [i for i, (known, _) in seen.items() if known and not _get(before, i)[0]]
            ended = [i for i, (_, over) in seen.items() if over and not _get(before, i)[1]]
            self._changes.append((now, len(came), len(ended), len(failed.intersection(ended))))
        self._before = seen
        while self._changes and now - self._changes[0][0] > _WINDOW:
            self._changes.popleft()

    def per_minute(self, now: float) -> dict[str, float | None]:
        """The rates by what has happened, None until there were two looks."""
        seconds = min(now - self._since, _WINDOW)
        words = ("submitted", "ended", "failed")
        if not self._changes or seconds <= 0:
            return dict.fromkeys(words)
        sums = [sum(change[1 + index] for change in self._changes) for index in range(3)]
        return {word: round(60 * total / seconds, 1) for word, total in zip(words, sums)}

    def text(self, now: float) -> str:
        """The rates as a line."""
        rates = self.per_minute(now).items()
        told = (f"{'-' if rate is None else rate} {word}" for word, rate in rates)
        return "per minute: " + ", ".join(told)


def _get(before: dict[str, tuple[bool, bool]], grid_id: str) -> tuple[bool, bool]:
    return before.get(grid_id, (False, False))


def watch_jobs(lookout: Lookout, wanted: str | None, as_json: bool = False) -> int:
    """Shows the jobs in the state `wanted` (None: all) again and again; raises ControlDirError."""
    rates = Rates()
    with nullcontext() if as_json else _screen() as keys:
        try:
            while True:
                now = time.time()
                started = time.monotonic()
                overview = lookout.look(now)
                cost = time.monotonic() - started
                rates.see(overview, now)
                if as_json:
                    _print_line(overview, rates, wanted, now)
                else:
                    _show(overview, rates, wanted, now)
                if _quits(keys, max(PAUSE, _SHARE * cost)):
                    return 0
        except KeyboardInterrupt:
            return 0


def _print_line(overview: Overview, rates: Rates, wanted: str | None, now: float) -> None:
    from arc_lrms_oar.admin.jobs import as_values, matching

    found = as_values(overview, matching(overview.rows, wanted))
    print(json.dumps({"time": now, "per_minute": rates.per_minute(now), **found}), flush=True)


def _show(overview: Overview, rates: Rates, wanted: str | None, now: float) -> None:
    from arc_lrms_oar.admin.jobs import matching

    rows = matching(overview.rows, wanted)
    width = width_of(sys.stdout)
    colours = has_colours(sys.stdout, os.environ)
    title = time.strftime("%H:%M:%S  ", time.localtime(now)) + rates.text(now)
    head = [painted(title[:width], BOLD, colours)]
    head += [line[:width] for line in summary(overview, len(rows))]
    if width is None:
        table = lines_of(rows, now, width, colours)
        print("\n".join([*head, *table, ""]), flush=True)
        return
    height = os.get_terminal_size(sys.stdout.fileno()).lines or 24
    room = max(0, height - len(head) - 2)
    lines = [*head, "", *lines_of(rows[: max(0, room - 1)], now, width, colours)][: height - 1]
    text = "".join(f"{line}{_REST_OF_LINE}\n" for line in lines)
    sys.stdout.write(_HOME + text + _REST_OF_SCREEN)
    sys.stdout.flush()


def _quits(keys: int | None, seconds: float) -> bool:
    """Waits so many seconds for a key; whether it was q."""
    if keys is None:
        time.sleep(seconds)
        return False
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        if select.select([keys], [], [], left)[0]:
            pressed = os.read(keys, 64)
            if not pressed or b"q" in pressed.lower():
                return True
    return False


@contextmanager
def _screen() -> Iterator[int | None]:
    """The terminal for us: a screen of its own, and keys that need no Enter; gives their file."""
    if not sys.stdout.isatty():
        yield None
        return
    if not sys.stdin.isatty():
        with _own_screen():
            yield None
        return
    import termios
    import tty

    keys = sys.stdin.fileno()
    before = termios.tcgetattr(keys)
    try:
        tty.setcbreak(keys)
        with _own_screen():
            yield keys
    finally:
        termios.tcsetattr(keys, termios.TCSADRAIN, before)


@contextmanager
def _own_screen() -> Iterator[None]:
    sys.stdout.write(_ENTER)
    sys.stdout.flush()
    try:
        yield
    finally:
        sys.stdout.write(_LEAVE)
        sys.stdout.flush()
