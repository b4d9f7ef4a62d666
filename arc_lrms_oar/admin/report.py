"""The command `report`: how many jobs ended, and how, by day, VO, user, queue and reason."""

from __future__ import annotations

import csv
import json
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from arc_lrms_oar.admin.ended_jobs import EndedJobRow, History, read_history
from arc_lrms_oar.admin.job_selection import Selection
from arc_lrms_oar.admin.progress import progress_bar
from arc_lrms_oar.console import columns, printable
from arc_lrms_oar.oar.client import OarClient
from arc_lrms_oar.settings import Settings


def _day(row: EndedJobRow) -> str:
    return time.strftime("%Y-%m-%d", time.localtime(row.ended))


# What jobs can be counted by.
KEYS: dict[str, Callable[[EndedJobRow], str]] = {
    "day": _day,
    "vo": lambda row: row.vo or "-",
    "user": lambda row: row.user or "-",
    "queue": lambda row: row.queue or "-",
    "reason": lambda row: row.reason,
    "dn": lambda row: row.dn or "-",
}
_USUAL = ("day", "vo", "user", "queue", "reason")


class Count(NamedTuple):
    """One line: the values of the keys, the jobs, how many of them failed, and core hours."""

    keys: tuple[str, ...]
    jobs: int
    failed: int
    core_hours: float


def count(rows: Iterable[EndedJobRow], keys: Sequence[str]) -> list[Count]:
    """The rows counted by the values of `keys`, in their order."""
    found: dict[tuple[str, ...], list[EndedJobRow]] = {}
    for row in rows:
        found.setdefault(tuple(KEYS[key](row) for key in keys), []).append(row)
    return [
        Count(
            values,
            len(same),
            sum(row.failed for row in same),
            round(sum(row.core_seconds for row in same) / 3600, 2),
        )
        for values, same in sorted(found.items())
    ]


def report(
    settings: Settings,
    client: OarClient,
    age: float,
    selection: Selection,
    keys: Sequence[str],
    form: str,
) -> int:
    """Print the jobs that have ended, counted.

    Args:
        settings: the options of arc.conf.
        client: the connection to OAR.
        age: how many seconds ago the first of them ended.
        selection: whose user, queue, VO and DN are meant.
        keys: what they are counted by (names of KEYS); empty: by each of the usual ones.
        form: "table", "csv" or "json".

    Returns:
        The exit status.

    Raises:
        ControlDirError: the control directory is not one.
    """
    with progress_bar("reading ended jobs") as bar:
        history = read_history(settings, client, time.time() - age, bar)
    rows = [row for row in history.jobs if selection.has_owner(row._asdict())]
    for note in history.notes:
        print(note, file=sys.stderr)
    if form == "json":
        _print_json(history, rows, keys)
    elif form == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        names = keys or _USUAL
        writer.writerow([*names, *Count._fields[1:]])
        writer.writerows([*one.keys, *one[1:]] for one in count(rows, names))
    else:
        print("\n\n".join(_table(rows, names) for names in ([keys] if keys else zip(_USUAL))))
    return 0


def _print_json(history: History, rows: Sequence[EndedJobRow], keys: Sequence[str]) -> None:
    names = keys or _USUAL
    counted = [{**dict(zip(names, one.keys)), **_numbers(one)} for one in count(rows, names)]
    print(json.dumps({"notes": history.notes, "ended": counted}, indent=2))


def _numbers(one: Count) -> dict[str, float]:
    return {"jobs": one.jobs, "failed": one.failed, "core_hours": one.core_hours}


def _table(rows: Sequence[EndedJobRow], names: Sequence[str]) -> str:
    heading = (*names, "jobs", "failed", "core hours")
    lines = [
        (*map(printable, one.keys), str(one.jobs), str(one.failed), f"{one.core_hours:.2f}")
        for one in count(rows, names)
    ]
    hours = sum(row.core_seconds for row in rows) / 3600
    blank = [""] * (len(names) - 1)
    last = ("total", *blank, str(len(rows)), str(sum(row.failed for row in rows)), f"{hours:.2f}")
    return columns([heading, *lines, last])
