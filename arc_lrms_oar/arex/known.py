"""Which jobs of a control directory are in the LRMS, with as few files opened as possible.

One listing of `processing`, and one look at the time of each status file: a file that has not
changed since the last scan is not read again, and neither is its job's `.local`. What is remembered
is only a hint. Each file is read anew now and then all the same, and nothing is ever concluded for
a job before its files were read afresh; a memory that is lost or wrong costs time, no more.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from arc_lrms_oar.arex.controldir import CANCELING, IN_LRMS, read_job
from arc_lrms_oar.errors import ControlDirError
from arc_lrms_oar.runs import Run, runs_of

_NAME = "arc_lrms_oar.jobs"
_NEVER = 0
_LIMIT = 256 << 20
# Each status file is read at least once in so many scans.
_ROUND = 64
# What JSON that somebody made up can raise besides.
_TOO_MUCH = (OverflowError, RecursionError)


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
    """What is remembered of the status files of one control directory.

    Rows are by the name of the status file: [its time in ns, its inode, OAR id or 0, canceling].
    `before` are the runs of the OAR ids that the last look has found.
    """

    def __init__(self, control_dir: str) -> None:
        self.control_dir = control_dir
        self.without_id: list[str] = []
        self.twice: dict[int, list[Sighting]] = {}
        self.arrived = 0
        self._path = os.path.join(control_dir, _NAME)
        self._rows: dict[str, list[int]] = {}
        runs, _, self._remembered = self._read().partition(b"\n")
        self.before = _runs(runs)

    def look(self, turn: int) -> dict[int, Sighting]:
        """The jobs in the LRMS by OAR id, after a look at the directory.

        `turn` is another number each time: it tells whose turn it is to be read anew. Jobs without
        an id are listed in `without_id`, all jobs of an id that stands twice in `twice`; of the
        latter only the first is given. `arrived` counts the jobs that have got their first id since
        the last look; nothing is counted where that is not remembered. Raises ControlDirError for
        what is no control directory.
        """
        before = _rows(self._remembered)
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
        if changed or runs != self.before:
            self._save(runs)
        return found

    def forget(self, status_names: Iterable[str]) -> None:
        """Has the next look read the files of these jobs anew: their ids are others by now."""
        names = set(status_names).intersection(self._rows)
        for name in names:
            self._rows[name] = [_NEVER, *self._rows[name][1:]]
        if names:
            self._save(runs_of(row[2] for row in self._rows.values() if row[2]))

    def _listed(self, before: dict[str, list[int]], turn: int) -> dict[str, list[int]]:
        folder = os.path.join(self.control_dir, "processing")
        rows: dict[str, list[int]] = {}
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

    def _read(self) -> bytes:
        try:
            with open(self._path, "rb") as file:
                return file.read(_LIMIT)
        except OSError:
            return b""

    def _save(self, runs: Sequence[Run]) -> None:
        """Written aside and renamed. Where the disk is full the old one stays, and serves.

        The runs of the ids have a line of their own, which is read long before the rows.
        """
        content = json.dumps(runs) + "\n" + json.dumps(self._rows, separators=(",", ":"))
        aside = self._path + ".new"
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
            with open(os.open(aside, flags, 0o600), "w", encoding="utf-8") as file:
                file.write(content)
            os.replace(aside, self._path)
        except OSError:
            return


def _rows(content: bytes) -> dict[str, list[int]] | None:
    """The rows that are remembered; None where there are none, or it is nonsense."""
    try:
        found: Any = json.loads(content)
        for row in found.values():
            changed, inode, job_id, canceling = row
            if type(changed) is type(inode) is type(job_id) is type(canceling) is int:
                continue
            return None
    except (ValueError, TypeError, AttributeError, *_TOO_MUCH):
        return None
    rows: dict[str, list[int]] = found
    return rows


def _runs(content: bytes) -> list[Run]:
    """The runs that are remembered; none where it is nonsense."""
    try:
        runs = [(first, last) for first, last in json.loads(content)]
        ends = [end for run in runs for end in run]
        if all(type(end) is int for end in ends) and ends == sorted(ends) and ends[:1] > [0]:
            return runs
    except (ValueError, TypeError, *_TOO_MUCH):
        pass
    return []


def _is_new(before: list[int] | None) -> bool:
    return before is None or not before[2]
