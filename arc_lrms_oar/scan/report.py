"""Reports one ended job to A-REX: diag, errors, and `lrms_done` as the last of them.

Each step can be done again: a scan killed between two of them repeats it without doubling
anything. The job's own files are read and written as its user.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from arc_lrms_oar.arex import controldir, userfiles
from arc_lrms_oar.arex.controldir import GridJob
from arc_lrms_oar.arex.diag import LIMIT, Diag, utc
from arc_lrms_oar.job.submit_journal import private_dir
from arc_lrms_oar.oar.job_record import JobRecord
from arc_lrms_oar.oar.outcome import Verdict
from arc_lrms_oar.oar.suspension import suspended_time

DIAG_PATIENCE = 60.0
COMMENT_LIMIT = 256 * 1024
# How long after its end a job waits for room for its accounting; its user may never make any.
_ROOM_PATIENCE = 600.0


def read_diag(job: GridJob) -> Diag:
    """What the job script has noted so far."""
    if not job.session_dir or job.owner is None:
        return Diag()
    content = userfiles.read_start(job.session_dir + ".diag", LIMIT, job.owner)
    return Diag.parse(content or b"")


class Report(NamedTuple):
    """An ended job with all that is known of it; `record` is None where OAR has forgotten it."""

    job: GridJob
    record: JobRecord | None
    diag: Diag
    verdict: Verdict

    def write(self, now: float) -> None:
        """Writes all that A-REX reads but `lrms_done`; raises ControlDirError or OSError.

        `now` is the time in seconds since 1970.
        """
        owner = controldir.owner_of(self.job)
        session_dir = self.job.session_dir
        try:
            if session_dir:
                userfiles.overwrite(session_dir + ".diag", accounted(self).format(), owner)
        except OSError:
            stop = self.record.stop_time if self.record is not None else None
            if stop is not None and 0 <= now - stop < _ROOM_PATIENCE:
                raise
        self._append_errors(owner)
        if session_dir:
            userfiles.remove_directory(private_dir(session_dir), owner)

    def _append_errors(self, owner: userfiles.Owner) -> None:
        """Once, also when it is tried again: the last line tells that it is there.

        A long write that SIGKILL interrupts has written its beginning; that is then replaced.
        """
        last = f"----- end of OAR job {self.job.local_id}: {self.verdict.code} -----\n".encode()
        before = controldir.read_errors(self.job, COMMENT_LIMIT + 65536)
        if last in before:
            return
        path = self.job.session_dir and self.job.session_dir + ".comment"
        comment = userfiles.read_end(path, COMMENT_LIMIT, owner) or b""
        if comment and not comment.endswith(b"\n"):
            comment += b"\n"
        reason = self.verdict.reason.encode("utf-8", "replace")
        said = b"%b\n----- output of OAR job %d -----\n" % (reason, self.job.local_id or 0)
        torn = before.rfind(said)
        instead_of = len(before) - torn if torn >= 0 else 0
        controldir.append_errors(self.job, said + comment + last, instead_of)


def finish(reports: Sequence[Report]) -> dict[str, OSError]:
    """Writes `lrms_done` of jobs of which all else is written.

    Gives the errors by grid ID; the next scan reports those jobs again.
    """
    paths = {report.job.file("lrms_done"): report for report in reports}
    failed = controldir.replace_files(
        {path: controldir.done_line(*report.verdict[:2]) for path, report in paths.items()}
    )
    return {paths[path].job.grid_id: error for path, error in failed.items()}


def accounted(report: Report) -> Diag:
    """The diag for A-REX: OAR's own record first, what the job script noted as second source."""
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
    values["exitcode"] = str(report.verdict.code)
    values["lrmsexitcode"] = str(report.verdict.code)
    values["lrmsmessage"] = " ".join(report.verdict.reason.split())
    return Diag(values, nodes)
