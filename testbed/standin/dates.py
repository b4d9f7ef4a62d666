"""Dates and durations as the commands read and print them."""

from __future__ import annotations

import re
import time

TYPE_CHECKING = False  # importing typing would cost each command 3 ms
if TYPE_CHECKING:
    from .database import Row


def parse_date(text: str) -> int | None:
    """Return the epoch of YYYY-MM-DD hh:mm:ss in local time, None for anything else."""
    match = re.match(r"\s*(\d{4})-(\d\d?)-(\d\d?)\s+(\d\d?):(\d\d?):(\d\d?)\s*$", text)
    if not match:
        return None
    year, month, day, hour, minute, second = (int(g) for g in match.groups())
    epoch = time.mktime((year, month, day, hour, minute, second, 0, 0, -1))
    # mktime accepts the 31st of any month and turns it into another day.
    return int(epoch) if time.localtime(epoch)[:3] == (year, month, day) else None


def date(epoch: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(epoch))


def hms(seconds: int) -> str:
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def duration(row: Row) -> int:
    """Return for how many seconds the job has run."""
    if not row["start_time"]:
        return 0
    ran: int = (row["stop_time"] or int(time.time())) - row["start_time"]
    return max(0, ran)
