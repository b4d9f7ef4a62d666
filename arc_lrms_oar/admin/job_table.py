"""Formats the job overview as a table that fits its terminal.

A narrow table loses its less important columns and the ends of its texts, never user, queue, state
and times before those. A pipe gets the table of a wide terminal; programs read --csv or --json.
Everything that users chose (names, messages) is printed without control characters.
"""

from __future__ import annotations

import os
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import IO

from arc_lrms_oar.admin.job_fields import FIELDS, cell
from arc_lrms_oar.admin.job_overview import Overview
from arc_lrms_oar.admin.job_row import JobRow
from arc_lrms_oar.console import printable

RED, YELLOW, BOLD = "31", "33", "1"
PIPE_WIDTH = 200

_GAP = "  "
_COLUMNS = (
    *("job_id", "arex_state", "state", "user", "queue", "cores", "wall_time", "start", "name"),
    *("vo", "note", "dn", "grid_job_id"),
)
# On a narrow terminal these columns are dropped, in this order. Without the grid job ID, a job that
# has no job ID shows the start of its grid job ID there; without A-REX's state, a job that is not
# in OAR shows that as its state.
_DROPPED_FIRST = (
    *("dn", "vo", "name", "cores", "arex_state", "grid_job_id"),
    *("start", "wall_time", "queue", "user", "note"),
)
# These are left out if no job has them.
_OPTIONAL = ("start", "name", "vo", "dn")
# These are dropped for a grid job ID in full.
_FOR_WHOLE_ID = ("dn", "vo", "name")
# These columns are cut, each to this width at least.
_SHORTEST = {"name": 12, "vo": 8, "dn": 20, "note": 10, "grid_job_id": 8}
# The columns that get the space that is left, and up to which width, in this order.
_WIDENED = (("note", 40), ("grid_job_id", 999), ("name", 24), ("note", 999), ("dn", 999))
_SHORT_GRID_JOB_ID = 8
# The DNs of a site begin alike.
_CUT_AT_THE_START = ("dn",)


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


def table_lines(
    rows: Iterable[JobRow],
    now: float,
    width: int | None,
    colours: bool,
    fields: Sequence[str] = (),
) -> list[str]:
    """The headings and one line per row.

    Args:
        rows: the jobs, in the order of the table.
        now: the time in seconds since 1970.
        width: the width of the terminal, which no line exceeds; None in a pipe.
        colours: whether problems and failures are coloured.
        fields: the columns (names of FIELDS); without them, those that fit.
    """
    shown = list(rows)
    texts = {
        name: [FIELDS[name].heading, *(cell(name, row, now) for row in shown)]
        for name in fields or _COLUMNS
    }
    if fields:
        limit = width
        widths = {name: max(map(len, column)) for name, column in texts.items()}
    else:
        limit = width or PIPE_WIDTH
        widths = _fitting(texts, shown, limit)
    lines = [
        _GAP.join(
            _fit_start(texts[name][number], widths[name])
            if name in _CUT_AT_THE_START
            else _fit(texts[name][number], widths[name])
            for name in widths
        ).rstrip()
        for number in range(len(shown) + 1)
    ]
    styles = [BOLD, *(RED if row.problem else YELLOW if row.failed else "" for row in shown)]
    return [coloured(_fit_line(line, limit), style, colours) for line, style in zip(lines, styles)]


def _fitting(texts: dict[str, list[str]], rows: Sequence[JobRow], limit: int) -> dict[str, int]:
    """The widths of the columns that fit into `limit`; changes texts that replace a dropped one."""
    full = {
        name: max(map(len, column))
        for name, column in texts.items()
        if name not in _OPTIONAL or any(text != "-" for text in column[1:])
    }
    widths = {name: min(width, _SHORTEST.get(name, width)) for name, width in full.items()}
    whole_id = {**widths, "grid_job_id": full["grid_job_id"]}
    if _total({name: whole_id[name] for name in full if name not in _FOR_WHOLE_ID}) <= limit:
        widths = whole_id
    for name in _DROPPED_FIRST:
        if _total(widths) <= limit:
            break
        widths.pop(name, None)
        if name in _INSTEAD:
            other, text = _INSTEAD[name]
            cells = texts[other]
            cells[1:] = [printable(text(row, old)) for row, old in zip(rows, cells[1:])]
            widths[other] = max(map(len, cells))
    for name, most in _WIDENED:
        if name in widths:
            spare = max(0, limit - _total(widths))
            wanted = min(full[name], most)
            widths[name] = max(widths[name], min(wanted, widths[name] + spare))
    return widths


def _total(widths: Mapping[str, int]) -> int:
    return sum(widths.values()) + len(_GAP) * (len(widths) - 1)


def _without_grid_job_id(row: JobRow, text: str) -> str:
    return text if row.job_id is not None else row.grid_job_id[:_SHORT_GRID_JOB_ID]


def _without_arex_state(row: JobRow, text: str) -> str:
    return row.arex_state if text == "-" else text


# When the first column is dropped, the second one has this text.
_INSTEAD = {
    "grid_job_id": ("job_id", _without_grid_job_id),
    "arex_state": ("state", _without_arex_state),
}


def _fit(text: str, width: int) -> str:
    return text.ljust(width) if len(text) <= width else text[: max(0, width - 1)] + "…"[:width]


def _fit_start(text: str, width: int) -> str:
    return text.ljust(width) if len(text) <= width else "…" + text[len(text) - width + 1 :]


def _fit_line(line: str, limit: int | None) -> str:
    return line if limit is None or len(line) <= limit else _fit(line, limit)


def summary_lines(overview: Overview, shown: int, width: int | None = None) -> list[str]:
    """Counts by state, and notes on an unavailable OAR and on jobs that are not shown.

    The lines are wrapped for a terminal of this `width`.
    """
    counts = ", ".join(f"{count} {printable(state)}" for state, count in overview.by_state.items())
    failed = sum(entry.failed for entry in overview.ended.values())
    lines = [
        f"{len(overview.in_progress)} jobs in progress{': ' if counts else ''}{counts}; "
        f"{len(overview.ended)} finished, {failed} of them failed; "
        f"{overview.problems} with problems"
    ]
    total = len(overview.in_progress) + len(overview.ended)
    if shown < total:
        older = " (--all lists the older ended jobs as well)" if overview.left_out else ""
        lines.append(f"{shown} of {total} jobs are shown{older}")
    if overview.oar_error:
        lines.append(f"OAR is unavailable: {printable(overview.oar_error)}")
    if overview.unreadable:
        lines.append(f"{overview.unreadable} jobs of other users are not shown; run this as root")
    if width is None:
        return lines
    return [part for line in lines for part in textwrap.wrap(line, width)]
