"""All jobs of a control directory, in every state of A-REX; read only.

For the commands of administrators; scan has a cheaper index of its own. A caller who is not root
cannot read the jobs of other users.
"""

from __future__ import annotations

import os
import re

from arc_lrms_oar.arex import controldir
from arc_lrms_oar.arex.controldir import CANCELING, IN_LRMS, GridJob
from arc_lrms_oar.errors import ControlDirError

# The folders of status files (ARC 6.17 and 7.0 `grid-manager/files/ControlFileHandling.cpp`).
UNFINISHED = ("accepting", "processing", "restarting")
FOLDERS = (*UNFINISHED, "finished")
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


class JobListing:
    """The jobs of one control directory, listed once or repeatedly.

    `unreadable` is the number of jobs that the caller may not read, after each `refresh`.
    """

    def __init__(self, control_dir: str) -> None:
        self.control_dir = control_dir
        self.unreadable = 0
        self._ended: dict[str, tuple[tuple[int, int], GridJob]] = {}

    def refresh(self) -> list[GridJob]:
        """All jobs that can be read; an ended job is read again only when it has changed.

        Raises ControlDirError if this is not a control directory.
        """
        self.unreadable = 0
        found: dict[str, GridJob] = {}
        ended: dict[str, tuple[tuple[int, int], GridJob]] = {}
        for folder in FOLDERS:
            for name, stamp in self._status_files(folder):
                kept = self._ended.get(name)
                if kept is not None and kept[0] == stamp:
                    job: GridJob | None = kept[1]
                else:
                    job = controldir.read_any_job(self.control_dir, folder, name)
                if job is None:
                    self.unreadable += self._is_closed(folder, name)
                    continue
                if folder == "finished":
                    ended[name] = (stamp, job)
                # A job that A-REX moves meanwhile may be found twice; the later folder is right.
                found[job.grid_id] = job
        self._ended = ended
        return list(found.values())

    def _status_files(self, folder: str) -> list[tuple[str, tuple[int, int]]]:
        path = os.path.join(self.control_dir, folder)
        try:
            with os.scandir(path) as entries:
                return [
                    (entry.name, stamp)
                    for entry in entries
                    if controldir.grid_id_of(entry.name) and (stamp := _stamp(entry)) is not None
                ]
        except OSError as error:
            if folder != "processing":
                return []
            raise ControlDirError(
                f"{path}: not the processing directory of a control directory: {error.strerror}"
            ) from None

    def _is_closed(self, folder: str, name: str) -> bool:
        path = os.path.join(self.control_dir, folder, name)
        return os.path.lexists(path) and not os.access(path, os.R_OK)


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


def _stamp(entry: os.DirEntry[str]) -> tuple[int, int] | None:
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino


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
        return controldir.owner_of(job).name
    except ControlDirError:
        return ""
