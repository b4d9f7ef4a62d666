"""The command `jobs --watch`: refreshes the job table in place, as top does, until q or Ctrl-C.

In a pipe it prints one table after another; with --json, one line per refresh. The terminal is
restored however the command ends. The interval grows with OAR's response time, so that watching
takes at most a tenth of OAR's time.
"""

from __future__ import annotations

import json
import os
import select
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext

from arc_lrms_oar.admin.job_fields import sorted_rows
from arc_lrms_oar.admin.job_output import JSON, Listing, as_json_object
from arc_lrms_oar.admin.job_overview import Overview, OverviewReader
from arc_lrms_oar.admin.job_row import JobRow
from arc_lrms_oar.admin.job_table import (
    BOLD,
    coloured,
    summary_lines,
    table_lines,
    terminal_width,
    use_colours,
)

INTERVAL = 5.0
_TIMES_QUERY = 10
_RATE_WINDOW = 300.0
_ENTER = "\x1b[?1049h\x1b[?25l"
_LEAVE = "\x1b[?25h\x1b[?1049l"
_HOME, _CLEAR_LINE, _CLEAR_REST = "\x1b[H", "\x1b[K", "\x1b[J"


class EventRates:
    """Jobs submitted to OAR, ended and failed per minute, over the last five minutes.

    A job that is submitted and fails between two refreshes is not counted as submitted.
    """

    def __init__(self) -> None:
        self._before: dict[str, tuple[bool, bool]] | None = None
        self._changes: deque[tuple[float, int, int, int]] = deque()
        self._since = 0.0

    def add(self, overview: Overview, now: float) -> None:
        """Count the changes since the previous overview; `now` is the time of this one."""
        current = {row.grid_job_id: (row.job_id is not None, False) for row in overview.in_progress}
        failed = {grid_id for grid_id, entry in overview.ended.items() if entry.failed}
        # Whether an ended job was in OAR is in its files, which are not read for this.
        current.update({grid_id: (grid_id not in failed, True) for grid_id in overview.ended})
        if self._before is None:
            self._since = now
        else:
            new = (False, False)
            before = self._before
            submitted = [i for i, (has_id, _) in current.items() if has_id > before.get(i, new)[0]]
            ended = [i for i, (_, over) in current.items() if over > before.get(i, new)[1]]
            self._changes.append((now, len(submitted), len(ended), len(failed & {*ended})))
        self._before = current
        while self._changes and now - self._changes[0][0] > _RATE_WINDOW:
            self._changes.popleft()

    def per_minute(self, now: float) -> dict[str, float | None]:
        """The rates by kind of event; None until there are two overviews."""
        seconds = min(now - self._since, _RATE_WINDOW)
        kinds = ("submitted", "ended", "failed")
        if not self._changes or seconds <= 0:
            return dict.fromkeys(kinds)
        sums = [sum(change[1 + index] for change in self._changes) for index in range(3)]
        return {kind: round(60 * total / seconds, 1) for kind, total in zip(kinds, sums)}

    def text(self, now: float) -> str:
        """The rates as one line."""
        rates = self.per_minute(now).items()
        parts = (f"{'-' if rate is None else rate} {kind}" for kind, rate in rates)
        return "per minute: " + ", ".join(parts)


def watch_jobs(reader: OverviewReader, listing: Listing) -> int:
    """Print the jobs repeatedly; raises ControlDirError."""
    rates = EventRates()
    with nullcontext() if listing.form == JSON else _screen() as keyboard:
        try:
            while True:
                now = time.time()
                started = time.monotonic()
                overview = reader.read(now, listing.selection, listing.newest)
                took = time.monotonic() - started
                rates.add(overview, now)
                rows = sorted_rows(overview.rows, listing.sort, listing.reverse, now)
                if listing.form == JSON:
                    _print_json_line(overview, rows, rates, now)
                else:
                    _print_table(overview, rows, rates, now, listing.fields)
                if _quit_pressed(keyboard, max(INTERVAL, _TIMES_QUERY * took)):
                    return 0
        except KeyboardInterrupt:
            return 0


def _print_json_line(
    overview: Overview, rows: Sequence[JobRow], rates: EventRates, now: float
) -> None:
    found = as_json_object(overview, rows)
    print(json.dumps({"time": now, "per_minute": rates.per_minute(now), **found}), flush=True)


def _print_table(
    overview: Overview,
    rows: Sequence[JobRow],
    rates: EventRates,
    now: float,
    fields: Sequence[str],
) -> None:
    width = terminal_width(sys.stdout)
    colours = use_colours(sys.stdout, os.environ)
    title = time.strftime("%H:%M:%S  ", time.localtime(now)) + rates.text(now)
    head = [coloured(title[:width], BOLD, colours)]
    head += [line[:width] for line in summary_lines(overview, len(rows))]
    if width is None:
        table = table_lines(rows, now, width, colours, fields)
        print("\n".join([*head, *table, ""]), flush=True)
        return
    height = os.get_terminal_size(sys.stdout.fileno()).lines or 24
    left = max(0, height - len(head) - 2)
    table = table_lines(rows[: max(0, left - 1)], now, width, colours, fields)
    lines = [*head, "", *table][: height - 1]
    text = "".join(f"{line}{_CLEAR_LINE}\n" for line in lines)
    sys.stdout.write(_HOME + text + _CLEAR_REST)
    sys.stdout.flush()


def _quit_pressed(keyboard: int | None, seconds: float) -> bool:
    """Wait up to `seconds` for a key; whether q was pressed or the terminal was closed."""
    if keyboard is None:
        time.sleep(seconds)
        return False
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        if select.select([keyboard], [], [], left)[0]:
            pressed = os.read(keyboard, 64)
            if not pressed or b"q" in pressed.lower():
                return True
    return False


@contextmanager
def _screen() -> Iterator[int | None]:
    """Switch the terminal to the alternate screen and single-key input, and restore it.

    Yields the keyboard's file descriptor, or None if there is no keyboard to read.
    """
    if not sys.stdout.isatty():
        yield None
        return
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
