"""The index of the jobs that A-REX has in the LRMS, built with as few files opened as possible.

One listing of `processing` and one stat of each status file: a file that has not changed since the
last cycle is not read again, and neither is its job's `.local`. The cache behind this is only a
hint. Each file is read again now and then all the same, and nothing is decided about a job before
its files were read afresh; a lost or wrong cache costs time and nothing else.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Collection, Iterable
from typing import NamedTuple

from arc_lrms_oar.arex.controldir import CANCELING, IN_LRMS, grid_id_of, read_job
from arc_lrms_oar.errors import ControlDirError
from arc_lrms_oar.id_ranges import ranges_of
from arc_lrms_oar.scan.job_cache import JobCache, Rows

_NEVER = 0
# In place of the job ID of a job whose submission failed.
_UNSUBMITTED = -1
# Each status file is read at least once in this number of cycles.
_REREAD_CYCLES = 64


class IndexedJob(NamedTuple):
    """A job in the LRMS as it was last read.

    `status_name` is the name of its status file, `changed` its modification time in seconds since
    1970, `canceling` whether A-REX is cancelling the job.
    """

    status_name: str
    changed: float
    canceling: bool

    @property
    def grid_id(self) -> str:
        """The grid job ID."""
        return grid_id_of(self.status_name) or self.status_name

    @property
    def state(self) -> str:
        """A-REX's name for the job's state."""
        return CANCELING if self.canceling else IN_LRMS


class JobIndex:
    """The index of one control directory.

    After `refresh`: `without_id` lists the `.local` files that hold no job ID, `shared` all jobs
    of each job ID that several jobs have, `new_jobs` counts the jobs that have got their first
    job ID since the last cycle (0 if there is no cache), and `gone` has the job IDs of those that
    were in the LRMS then and are not any more, by the names of their status files. `unsubmitted`
    lists the jobs whose submission failed. `disowned` are those that had a job ID in the last
    cycle, by that job ID, and are marked as not submitted now, which only their user can have done;
    they keep the job ID.
    """

    def __init__(self, cache: JobCache) -> None:
        self.control_dir = cache.control_dir
        self.without_id: list[str] = []
        self.shared: dict[int, list[IndexedJob]] = {}
        self.new_jobs = 0
        self.gone: dict[str, int] = {}
        self.unsubmitted: list[IndexedJob] = []
        self.disowned: dict[int, IndexedJob] = {}
        self._cache = cache
        self._rows: Rows = {}

    def refresh(self, cycle_number: int) -> dict[int, IndexedJob]:
        """Read the directory and return the jobs in the LRMS by job ID.

        `cycle_number` grows by one in each cycle and selects the files that are read again. Of the
        jobs that share a job ID only the first is returned. Raises ControlDirError if this is not
        a control directory.
        """
        before = self._cache.rows()
        rows = self._rows = self._listed(before or {}, cycle_number)
        changed = rows != before
        if changed and before is not None:
            self.new_jobs = sum(
                _is_new(before.get(name)) for name, row in rows.items() if row[2] > 0
            )
            here = {name for name, row in rows.items() if row[2]}
            self.gone = {
                name: before[name][2] for name in before.keys() - here if before[name][2] > 0
            }
        found: dict[int, IndexedJob] = {}
        for name, (when, _, job_id, canceling) in rows.items():
            if not job_id:
                continue
            job = IndexedJob(name, when / 1e9, bool(canceling))
            if job_id == _UNSUBMITTED:
                self.unsubmitted.append(job)
                continue
            if found.setdefault(job_id, job) is not job:
                self.shared.setdefault(job_id, [found[job_id]]).append(job)
        ranges = ranges_of(found)
        if changed or ranges != self._cache.id_ranges:
            self._cache.save(ranges, rows)
        return found

    def invalidate(self, status_names: Iterable[str]) -> None:
        """Have the next cycle read the files of these jobs again: their job IDs have changed."""
        names = set(status_names).intersection(self._rows)
        for name in names:
            self._rows[name] = [_NEVER, *self._rows[name][1:]]
        self._save(names)

    def forget(self, status_names: Iterable[str]) -> None:
        """Drop the job IDs of jobs that may be submitted anew from now on."""
        names = set(status_names).intersection(self._rows)
        for name in names:
            self._rows[name] = [_NEVER, self._rows[name][1], 0, self._rows[name][3]]
        self._save(names)

    def _save(self, changed: Collection[str]) -> None:
        if changed:
            ids = ranges_of(row[2] for row in self._rows.values() if row[2] > 0)
            self._cache.save(ids, self._rows)

    def _listed(self, before: Rows, cycle_number: int) -> Rows:
        folder = os.path.join(self.control_dir, "processing")
        rows: Rows = {}
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    row = self._row(entry, before.get(entry.name), cycle_number)
                    if row is not None:
                        rows[entry.name] = row
        except OSError as error:
            raise ControlDirError(
                f"{folder}: not the processing directory of a control directory: {error.strerror}"
            ) from None
        return rows

    def _row(
        self, entry: os.DirEntry[str], row: list[int] | None, cycle_number: int
    ) -> list[int] | None:
        """The row of a status file, which is the cached `row` if that is still valid."""
        try:
            status = entry.stat(follow_symlinks=False)
        except OSError:
            return None
        if (
            row is not None
            and row[0] == status.st_mtime_ns
            and row[1] == status.st_ino
            and (cycle_number + zlib.crc32(entry.name.encode())) % _REREAD_CYCLES
        ):
            return row
        job = read_job(self.control_dir, entry.name)
        if job is None:
            return [status.st_mtime_ns, status.st_ino, 0, 0]
        if job.is_unsubmitted and row is not None and row[2] > 0:
            self.disowned[row[2]] = IndexedJob(entry.name, job.status_time, job.state == CANCELING)
            return [_NEVER, status.st_ino, row[2], int(job.state == CANCELING)]
        if job.is_unsubmitted:
            return [status.st_mtime_ns, status.st_ino, _UNSUBMITTED, int(job.state == CANCELING)]
        if job.local_id is None:
            self.without_id.append(job.file("local"))
            return None
        return [status.st_mtime_ns, status.st_ino, job.local_id, int(job.state == CANCELING)]


def _is_new(before: list[int] | None) -> bool:
    return before is None or before[2] <= 0
