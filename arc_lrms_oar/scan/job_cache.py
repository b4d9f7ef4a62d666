"""The job cache: a file in the control directory with what the last cycle found there.

The first line holds the OAR job IDs as ranges. The query to OAR needs nothing else, so it is read
long before the rest. The second line holds a row for each status file, by its name: [modification
time in ns, inode, job ID (0: none, -1: its submission failed), whether the job is being cancelled].
The cache is only a hint: if it is lost or unreadable, all files are read again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress

from arc_lrms_oar.files import atomic_write
from arc_lrms_oar.id_ranges import IdRange

_NAME = "arc_lrms_oar.jobs"
_LIMIT = 256 << 20

Rows = dict[str, list[int]]


class JobCache:
    """The cache of one control directory; `id_ranges` are the ranges of job IDs, ascending."""

    def __init__(self, control_dir: str) -> None:
        self.control_dir = control_dir
        self._path = os.path.join(control_dir, _NAME)
        ranges, _, self._rows = self._read().partition(b"\n")
        self.id_ranges = _ranges(ranges)

    def rows(self) -> Rows | None:
        """The rows; None if there are none or they are invalid."""
        try:
            found: Rows = json.loads(self._rows)
            for row in found.values():
                changed, inode, job_id, canceling = row
                if type(changed) is type(inode) is type(job_id) is type(canceling) is int:
                    continue
                return None
        # OverflowError and RecursionError come from JSON that scan has not written.
        except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
            return None
        return found

    def save(self, id_ranges: Sequence[IdRange], rows: Mapping[str, Sequence[int]]) -> None:
        """Replace the cache. If it cannot be written, the old one stays and remains usable."""
        line = " ".join(f"{first}-{last}" for first, last in id_ranges)
        content = f"{line}\n{json.dumps(rows, separators=(',', ':'))}"
        with suppress(OSError):
            atomic_write(self._path, content.encode())

    def _read(self) -> bytes:
        try:
            with open(self._path, "rb") as file:
                return file.read(_LIMIT)
        except OSError:
            return b""


def _ranges(line: bytes) -> list[IdRange]:
    """The ranges in `line`; none if it is invalid."""
    try:
        ranges = [(int(first), int(last)) for first, last in (w.split(b"-") for w in line.split())]
    except ValueError:
        return []
    ends = [end for pair in ranges for end in pair]
    return ranges if ends == sorted(ends) and ends[:1] > [0] else []
