"""Formats the job overview as a table: full width in a pipe, cut to the width of a terminal.

Everything that users chose (names, messages) is printed without control characters.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import IO

from arc_lrms_oar.admin.job_overview import JobRow, Overview
from arc_lrms_oar.console import printable
from arc_lrms_oar.job.request import clock

RED, YELLOW, BOLD = "31", "33", "1"

_GAP = "  "
_HEADINGS = (
    *("job ID", "A-REX", "state", "user", "queue", "cores", "wall time", "start", "note"),
    "grid job ID",
)
_NOTE, _GRID_JOB_ID = 8, 9
# On a narrow terminal these columns are dropped, in this order.
_DROPPED_FIRST = (4, 5, 3, 7, 6)
_SHORT_GRID_JOB_ID = 8
_SHORT_NOTE = 24


def terminal_width(stream: IO[str]) -> int | None:
    """The number of columns of the terminal `stream`; None if it is not a terminal."""
    if not stream.isatty():
        return None
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except OSError:
        return 80


def use_colours(stream: IO[str], environment: Mapping[str, str]) -> bool:
    """Whether `stream` is a terminal with colours and NO_COLOR is not set (no-color.org)."""
    dumb = environment.get("TERM", "dumb") == "dumb"
    return stream.isatty() and not environment.get("NO_COLOR") and not dumb


def coloured(text: str, colour: str, colours: bool) -> str:
    """`text` in `colour`, or unchanged if `colours` is false or `colour` is ""."""
    return f"\x1b[{colour}m{text}\x1b[0m" if colours and colour else text


def table_lines(rows: Iterable[JobRow], now: float, width: int | None, colours: bool) -> list[str]:
    """The headings and one line per row, none longer than `width` (None: no limit)."""
    shown = list(rows)
    cells = [_HEADINGS, *(_cells(row, now) for row in shown)]
    columns = list(range(len(_HEADINGS)))
    widths = [max(len(line[column]) for line in cells) for column in columns]
    if width is not None:
        left = width - _total(widths, columns, _GRID_JOB_ID)
        widths[_GRID_JOB_ID] = min(widths[_GRID_JOB_ID], max(_SHORT_GRID_JOB_ID, left))
        for column in _DROPPED_FIRST:
            least = [*widths]
            least[_NOTE] = min(widths[_NOTE], _SHORT_NOTE)
            if _total(least, columns) <= width:
                break
            columns.remove(column)
        left = width - _total(widths, columns, _NOTE)
        widths[_NOTE] = min(widths[_NOTE], max(0, left))
    texts = [
        _GAP.join(_fit(line[column], widths[column]) for column in columns).rstrip()[:width]
        for line in cells
    ]
    styles = [BOLD, *(RED if row.problem else YELLOW if row.failed else "" for row in shown)]
    return [coloured(text, style, colours) for text, style in zip(texts, styles)]


def _total(widths: Sequence[int], columns: Sequence[int], without: int = -1) -> int:
    """The width of a line with these columns, the column `without` counted as empty."""
    inside = sum(widths[column] for column in columns if column != without)
    return inside + len(_GAP) * (len(columns) - 1)


def _fit(text: str, width: int) -> str:
    return text.ljust(width) if len(text) <= width else text[: max(0, width - 1)] + "…"[:width]


def _cells(row: JobRow, now: float) -> tuple[str, ...]:
    no_time = row.used is row.requested is None
    cells = (
        str(row.job_id or "-"),
        row.arex_state,
        row.state or "-",
        row.user or "-",
        row.queue or "-",
        str(row.cores or "-"),
        "-" if no_time else f"{_wall_time(row.used)}/{_wall_time(row.requested)}",
        _start(row, now),
        row.note,
        row.grid_job_id,
    )
    return tuple(printable(cell) for cell in cells)


def _wall_time(seconds: int | None) -> str:
    """h:mm:ss, or - for None."""
    if seconds is None:
        return "-"
    hours, minutes, rest = clock(seconds).split(":")
    return f"{hours}:{minutes:0>2}:{rest:0>2}"


def _start(row: JobRow, now: float) -> str:
    """The start in local time, with ~ if it is predicted."""
    if row.start is None:
        return "-"
    when = time.localtime(row.start)
    same_day = when[:3] == time.localtime(now)[:3]
    text = time.strftime("%H:%M:%S" if same_day else "%Y-%m-%d %H:%M", when)
    return text if row.used is not None else f"~{text}"


def summary_lines(overview: Overview, shown: int) -> list[str]:
    """Counts by state, and notes on an unavailable OAR and on jobs that are not shown."""
    rows = overview.rows
    unfinished = [row for row in rows if not row.finished]
    states: dict[str, int] = {}
    for row in unfinished:
        state = row.state or row.arex_state
        states[state] = states.get(state, 0) + 1
    counts = ", ".join(f"{count} {printable(state)}" for state, count in sorted(states.items()))
    failed = sum(row.failed for row in rows)
    lines = [
        f"{len(unfinished)} jobs in progress{': ' if counts else ''}{counts}; "
        f"{len(rows) - len(unfinished)} finished, {failed} of them failed; "
        f"{sum(row.problem for row in rows)} with problems"
    ]
    if shown < len(rows):
        lines.append(f"{shown} of {len(rows)} jobs are shown")
    if overview.oar_error:
        lines.append(f"OAR is unavailable: {printable(overview.oar_error)}")
    if overview.unreadable:
        lines.append(f"{overview.unreadable} jobs of other users are not shown; run this as root")
    return lines
