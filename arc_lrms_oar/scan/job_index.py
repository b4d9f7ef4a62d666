"""Which jobs of a control directory are in the LRMS, with as few files opened as possible.

One listing of `processing`, and one look at the time of each status file: a file that has not
changed since the last scan is not read again, and neither is its job's `.local`. What is remembered
is only a hint. Each file is read anew now and then all the same, and nothing is ever concluded for
a job before its files were read afresh; a memory that is lost or wrong costs time, no more.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable
from typing import NamedTuple

from arc_lrms_oar.arex.controldir import CANCELING, IN_LRMS, read_job
from arc_lrms_oar.errors import ControlDirError
from arc_lrms_oar.id_ranges import runs_of
from arc_lrms_oar.scan.job_cache import LastLook, Rows

_NEVER = 0
# Each status file is read at least once in so many scans.
_ROUND = 64


class Sighting(NamedTuple):
    """A job in the LRMS as it was last read: its status file's name and time, and whether it is
    being cancelled. The time is in seconds since 1970."""

    status_name: str
    changed: float
    canceling: bool

    @property
    def state(self) -> str:
        """A-REX's word for the job's state."""
        return CANCELING if self.canceling else IN_LRMS


class Known:
    """The status files of one control directory; `last` is what is remembered of them."""

    def __init__(self, last: LastLook) -> None:
        self.control_dir = last.control_dir
        self.without_id: list[str] = []
        self.twice: dict[int, list[Sighting]] = {}
        self.arrived = 0
        self._last = last
        self._rows: Rows = {}

    def look(self, turn: int) -> dict[int, Sighting]:
        """The jobs in the LRMS by OAR id, after a look at the directory.

        `turn` is another number each time: it tells whose turn it is to be read anew. Jobs without
        an id are listed in `without_id`, all jobs of an id that stands twice in `twice`; of the
        latter only the first is given. `arrived` counts the jobs that have got their first id since
        the last look; nothing is counted where that is not remembered. Raises ControlDirError for
        what is no control directory.
        """
        before = self._last.rows()
        rows = self._rows = self._listed(before or {}, turn)
        changed = rows != before
        if changed and before is not None:
            self.arrived = sum(_is_new(before.get(name)) for name, row in rows.items() if row[2])
        found: dict[int, Sighting] = {}
        for name, (when, _, job_id, canceling) in rows.items():
            if not job_id:
                continue
            sighting = Sighting(name, when / 1e9, bool(canceling))
            if found.setdefault(job_id, sighting) is not sighting:
                self.twice.setdefault(job_id, [found[job_id]]).append(sighting)
        runs = runs_of(found)
        if changed or runs != self._last.runs:
            self._last.save(runs, rows)
        return found

    def forget(self, status_names: Iterable[str]) -> None:
        """Has the next look read the files of these jobs anew: their ids are others by now."""
        names = set(status_names).intersection(self._rows)
        for name in names:
            self._rows[name] = [_NEVER, *self._rows[name][1:]]
        if names:
            ids = runs_of(row[2] for row in self._rows.values() if row[2])
            self._last.save(ids, self._rows)

    def _listed(self, before: Rows, turn: int) -> Rows:
        folder = os.path.join(self.control_dir, "processing")
        rows: Rows = {}
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    row = self._row(entry, before.get(entry.name), turn)
                    if row is not None:
                        rows[entry.name] = row
        except OSError as error:
            raise ControlDirError(
                f"{folder}: not the processing directory of a control directory: {error.strerror}"
            ) from None
        return rows

    def _row(self, entry: os.DirEntry[str], row: list[int] | None, turn: int) -> list[int] | None:
        """The row of a status file, which is `row` where that still holds."""
        try:
            status = entry.stat(follow_symlinks=False)
        except OSError:
            return None
        if (
            row is not None
            and row[0] == status.st_mtime_ns
            and row[1] == status.st_ino
            and (turn + zlib.crc32(entry.name.encode())) % _ROUND
        ):
            return row
        job = read_job(self.control_dir, entry.name)
        if job is None:
            return [status.st_mtime_ns, status.st_ino, 0, 0]
        if job.local_id is None:
            self.without_id.append(job.file("local"))
            return None
        return [status.st_mtime_ns, status.st_ino, job.local_id, int(job.state == CANCELING)]


def _is_new(before: list[int] | None) -> bool:
    return before is None or not before[2]
