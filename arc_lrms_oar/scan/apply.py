"""Carry out what was decided: report jobs to A-REX, or switch to their successors.

`lrms_done` is written last and for all jobs together, when everything else of them is on disk.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from arc_lrms_oar.arex.controldir import GridJob, status_name
from arc_lrms_oar.arex.diag import Diag
from arc_lrms_oar.oar.job_record import JobRecord
from arc_lrms_oar.scan.context import Context, called
from arc_lrms_oar.scan.decide import Decision, Follow, Lost, Report
from arc_lrms_oar.scan.decisions import Question
from arc_lrms_oar.scan.report import (
    WRITE_TIMEOUT,
    JobReport,
    allow_new_submission,
    write_done,
)
from arc_lrms_oar.scan.resubmission import follow
from arc_lrms_oar.scan.state import REPORTED


def apply(
    context: Context, question: Question, decisions: Mapping[int, tuple[Decision, Diag]]
) -> tuple[dict[int, JobReport], set[str]]:
    """Carry the decisions out, except for `lrms_done` (`write_all_done`).

    Returns the reports by job ID, and the names of the status files of the jobs that have another
    job ID now.
    """
    reports = {}
    followed = set()
    for job_id, (decision, diag) in decisions.items():
        job, name = question.found[job_id], question.status_names[job_id]
        if isinstance(decision, Follow):
            with context.one_job(job_id, job.grid_id, f"followed to {decision.successor}"):
                follow(job, decision.successor, context.log)
                followed.add(name)
                line = f"{job.grid_id}: OAR job {job_id} is now {decision.successor}"
                context.log.say("INFO", line)
        elif isinstance(decision, (Report, Lost)):
            with context.one_job(job_id, job.grid_id, "reported"):
                record = question.records.get(job_id)
                reports[job_id] = write_report(context, name, job, record, diag, decision)
        elif decision.problem:
            what = f"{job.grid_id}: OAR job {job_id} {decision.problem}"
            context.problem.say("WARNING", what)
    return reports, followed


def write_report(
    context: Context,
    name: str,
    job: GridJob,
    record: JobRecord | None,
    diag: Diag,
    decision: Report | Lost,
) -> JobReport:
    """Write everything of a report but `lrms_done`; raises ControlDirError or OSError."""
    benchmark = context.settings.queue(job.local.get("queue", "")).benchmark
    report = JobReport(job, record, diag, decision.outcome, benchmark)
    waited = context.state.seconds_since(name, "unwritable", context.now)
    try:
        problems = report.write(final=waited >= WRITE_TIMEOUT)
    except OSError:
        context.state.start_clock(name, "unwritable", context.now)
        raise
    for problem in problems:
        what = f"{job.grid_id}: OAR job {job.local_id or 0}: {problem}"
        context.problem.say("WARNING", what)
    if decision.outcome.code:
        with context.one_job(job.local_id, job.grid_id, "prepared for arcresume"):
            allow_new_submission(job)
    return report


def write_all_done(context: Context, reports: Sequence[JobReport]) -> list[GridJob]:
    """Write `lrms_done` of the jobs; returns those for which that was possible."""
    failed = write_done(reports)
    done = []
    for report in reports:
        with context.one_job(report.job.local_id, report.job.grid_id, "reported"):
            if report.job.grid_id in failed:
                raise failed[report.job.grid_id]
            done.append(report.job)
            name = status_name(report.job.grid_id, report.job.layout)
            context.state.first_time(name, REPORTED)
            _log_end(context, report)
            if context.metrics is not None:
                context.metrics.count_end(name, report.record, report.outcome.cause)
    return done


def _log_end(context: Context, report: JobReport) -> None:
    job, (code, reason, _) = report.job, report.outcome
    what = "was not submitted:" if job.is_unsubmitted else "ended:"
    context.log.say("INFO", f"{called(job.local_id, job.grid_id)} {what} {code} {reason}")
