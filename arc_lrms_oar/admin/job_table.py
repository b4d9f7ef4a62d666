"""Rows as a table for people: as wide as it needs to be, or as wide as their terminal is.

Pure but for the question how wide the terminal is. What users chose may hold anything; control
characters never reach a terminal.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import IO

from arc_lrms_oar.admin.job_overview import Overview, Row, span
from arc_lrms_oar.console import printable

RED, YELLOW, BOLD = "31", "33", "1"

_GAP = "  "
_HEADS = ("OAR id", "A-REX", "OAR", "user", "queue", "cores", "wall time", "start", "note", "job")
_NOTE, _JOB = 8, 9
# A terminal too narrow for all: this is left out, in this order.
_FIRST_OUT = (4, 5, 3, 7, 6)
_SHORT_JOB = 8
_LEAST_NOTE = 24


def plain(text: str) -> str:
    """`text` without what a terminal would obey."""
    return printable(text).encode("utf-8", "replace").decode()


def width_of(stream: IO[str]) -> int | None:
    """Columns of the terminal that `stream` is; None where it is none, and nothing is cut."""
    if not stream.isatty():
        return None
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except OSError:
        return 80


def has_colours(stream: IO[str], environment: Mapping[str, str]) -> bool:
    """Whether to colour: on a terminal that can, unless NO_COLOR is set (no-color.org)."""
    dumb = environment.get("TERM", "dumb") == "dumb"
    return stream.isatty() and not environment.get("NO_COLOR") and not dumb


def painted(text: str, colour: str, colours: bool) -> str:
    """`text` in `colour` where there are colours."""
    return f"\x1b[{colour}m{text}\x1b[0m" if colours and colour else text


def lines_of(rows: Iterable[Row], now: float, width: int | None, colours: bool) -> list[str]:
    """A heading and a line for each of `rows`, none wider than `width`."""
    shown = list(rows)
    cells = [_HEADS, *(_cells(row, now) for row in shown)]
    columns = list(range(len(_HEADS)))
    widths = [max(len(line[column]) for line in cells) for column in columns]
    if width is not None:
        widths[_JOB] = min(widths[_JOB], max(_SHORT_JOB, width - _taken(widths, columns, _JOB)))
        for column in _FIRST_OUT:
            least = [*widths]
            least[_NOTE] = min(widths[_NOTE], _LEAST_NOTE)
            if _taken(least, columns) <= width:
                break
            columns.remove(column)
        room = width - _taken(widths, columns, _NOTE)
        widths[_NOTE] = min(widths[_NOTE], max(0, room))
    texts = [
        _GAP.join(_fit(line[column], widths[column]) for column in columns).rstrip()[:width]
        for line in cells
    ]
    marks = [BOLD, *(RED if row.trouble else YELLOW if row.failed else "" for row in shown)]
    return [painted(text, mark, colours) for text, mark in zip(texts, marks)]


def _taken(widths: Sequence[int], columns: Sequence[int], without: int = -1) -> int:
    """Columns of the terminal that the table's columns take, `without` counted as empty."""
    inside = sum(widths[column] for column in columns if column != without)
    return inside + len(_GAP) * (len(columns) - 1)


def _fit(text: str, width: int) -> str:
    return text.ljust(width) if len(text) <= width else text[: max(0, width - 1)] + "…"[:width]


def _cells(row: Row, now: float) -> tuple[str, ...]:
    cells = (
        str(row.local_id or "-"),
        row.state,
        row.oar_state or "-",
        row.user or "-",
        row.queue or "-",
        str(row.cores or "-"),
        "-" if row.used is row.asked is None else f"{span(row.used)}/{span(row.asked)}",
        _start(row, now),
        row.note,
        row.grid_id,
    )
    return tuple(plain(cell) for cell in cells)


def _start(row: Row, now: float) -> str:
    if row.start is None:
        return "-"
    when = time.localtime(row.start)
    same_day = when[:3] == time.localtime(now)[:3]
    text = time.strftime("%H:%M:%S" if same_day else "%Y-%m-%d %H:%M", when)
    return text if row.used is not None else f"~{text}"


def summary(overview: Overview, shown: int) -> list[str]:
    """What is to be said besides: counts, that OAR is silent, that jobs are hidden."""
    rows = overview.rows
    live = [row for row in rows if not row.ended]
    states: dict[str, int] = {}
    for row in live:
        word = row.oar_state or row.state
        states[word] = states.get(word, 0) + 1
    counted = ", ".join(f"{number} {plain(word)}" for word, number in sorted(states.items()))
    failed = sum(row.failed for row in rows)
    lines = [
        f"{len(live)} jobs under way{': ' if counted else ''}{counted}; "
        f"{len(rows) - len(live)} ended, {failed} of them failed; "
        f"{sum(row.trouble for row in rows)} in trouble"
    ]
    if shown < len(rows):
        lines.append(f"{shown} of {len(rows)} jobs are shown")
    if overview.oar_trouble:
        lines.append(f"OAR could not be asked: {plain(overview.oar_trouble)}")
    if overview.unreadable:
        lines.append(f"{overview.unreadable} jobs are other users'; root sees them")
    return lines
