"""Report one ended job to A-REX: first diag and `errors`, then `lrms_done`.

Each step is idempotent: a scan that was killed between two of them repeats them without writing
anything twice. The job's own files are read and written as its user.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from arc_lrms_oar.arex import control_files, controldir, userfiles
from arc_lrms_oar.arex.controldir import GridJob
from arc_lrms_oar.arex.diag import LIMIT, Diag, utc
from arc_lrms_oar.console import printable
from arc_lrms_oar.job.submit_journal import private_dir
from arc_lrms_oar.oar.job_record import JobRecord
from arc_lrms_oar.oar.outcome import Outcome
from arc_lrms_oar.oar.suspension import suspended_time

COMMENT_LIMIT = 256 * 1024
# Seconds after its end for which a job waits until its diag can be written (disk or quota full).
_DISK_FULL_TIMEOUT = 600.0


def read_diag(job: GridJob) -> Diag:
    """What the job script has written to the diag so far."""
    if not job.session_dir or job.owner is None:
        return Diag()
    content = userfiles.read_start(job.session_dir + ".diag", LIMIT, job.owner)
    return Diag.parse(content or b"")


class JobReport(NamedTuple):
    """An ended job and its outcome; `record` is None where OAR no longer knows the job."""

    job: GridJob
    record: JobRecord | None
    diag: Diag
    outcome: Outcome

    def write(self, now: float) -> None:
        """Write everything that A-REX reads except `lrms_done`.

        `now` is the time in seconds since 1970. Raises ControlDirError or OSError.
        """
        owner = controldir.owner_of(self.job)
        session_dir = self.job.session_dir
        try:
            if session_dir:
                userfiles.overwrite(session_dir + ".diag", accounted(self).format(), owner)
        except OSError:
            stop = self.record.stop_time if self.record is not None else None
            if stop is not None and 0 <= now - stop < _DISK_FULL_TIMEOUT:
                raise
        self._append_errors(owner)
        if session_dir:
            userfiles.remove_directory(private_dir(session_dir), owner)

    def _append_errors(self, owner: userfiles.Owner) -> None:
        """Append the reason and the LRMS's output, unless the last line of a report is there.

        A scan that was killed during a long write has left the beginning of the report, which is
        then replaced.
        """
        last = f"----- end of OAR job {self.job.local_id}: {self.outcome.code} -----\n".encode()
        before = controldir.read_errors(self.job, COMMENT_LIMIT + 65536)
        if last in before:
            return
        path = self.job.session_dir and self.job.session_dir + ".comment"
        comment = userfiles.read_end(path, COMMENT_LIMIT, owner) or b""
        if comment and not comment.endswith(b"\n"):
            comment += b"\n"
        reason = printable(self.outcome.reason).encode()
        first = b"%b\n----- output of OAR job %d -----\n" % (reason, self.job.local_id or 0)
        partial = before.rfind(first)
        replaced = len(before) - partial if partial >= 0 else 0
        control_files.append_errors(self.job, first + comment + last, replaced)


def write_done(reports: Collection[JobReport]) -> dict[str, OSError]:
    """Write `lrms_done` of jobs for which `JobReport.write` has returned.

    Returns the errors by grid job ID; those jobs are reported by the next cycle.
    """
    paths = {report.job.file("lrms_done"): report for report in reports}
    failed = control_files.replace_files(
        {path: control_files.done_line(*report.outcome[:2]) for path, report in paths.items()}
    )
    return {paths[path].job.grid_id: error for path, error in failed.items()}


def accounted(report: JobReport) -> Diag:
    """The diag for A-REX: OAR's record where it has a value, else what the job script wrote."""
    values = dict(report.diag.values)
    nodes = report.diag.nodes
    record = report.record
    if record is not None:
        nodes = list(record.nodes) or nodes
        if record.cores:
            values["processors"] = str(record.cores)
        if record.start_time is not None:
            values["lrmsstarttime"] = utc(record.start_time)
        if record.stop_time is not None and record.start_time is not None:
            values["lrmsendtime"] = utc(record.stop_time)
            wall_time = record.stop_time - record.start_time - suspended_time(record)
            values["walltime"] = f"{max(0, wall_time)}s"
    if nodes:
        values["nodecount"] = str(len(set(nodes)))
    values["exitcode"] = str(report.outcome.code)
    values["lrmsexitcode"] = str(report.outcome.code)
    values["lrmsmessage"] = " ".join(report.outcome.reason.split())
    return Diag(values, nodes)
