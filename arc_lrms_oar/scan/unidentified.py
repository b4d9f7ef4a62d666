"""Jobs in the LRMS without a job ID: find their OAR jobs by name, or report them as lost.

`.local` belongs to the user, who may remove the job ID from it. A-REX leaves the file incomplete if
there is no space where it writes it. Such a job could not be reported otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable

from arc_lrms_oar.arex.controldir import GridJob
from arc_lrms_oar.errors import OarUnavailable
from arc_lrms_oar.scan import by_name
from arc_lrms_oar.scan.apply import write_all_done, write_report
from arc_lrms_oar.scan.context import Context, all_called
from arc_lrms_oar.scan.decide import Lost, Policy, decide
from arc_lrms_oar.scan.job_index import IndexedJob
from arc_lrms_oar.scan.ownership import Ownership
from arc_lrms_oar.scan.report import JobReport, read_diag
from arc_lrms_oar.scan.resubmission import follow


def identify(
    context: Context, ownership: Ownership, unidentified: Iterable[IndexedJob]
) -> list[GridJob]:
    """Write the job IDs that OAR has for these jobs; returns the jobs that were reported as lost.

    OAR is asked for a job when it is first seen, and before it is lost. Without its answer the next
    cycle tries again.
    """
    jobs: dict[str, GridJob] = {}
    lost: dict[str, Lost] = {}
    policy = Policy.of(context.settings)
    for indexed in unidentified:
        name = indexed.status_name
        with context.one_job(None, indexed.grid_id, "read"):
            job = context.read(indexed)
            if job is None or job.reported or job.written_id:
                continue
            missing = context.state.count_missing(name, context.now)
            decision = decide(None, read_diag(job), context.now, policy, missing=missing)
            if isinstance(decision, Lost):
                lost[name] = decision
            if name in lost or missing[0] == 1:
                jobs[name] = job
    try:
        found = by_name.find(context.client, ownership, jobs) if jobs else {}
    except OarUnavailable as error:
        for name in jobs:
            context.state.clear_missing(name)
        what = "no OAR job can be found by name"
        names = all_called(job.grid_id for job in jobs.values())
        context.problem.say("ERROR", what, f" for {names}: {error}")
        return []
    for name, job_id in found.items():
        with context.one_job(job_id, jobs[name].grid_id, "followed"):
            follow(jobs[name], job_id, context.log)
            line = f"{jobs[name].grid_id}: its job ID was missing; it is OAR job {job_id}"
            context.log.say("WARNING", line)
    return _report(context, {name: (jobs[name], lost[name]) for name in lost.keys() - found.keys()})


def _report(context: Context, lost: dict[str, tuple[GridJob, Lost]]) -> list[GridJob]:
    reports: list[JobReport] = []
    for name, (job, decision) in lost.items():
        with context.one_job(None, job.grid_id, "reported"):
            reports.append(write_report(context, name, job, None, read_diag(job), decision))
    return write_all_done(context, reports)
