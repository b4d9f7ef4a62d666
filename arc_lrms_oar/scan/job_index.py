"""The index of the jobs that A-REX has in the LRMS, built with as few files opened as possible.

One listing of `processing` and one stat of each status file: a file that has not changed since the
last cycle is not read again, and neither is its job's `.local`. The cache behind this is only a
hint. Each file is read again now and then all the same, and nothing is decided about a job before
its files were read afresh; a lost or wrong cache costs time and nothing else.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable
from typing import NamedTuple

from arc_lrms_oar.arex.controldir import CANCELING, IN_LRMS, grid_id_of, read_job
from arc_lrms_oar.errors import ControlDirError
from arc_lrms_oar.id_ranges import ranges_of
from arc_lrms_oar.scan.job_cache import JobCache, Rows

_NEVER = 0
# In place of a modification time, of a job that had no job ID when its files were read.
_LACKING = -1
# In place of the job ID of a job whose submission failed.
_UNSUBMITTED = -1
# In place of `canceling`, of a job that is not in the LRMS any more.
_PAST = 2
# Each status file is read at least once in this number of calls of `refresh`.
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
    """The index of one control directory, for one cycle or for several of one process.

    After `refresh`: `jobs` are the jobs in the LRMS by job ID; of the jobs that share a job ID only
    the first. `without_id` has the `.local` files that hold no job ID, by grid job ID, `shared` all
    jobs of each job ID that several jobs have, `new_jobs` counts the jobs that have got their first
    job ID since the last cycle (0 if there is no cache), and `gone` has the job IDs of those that
    were in the LRMS then and are not any more, by the names of their status files. `dropped` has
    the names of those that left `processing` and were not seen in the LRMS. `unsubmitted` lists the
    jobs whose submission failed. `disowned` are those that had a job ID in the last cycle, by that
    job ID, and are marked as not submitted now or have lost it; they keep the job ID.
    `unidentified` lists the jobs in the LRMS that have not had a job ID yet.

    A-REX empties `.local` before it writes the file anew (ARC 6.17 and 7.0
    `grid-manager/files/ControlFileContent.cpp`, KeyValueFile). So the lack of a job ID counts only
    if it is seen twice in a row.
    """

    def __init__(self, cache: JobCache) -> None:
        self.control_dir = cache.control_dir
        self.jobs: dict[int, IndexedJob] = {}
        self.without_id: dict[str, str] = {}
        self.shared: dict[int, list[IndexedJob]] = {}
        self.new_jobs = 0
        self.gone: dict[str, int] = {}
        self.dropped: list[str] = []
        self.unsubmitted: list[IndexedJob] = []
        self.disowned: dict[int, IndexedJob] = {}
        self.unidentified: list[IndexedJob] = []
        self._cache = cache
        self._rows: Rows | None = None
        self._unsaved = False
        # The inodes in the last listing, and the directory's modification time before the last two.
        self._inodes: dict[str, int] = {}
        self._stamps = (_NEVER, _NEVER)

    def refresh(self, cycle_number: int) -> dict[int, IndexedJob]:
        """Read the directory and return `jobs`, after a look at every status file.

        `cycle_number` grows by one in each cycle and selects the files that are read again. Raises
        ControlDirError if this is not a control directory.
        """
        before = self._cache.rows() if self._rows is None else self._rows
        self._forget_changes()
        self._list(before or {}, cycle_number)
        self._compare(before)
        self.save()
        return self.jobs

    def refresh_quickly(self) -> dict[int, IndexedJob]:
        """Read what has changed since `refresh` of this object, and return `jobs`.

        A-REX replaces a status file by a new one (ARC 6.17 and 7.0 `hed/libs/common/FileUtils.cpp`,
        FileCreate), so the listing alone shows which jobs in the LRMS have another state; nothing
        is listed while the directory's modification time stays the same. The cache is written by
        `save`.
        """
        self._forget_changes()
        before = self._rows or {}
        if not self._is_unchanged():
            self._list(before, None)
            self._compare(before)
        return self.jobs

    def save(self) -> None:
        """Write the cache, if it is not as the index is now."""
        if self._unsaved and self._rows is not None:
            self._cache.save(self._cache.id_ranges, self._rows)
            self._unsaved = False

    def invalidate(self, status_names: Iterable[str]) -> None:
        """Have the next cycle read the files of these jobs again: their job IDs have changed."""
        rows = self._rows or {}
        names = rows.keys() & set(status_names)
        self._change({name: [min(rows[name][0], _NEVER), *rows[name][1:]] for name in names})

    def forget(self, status_names: Iterable[str]) -> None:
        """Drop the job IDs of jobs that may be submitted anew from now on."""
        rows = self._rows or {}
        names = rows.keys() & set(status_names)
        self._change({name: [_NEVER, rows[name][1], 0, rows[name][3]] for name in names})

    def _change(self, changed: Rows) -> None:
        if changed and self._rows is not None:
            self._rows.update(changed)
            self._stamps = (_NEVER, _NEVER)
            self._cache.id_ranges = ranges_of(row[2] for row in self._rows.values() if row[2] > 0)
            self._unsaved = True
            self.save()

    def _forget_changes(self) -> None:
        self.new_jobs = 0
        self.gone = {}
        self.dropped = []

    def _compare(self, before: Rows | None) -> None:
        """Set everything that follows from the rows, if they are not those `before`."""
        rows = self._rows or {}
        if rows == before and self.jobs:
            return
        if before is not None:
            self.new_jobs = sum(
                _is_new(before.get(name)) for name, row in rows.items() if row[2] > 0
            )
            here = {name for name, row in rows.items() if row[2]}
            self.gone = {
                name: before[name][2] for name in before.keys() - here if before[name][2] > 0
            }
            self.dropped = [
                name
                for name in before.keys() - rows.keys()
                if before[name][2] == 0 and before[name][3] != _PAST
            ]
        self.jobs = {}
        self.shared = {}
        self.unsubmitted = []
        for name, (when, _, job_id, canceling) in rows.items():
            if not job_id:
                continue
            job = IndexedJob(name, when / 1e9, bool(canceling))
            if job_id == _UNSUBMITTED:
                self.unsubmitted.append(job)
                continue
            if self.jobs.setdefault(job_id, job) is not job:
                self.shared.setdefault(job_id, [self.jobs[job_id]]).append(job)
        ranges = ranges_of(self.jobs)
        if rows != before or ranges != self._cache.id_ranges:
            self._cache.id_ranges = ranges
            self._unsaved = True

    def _is_unchanged(self) -> bool:
        """Whether a listing would show what the last one showed.

        A change within the resolution of the directory's modification time leaves it as it is, so
        each new time is listed twice.
        """
        stamp = modified(self.control_dir)
        complete = not self.without_id and not self.disowned
        unchanged = complete and self._stamps == (stamp, stamp)
        self._stamps = (self._stamps[1], stamp)
        return unchanged

    def _list(self, before: Rows, cycle_number: int | None) -> None:
        folder = processing(self.control_dir)
        rows: Rows = {}
        inodes = {}
        self.without_id = {}
        self.disowned = {}
        self.unidentified = []
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    name = entry.name
                    row = before.get(name)
                    inode = inodes[name] = entry.inode()
                    # After two changes of a state a file may have its first inode again, which
                    # happens on the way into the LRMS.
                    same = row is not None and row[0] > _NEVER and row[2] > 0
                    same = same and self._inodes.get(name) == inode
                    if cycle_number is not None or not same:
                        row = self._row(entry, row, cycle_number or 0)
                    if row is not None:
                        rows[name] = row
        except OSError as error:
            raise ControlDirError(
                f"{folder}: not the processing directory of a control directory: {error.strerror}"
            ) from None
        self._rows, self._inodes = rows, inodes

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
            past = row is not None and (row[2] != 0 or row[3] == _PAST)
            return [status.st_mtime_ns, status.st_ino, 0, _PAST if past else 0]
        canceling = int(job.state == CANCELING)
        known = max(row[2], 0) if row is not None else 0
        if job.local_id is not None:
            return [status.st_mtime_ns, status.st_ino, job.local_id, canceling]
        if job.is_unsubmitted and not known:
            return [status.st_mtime_ns, status.st_ino, _UNSUBMITTED, canceling]
        if job.is_unsubmitted or (row is not None and row[0] == _LACKING):
            self._note_lack(IndexedJob(entry.name, job.status_time, bool(canceling)), known)
        if job.is_unsubmitted:
            return [_NEVER, status.st_ino, known, canceling]
        self.without_id[job.grid_id] = job.file("local")
        return [_LACKING, status.st_ino, known, canceling]

    def _note_lack(self, job: IndexedJob, known: int) -> None:
        """Note a job that does not name its OAR job; `known` is its earlier job ID, 0 if none."""
        if known:
            self.disowned[known] = job
        else:
            self.unidentified.append(job)


def processing(control_dir: str) -> str:
    """The directory of the status files of the jobs that A-REX is processing."""
    return os.path.join(control_dir, "processing")


def modified(control_dir: str) -> int:
    """When a job entered, left or changed its state in `processing`, in ns since 1970; 0: unknown.

    A-REX renames a new file there for each change of a state.
    """
    try:
        return os.stat(processing(control_dir)).st_mtime_ns
    except OSError:
        return _NEVER


def _is_new(before: list[int] | None) -> bool:
    return before is None or before[2] <= 0
