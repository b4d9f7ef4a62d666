"""Grid jobs whose submission failed: report the reason, and make sure that OAR has no job of them.

A-REX has such a job INLRMS (or CANCELING) with a local job ID that cannot be OAR's
(`commands.give_up`). It is reported without asking OAR, so that the user is told at once also while
OAR is unavailable. The mapped user could have written that local job ID of a job that runs in OAR.
So OAR is asked afterwards, and what it has of a job that was reported in this way is deleted.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from arc_lrms_oar.arex import controldir, userfiles
from arc_lrms_oar.arex.controldir import GridJob
from arc_lrms_oar.arex.diag import Diag
from arc_lrms_oar.errors import OarRefused
from arc_lrms_oar.job import failed_submission
from arc_lrms_oar.log import Log
from arc_lrms_oar.oar.client import OarClient
from arc_lrms_oar.oar.job_record import JobRecord
from arc_lrms_oar.oar.outcome import outcome_of_failed_submission
from arc_lrms_oar.oar.states import has_ended
from arc_lrms_oar.scan.by_name import find
from arc_lrms_oar.scan.ownership import Ownership
from arc_lrms_oar.scan.report import JobReport, allow_new_submission
from arc_lrms_oar.scan.state import ScanState

# The section of scan's state with the reported jobs for which OAR has not been asked yet: the user
# ID of each, by the name of its status file.
_REPORTED = "unsubmitted"
_NEVER_STARTED = JobRecord(0, "Error")
_UNFINISHED = ("accepting", "processing", "restarting")


class Failure(NamedTuple):
    """A report without its `lrms_done`, the kind of the failure, and what could not be written."""

    report: JobReport
    kind: str
    problems: list[str]


def prepare_report(job: GridJob, status_name: str, benchmark: str, state: ScanState) -> Failure:
    """Write everything of the report but `lrms_done`.

    Idempotent: the reason stays where submission has left it. Raises ControlDirError, GramiError or
    OSError.
    """
    owner = controldir.owner_of(job)
    content = None
    if job.session_dir:
        path = failed_submission.path_of(job.session_dir, job.written_id)
        content = userfiles.read_start(path, failed_submission.LIMIT, owner)
    kind, reason = failed_submission.parse(content or b"")
    outcome = outcome_of_failed_submission(reason)
    report = JobReport(job, _NEVER_STARTED, Diag(), outcome, benchmark)
    problems = report.write_accounting(owner, final=True)
    allow_new_submission(job)
    state.section(_REPORTED)[status_name] = owner.uid
    return Failure(report, kind, problems)


def delete_leftovers(
    client: OarClient, ownership: Ownership, control_dir: str, state: ScanState, log: Log
) -> None:
    """Delete what OAR has of the reported jobs with which A-REX has finished.

    Until then they stay in the list; while A-REX submits such a job anew, it may have an OAR job by
    right. Raises OarUnavailable, after which the next cycle tries again.
    """
    reported = state.section(_REPORTED)
    if not reported:
        return
    jobs = {
        name: _job(control_dir, controldir.grid_id_of(name) or "", int(uid))
        for name, uid in reported.items()
    }
    found = find(client, ownership, jobs)
    alive = {i for i, word in client.states(found.values()).items() if not has_ended(word)}
    # Looked up only now: what A-REX submits after this was not found.
    for name in [name for name in jobs if _is_finished(control_dir, name)]:
        job_id = found.get(name)
        if job_id not in alive:
            del reported[name]
            continue
        called = f"{jobs[name].grid_id}: OAR job {job_id}"
        log.say("ERROR", f"{called} is deleted, since A-REX has the job as not submitted")
        try:
            client.delete([job_id])
        except OarRefused as refused:
            log.say("ERROR", f"{called} cannot be deleted: {refused}")
            del reported[name]


def _job(control_dir: str, grid_id: str, uid: int) -> GridJob:
    """The grid job as far as the ownership check needs it; its files may be gone."""
    return GridJob(grid_id, "", 0, control_dir, 0.0, owner=userfiles.Owner(uid, 0))


def _is_finished(control_dir: str, status_name: str) -> bool:
    paths = (os.path.join(control_dir, folder, status_name) for folder in _UNFINISHED)
    return not any(os.path.lexists(path) for path in paths)
