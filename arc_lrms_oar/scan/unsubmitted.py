"""Grid jobs whose submission failed: report the reason, and make sure that OAR has no job of them.

A-REX has such a job INLRMS (or CANCELING) with a local job ID that cannot be OAR's; see
`commands.give_up`. The report needs no answer of OAR, so the user reads the reason at once, also
while OAR is unavailable. But the user may have written this local job ID into the files of a job
that runs in OAR. So OAR is asked after the report, and the OAR jobs of such a grid job are deleted.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from arc_lrms_oar.arex import controldir, userfiles
from arc_lrms_oar.arex.controldir import GridJob
from arc_lrms_oar.arex.diag import Diag
from arc_lrms_oar.arex.job_listing import UNFINISHED
from arc_lrms_oar.errors import OarRefused
from arc_lrms_oar.job import failed_submission
from arc_lrms_oar.oar.job_record import JobRecord
from arc_lrms_oar.oar.outcome import outcome_of_failed_submission
from arc_lrms_oar.oar.states import has_ended
from arc_lrms_oar.scan.apply import write_all_done
from arc_lrms_oar.scan.by_name import find
from arc_lrms_oar.scan.context import Context
from arc_lrms_oar.scan.job_index import IndexedJob
from arc_lrms_oar.scan.ownership import Ownership
from arc_lrms_oar.scan.report import JobReport, allow_new_submission
from arc_lrms_oar.scan.resubmission import follow
from arc_lrms_oar.scan.state import UNSUBMITTED, ScanState

_NEVER_STARTED = JobRecord(0, "Error")


class _Failure(NamedTuple):
    """A report without its `lrms_done`, the kind of the failure, and what could not be written."""

    report: JobReport
    kind: str
    problems: list[str]


def follow_disowned(context: Context, disowned: Mapping[int, IndexedJob]) -> None:
    """Write their job IDs again for jobs that their users have marked as not submitted."""
    for job_id, indexed in disowned.items():
        context.problem.say("ERROR", f"{indexed.grid_id}: no longer names its OAR job {job_id}")
        with context.one_job(job_id, indexed.grid_id, "followed"):
            job = controldir.read_job(context.control_dir, indexed.status_name)
            if job is not None:
                follow(job, job_id, context.log)


def report(context: Context, unsubmitted: Iterable[IndexedJob]) -> list[GridJob]:
    """Report the jobs whose submission failed, and return them."""
    failures = {}
    for indexed in unsubmitted:
        with context.one_job(None, indexed.grid_id, "reported as not submitted"):
            job = context.read(indexed)
            if job is not None and job.is_unsubmitted and not job.reported:
                benchmark = context.settings.queue(job.local.get("queue", "")).benchmark
                failure = _prepare_report(job, indexed.status_name, benchmark, context.state)
                failures[job.grid_id] = failure
    done = write_all_done(context, [failure.report for failure in failures.values()])
    for job in done:
        for problem in failures[job.grid_id].problems:
            context.problem.say("WARNING", f"{job.grid_id}: {problem}")
        if context.metrics is not None:
            context.metrics.count(f"failed_submissions {failures[job.grid_id].kind}")
    return done


def _prepare_report(job: GridJob, status_name: str, benchmark: str, state: ScanState) -> _Failure:
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
    state.section(UNSUBMITTED)[status_name] = owner.uid
    return _Failure(report, kind, problems)


def delete_leftovers(context: Context, ownership: Ownership) -> None:
    """Delete what OAR has of the reported jobs with which A-REX has finished.

    Until then they stay in the list; while A-REX submits such a job anew, it may have an OAR job by
    right. Raises OarUnavailable, after which the next cycle tries again.
    """
    client, control_dir, log = context.client, context.control_dir, context.log
    reported = context.state.section(UNSUBMITTED)
    jobs = {
        name: _job(control_dir, controldir.grid_id_of(name) or "", int(uid))
        for name, uid in reported.items()
        if _is_finished(control_dir, name)
    }
    if not jobs:
        return
    found = find(client, ownership, jobs)
    alive = {i for i, word in client.states(found.values()).items() if not has_ended(word)}
    # Looked up once more: what A-REX has submitted meanwhile may have been found.
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
    paths = (os.path.join(control_dir, folder, status_name) for folder in UNFINISHED)
    return not any(os.path.lexists(path) for path in paths)
