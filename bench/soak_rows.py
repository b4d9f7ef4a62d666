"""The samples of a soak: their file, and the table of them. Runs nothing itself."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple


class Row(NamedTuple):
    """One interval of a soak; numbers of jobs are since its start.

    `minute`: its end. MB and open files: the highest of the interval, 0 without such a process.
    `index_kb`, `state_kb`: the sizes of the files of scan. `latency`, `latency_95`: median and 95th
    percentile of the seconds from OAR's last state to FINISHED, None if no job ended. `cpu`:
    milliseconds of CPU time in a second, by party.
    """

    minute: float
    in_flight: int
    finished: int
    wrong: list[str]
    arex_mb: float
    arex_files: int
    scan_mb: float
    scan_files: int
    index_kb: float
    state_kb: float
    latency: float | None
    latency_95: float | None
    cpu: dict[str, float]


# Heading, field, and format of the columns; the first three are not compared over time.
_COLUMNS = (
    ("minute", "minute", ".0f"),
    ("in flight", "in_flight", ".0f"),
    ("finished", "finished", ".0f"),
    ("A-REX MB", "arex_mb", ".1f"),
    ("files", "arex_files", ".0f"),
    ("scan MB", "scan_mb", ".1f"),
    ("files", "scan_files", ".0f"),
    ("index kB", "index_kb", ".1f"),
    ("state kB", "state_kb", ".1f"),
    ("latency s", "latency", ".1f"),
    ("95 %", "latency_95", ".1f"),
)
_COMPARED = _COLUMNS[3:]


def append(path: Path, row: Row) -> None:
    """Add a row to the file, which has one JSON object per line."""
    with path.open("a") as file:
        file.write(json.dumps(row._asdict()) + "\n")


def read(path: Path) -> list[Row]:
    """Return the rows of a file; of a soak that still runs, too."""
    return [Row(**json.loads(line)) for line in path.read_text().splitlines()]


def heading() -> str:
    """Return the headings of the columns."""
    return "".join(f"{title:>{_width(title)}}" for title, _, _ in _COLUMNS)


def line(row: Row) -> str:
    """Return one row of the table."""
    return "".join(
        f"{_number(getattr(row, field), form):>{_width(title)}}" for title, field, form in _COLUMNS
    )


def table(rows: Sequence[Row], every: int) -> str:
    """Return the table: each `every`th row, the comparison over time, and the errors."""
    chosen = [row for number, row in enumerate(rows, 1) if number % every == 0]
    lines = [heading(), *map(line, chosen)]
    third = len(rows) // 3
    if third:
        for name, part in (("first", rows[:third]), ("last", rows[-third:])):
            lines.append(f"{f'median of the {name} third':>28}" + _medians(part))
    wrong = [phrase for row in rows for phrase in row.wrong]
    return "\n".join([*lines, f"{len(wrong)} wrong", *wrong])


def _medians(rows: Sequence[Row]) -> str:
    text = ""
    for title, field, form in _COMPARED:
        values = [value for row in rows if (value := getattr(row, field)) is not None]
        text += f"{_number(statistics.median(values) if values else None, form):>{_width(title)}}"
    return text


def _width(title: str) -> int:
    return max(8, len(title) + 2)


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)
