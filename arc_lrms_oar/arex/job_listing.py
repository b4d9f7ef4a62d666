"""All jobs of a control directory, in every state of A-REX; read only.

For the commands of administrators; scan has a cheaper index of its own. A caller who is not root
cannot read the jobs of other users.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from arc_lrms_oar.arex import controldir
from arc_lrms_oar.arex.controldir import CANCELING, IN_LRMS, GridJob
from arc_lrms_oar.arex.userfiles import Owner
from arc_lrms_oar.errors import ControlDirError

# The folders of status files (ARC 6.17 and 7.0 `grid-manager/files/ControlFileHandling.cpp`).
UNFINISHED = ("accepting", "processing", "restarting")
ENDED_FOLDER = "finished"
FOLDERS = (*UNFINISHED, ENDED_FOLDER)
IN_OAR = (IN_LRMS, CANCELING)
ENDED = ("FINISHING", "FINISHED", "DELETED")
STATES = ("ACCEPTED", "PREPARING", "SUBMIT", *IN_OAR, *ENDED)

_LIMIT = 1 << 16
_ERRORS_LIMIT = 1 << 20
_NOT_A_REASON = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T|\[|-----")
# The reason that A-REX records, whatever the submit script has printed
# (docs/internals/arc.md#submit).
_SUBMISSION_FAILED = "Job submission to LRMS failed"
# The job script, which submit prints for `arcctl job script`.
_JOB_SCRIPT = r"(?ms)^----- starting submit-OAR-job -----$.*?(?:^----- exiting .*?$|\Z)"


class EndedJob(NamedTuple):
    """A job that A-REX has moved to `finished`: what its directory entry says.

    `changed` is when A-REX moved it, in nanoseconds since 1970; `failed` is whether A-REX has
    marked it as failed. Two equal values are the same job in the same state.
    """

    status_name: str
    grid_id: str
    changed: int
    inode: int
    failed: bool

    @property
    def since(self) -> float:
        """When A-REX ended the job, in seconds since 1970."""
        return self.changed / 1e9


class JobListing:
    """The jobs of one control directory, listed once or repeatedly."""

    def __init__(self, control_dir: str) -> None:
        self.control_dir = control_dir
        self._closed: dict[str, set[str]] = {}

    @property
    def closed(self) -> set[str]:
        """The grid job IDs of other users' jobs that the caller may not read."""
        return {grid_id for closed in self._closed.values() for grid_id in closed}

    @property
    def unreadable(self) -> int:
        """The number of other users' jobs that the caller may not read."""
        return len(self.closed)

    def all_jobs(self) -> list[GridJob]:
        """All jobs that can be read; raises ControlDirError if this is not a control directory."""
        found = {job.grid_id: job for job in self.unfinished()}
        # A job that A-REX moves meanwhile may be found twice; the later folder is right.
        for entry in self.ended().values():
            job = self.read(entry)
            if job is not None:
                found[job.grid_id] = job
        return list(found.values())

    def unfinished(self) -> list[GridJob]:
        """The jobs that A-REX has not moved to `finished` and that can be read.

        Raises ControlDirError if this is not a control directory.
        """
        found: dict[str, GridJob] = {}
        closed: set[str] = set()
        for folder in UNFINISHED:
            for entry in self._entries(folder):
                grid_id = controldir.grid_id_of(entry.name)
                if grid_id is None:
                    continue
                job = controldir.read_any_job(self.control_dir, folder, entry.name)
                if job is not None:
                    found[job.grid_id] = job
                elif os.path.lexists(entry.path) and not os.access(entry.path, os.R_OK):
                    closed.add(grid_id)
        self._closed["unfinished"] = closed
        return list(found.values())

    def ended(self) -> dict[str, EndedJob]:
        """The jobs in `finished` that can be read, by grid job ID; no file is opened."""
        found = {}
        closed: set[str] = set()
        for entry in self._entries(ENDED_FOLDER):
            ended = self._ended(entry)
            if ended is None:
                continue
            if os.access(entry.path, os.R_OK):
                found[ended.grid_id] = ended
            else:
                closed.add(ended.grid_id)
        self._closed["ended"] = closed
        return found

    def read(self, ended: EndedJob) -> GridJob | None:
        """The job in full; None if A-REX has removed it meanwhile or it cannot be read."""
        return controldir.read_any_job(self.control_dir, ENDED_FOLDER, ended.status_name)

    def unread(self, ended: EndedJob) -> GridJob:
        """The job without what its files say: for the paths of its files."""
        layout = controldir.layout_of(ended.status_name)
        return GridJob(ended.grid_id, "", layout, self.control_dir, ended.since)

    def _entries(self, folder: str) -> Iterator[os.DirEntry[str]]:
        path = os.path.join(self.control_dir, folder)
        try:
            with os.scandir(path) as entries:
                yield from entries
        except OSError as error:
            if folder == "processing":
                raise ControlDirError(
                    f"{path}: not the processing directory of a control directory: {error.strerror}"
                ) from None

    def _ended(self, entry: os.DirEntry[str]) -> EndedJob | None:
        grid_id = controldir.grid_id_of(entry.name)
        if grid_id is None:
            return None
        try:
            status = entry.stat(follow_symlinks=False)
        except OSError:
            return None
        layout = controldir.layout_of(entry.name)
        failed = controldir.control_file(self.control_dir, grid_id, "failed", layout)
        # A-REX treats a job as failed if the file exists (`job_failed_mark_check`).
        marked = os.access(failed, os.F_OK)
        return EndedJob(entry.name, grid_id, status.st_mtime_ns, status.st_ino, marked)


def arc_queues_of_jobs(control_dir: str) -> dict[int, str]:
    """The ARC queue of each job that is in OAR, by OAR job ID; without those that are unreadable.

    Not the OAR queue: that may be another one for each user or runtime environment.
    """
    try:
        names = os.listdir(os.path.join(control_dir, "processing"))
    except OSError:
        return {}
    jobs = (controldir.read_job(control_dir, name) for name in names)
    return {
        job.local_id: job.local["queue"]
        for job in jobs
        if job is not None and job.local_id and "queue" in job.local
    }


def failure_of(job: GridJob) -> str:
    """Why A-REX considers the job failed, in one line; "" if it does not.

    After a failed submission, the output of the submit script is in the job's `errors` only.
    """
    text = controldir.read_end(job, "failed", _LIMIT).decode("utf-8", "replace")
    line = text.strip().partition("\n")[0]
    if line.startswith(_SUBMISSION_FAILED):
        errors = controldir.read_errors(job, _ERRORS_LIMIT).decode("utf-8", "replace")
        lines = re.sub(_JOB_SCRIPT, "", errors).splitlines()
        return next((text for text in lines if text and not _NOT_A_REASON.match(text)), line)
    return line


def user_of(job: GridJob) -> str:
    """The name of the user to whom the job is mapped, or their user ID, or ""."""
    try:
        return _user_name(job.owner or controldir.owner_of(job))
    except ControlDirError:
        return ""


@cache
def _user_name(owner: Owner) -> str:
    return owner.name
