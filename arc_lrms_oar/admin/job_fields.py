"""The fields of a job that `jobs` can show, sort by and write as CSV: each once. Pure."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from arc_lrms_oar.admin.job_row import JobRow
from arc_lrms_oar.console import printable
from arc_lrms_oar.job.request import clock


class Field(NamedTuple):
    """One field: its heading in the table, its text there, and its plain value.

    Both functions get the row and the time in seconds since 1970. The value is that of the JSON
    output; it is sorted by and written as CSV.
    """

    heading: str
    text: Callable[[JobRow, float], str]
    value: Callable[[JobRow, float], Any]


def moment(seconds: float | None, now: float) -> str:
    """A time in local time, as short as is clear at `now`; - for None."""
    if seconds is None:
        return "-"
    when, today = time.localtime(seconds), time.localtime(now)
    if when[:3] == today[:3]:
        return time.strftime("%H:%M:%S", when)
    return time.strftime("%m-%d %H:%M" if when[0] == today[0] else "%Y-%m-%d", when)


def span(seconds: float) -> str:
    """A duration in its largest unit: 59s, 12m, 5h, 8d."""
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size:
            return f"{seconds // size:.0f}{unit}"
    return f"{max(0, seconds):.0f}s"


def _plain(name: str, heading: str) -> Field:
    """A field that is shown as it is; - if it is missing."""

    def text(row: JobRow, now: float) -> str:
        value = getattr(row, name)
        return "-" if value in (None, "") else str(value)

    return Field(heading, text, lambda row, now: getattr(row, name))


def _state(row: JobRow, now: float) -> str:
    """OAR's state; that of A-REX does not show which of the ended jobs have failed."""
    return row.state or ("failed" if row.failed else "-")


def _note(row: JobRow, now: float) -> str:
    """The note without A-REX's words before a reason, which would fill a narrow column."""
    return re.sub(r"^LRMS error: \(\d+\) ", "", row.note)


def _age(row: JobRow, now: float) -> int:
    return int(now - row.since)


def _yes_no(name: str) -> Field:
    return Field(
        name,
        lambda row, now: "yes" if getattr(row, name) else "no",
        lambda row, now: getattr(row, name),
    )


def _start(row: JobRow, now: float) -> str:
    """The start, with ~ if it is predicted."""
    text = moment(row.start, now)
    return text if row.used is not None or row.start is None else f"~{text}"


def _wall_time(seconds: int | None) -> str:
    """h:mm:ss, or - for None."""
    if seconds is None:
        return "-"
    hours, minutes, rest = clock(seconds).split(":")
    return f"{hours}:{minutes:0>2}:{rest:0>2}"


def _used_of_requested(row: JobRow, now: float) -> str:
    if row.used is row.requested is None:
        return "-"
    return f"{_wall_time(row.used)}/{_wall_time(row.requested)}"


# By the names that --fields and --sort take; those of a value are those of the JSON output.
FIELDS = {
    "job_id": _plain("job_id", "job ID"),
    "arex_state": _plain("arex_state", "A-REX"),
    "state": Field("state", _state, lambda row, now: row.state),
    "user": _plain("user", "user"),
    "queue": _plain("queue", "queue"),
    "cores": _plain("cores", "cores"),
    "wall_time": Field("wall time", _used_of_requested, lambda row, now: row.used),
    "used": Field("used", lambda row, now: _wall_time(row.used), lambda row, now: row.used),
    "requested": Field(
        "requested", lambda row, now: _wall_time(row.requested), lambda row, now: row.requested
    ),
    "start": Field("start", _start, lambda row, now: row.start),
    "since": Field("since", lambda row, now: moment(row.since, now), lambda row, now: row.since),
    "age": Field("age", lambda row, now: span(now - row.since), _age),
    "name": _plain("name", "name"),
    "vo": _plain("vo", "VO"),
    "dn": _plain("dn", "DN"),
    "problem": _yes_no("problem"),
    "failed": _yes_no("failed"),
    "note": Field("note", _note, lambda row, now: row.note),
    "grid_job_id": _plain("grid_job_id", "grid job ID"),
}
# What CSV has without --fields: all that is a value of its own.
VALUES = tuple(name for name in FIELDS if name not in ("wall_time", "age"))


def sorted_rows(
    rows: Iterable[JobRow], names: Iterable[str], reverse: bool, now: float
) -> list[JobRow]:
    """The rows by these fields, the first one foremost; in the given order without any.

    Rows without a value come last, also in the reverse order.
    """
    found = list(rows)
    keys = list(names)
    for name in reversed(keys):
        value = FIELDS[name].value
        pairs = [(value(row, now), row) for row in found]
        present = [pair for pair in pairs if pair[0] not in (None, "")]
        missing = [row for found_value, row in pairs if found_value in (None, "")]
        present.sort(key=lambda pair: pair[0], reverse=reverse)
        found = [row for _, row in present] + missing
    return found[::-1] if reverse and not keys else found


def cell(name: str, row: JobRow, now: float) -> str:
    """The text of a field in the table, without control characters."""
    return printable(FIELDS[name].text(row, now))
