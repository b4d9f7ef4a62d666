"""Report one ended job to A-REX: first diag and `errors`, then `lrms_done`.

Each step is idempotent: a scan that was killed between two of them repeats them without writing
anything twice. The job's own files are read and written as its user.
"""

from __future__ import annotations

import errno
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
# Seconds for which a job waits until its files can be written; see `_MAY_PASS`.
WRITE_TIMEOUT = 600.0
# Disk or quota full, or a lease on the file (fcntl(2), F_SETLEASE).
_MAY_PASS = (errno.ENOSPC, errno.EDQUOT, errno.EAGAIN)
# What the diag of a job that never started may hold; its script cannot have written anything.
_BEFORE_START = ("benchmark", "runtimeenvironments")


def read_diag(job: GridJob) -> Diag:
    """What the job script has written to the diag so far."""
    if not job.session_dir or job.owner is None:
        return Diag()
    content = userfiles.read_start(job.session_dir + ".diag", LIMIT, job.owner)
    return Diag.parse(content or b"")


class JobReport(NamedTuple):
    """An ended job and its outcome.

    `record` is None where OAR no longer knows the job. `benchmark` is that of the job's queue, as
    "NAME:VALUE", for a job that never started.
    """

    job: GridJob
    record: JobRecord | None
    diag: Diag
    outcome: Outcome
    benchmark: str = ""

    def write(self, final: bool) -> list[str]:
        """Write everything that A-REX reads except `lrms_done`.

        Returns what could not be written, each to follow "OAR job N: ". Raises ControlDirError,
        and unless `final`, which is the last attempt, also OSError for what may be possible later.
        """
        owner = controldir.owner_of(self.job)
        session_dir = self.job.session_dir
        problems = self.write_accounting(owner, final)
        try:
            self._append_errors(owner)
        except OSError as error:
            if error.errno in _MAY_PASS and not final:
                raise
            problems.append(f"the reason cannot be written to {self.job.file('errors')}")
        if session_dir:
            userfiles.remove_directory(private_dir(session_dir), owner)
        return problems

    def write_accounting(self, owner: userfiles.Owner, final: bool) -> list[str]:
        """Write the diag; as `write`."""
        path = self.job.session_dir and self.job.session_dir + ".diag"
        if not path or self._write_diag(path, owner, final):
            return []
        return [f"the accounting cannot be written to {path}"]

    def _write_diag(self, path: str, owner: userfiles.Owner, final: bool) -> bool:
        content = accounted(self).format()
        try:
            if userfiles.overwrite(path, content, owner):
                return True
        except OSError:
            if not final:
                raise
        return userfiles.replace(path, content, owner)

    def _append_errors(self, owner: userfiles.Owner) -> None:
        """Append the reason and the LRMS's output, unless the last line of a report is there.

        A scan that was killed during a long write has left the beginning of the report, which is
        then replaced.
        """
        job_id = self.job.local_id or 0
        last = f"----- end of OAR job {job_id}: {self.outcome.code} -----\n".encode()
        before = controldir.read_errors(self.job, COMMENT_LIMIT + 65536)
        if last in before:
            return
        path = self.job.session_dir and self.job.session_dir + ".comment"
        comment = userfiles.read_end(path, COMMENT_LIMIT, owner) or b""
        if comment and not comment.endswith(b"\n"):
            comment += b"\n"
        reason = printable(self.outcome.reason).encode()
        first = b"%b\n----- output of OAR job %d -----\n" % (reason, job_id)
        partial = before.rfind(first)
        replaced = len(before) - partial if partial >= 0 else 0
        control_files.append_errors(self.job, first + comment + last, replaced)


def allow_new_submission(job: GridJob) -> None:
    """Remove the job ID from the GRAMi file of a failed job, so that `arcresume` submits it anew.

    A-REX does not submit a job with an ID in this file (ARC 6.17 `grid-manager/jobs/JobsList.cpp`,
    state_submitting), and the old job would be reported again. Raises GramiError or OSError.
    """
    from arc_lrms_oar.job import grami

    path = job.file("grami")
    text = grami.read_text(path)
    kept = grami.without_local_id(text, path)
    if kept != text:
        content = kept.encode("utf-8", "surrogateescape")
        for error in control_files.replace_files({path: content}).values():
            raise error


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
    """The diag for A-REX: OAR's record where it has a value, else what the job script wrote.

    A job that never started has neither times nor an exit code, whatever its user wrote.
    """
    values, nodes, record = report.diag.with_watched_usage(), report.diag.nodes, report.record
    started = record is None or record.start_time is not None
    if not started:
        nodes = []
        values = {key: values[key] for key in _BEFORE_START if key in values}
        if report.benchmark:
            values.setdefault("benchmark", report.benchmark)
    if record is not None and record.start_time is not None:
        nodes = list(record.nodes) or nodes
        if record.cores:
            values["processors"] = str(record.cores)
        values["lrmsstarttime"] = utc(record.start_time)
        if record.stop_time is not None:
            values["lrmsendtime"] = utc(record.stop_time)
            wall_time = record.stop_time - record.start_time - suspended_time(record)
            values["walltime"] = f"{max(0, wall_time)}s"
    if nodes:
        values["nodecount"] = str(len(set(nodes)))
    if started:
        values["exitcode"] = str(report.outcome.code)
    values["lrmsexitcode"] = str(report.outcome.code)
    values["lrmsmessage"] = printable(report.outcome.reason)
    return Diag(values, nodes)
