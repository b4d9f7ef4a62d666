"""Collect what the decision about each job depends on, and decide (`scan.decide`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from arc_lrms_oar.arex.controldir import GridJob
from arc_lrms_oar.arex.diag import Diag
from arc_lrms_oar.errors import OarUnavailable
from arc_lrms_oar.oar.job_record import JobRecord
from arc_lrms_oar.scan import by_name, resubmission
from arc_lrms_oar.scan.context import Context, all_called
from arc_lrms_oar.scan.decide import Decision, Follow, Lost, Policy, Wait, decide
from arc_lrms_oar.scan.ended_jobs import Missing
from arc_lrms_oar.scan.ownership import Ownership
from arc_lrms_oar.scan.report import read_diag


class Question(NamedTuple):
    """The jobs to decide about, by job ID: A-REX's job `found`, OAR's record if it gives one.

    `status_names` are the names of their status files; `missing` those that OAR does not know.
    """

    found: Mapping[int, GridJob]
    status_names: Mapping[int, str]
    records: Mapping[int, JobRecord]
    missing: Missing


def mismatch(context: Context, ownership: Ownership, record: JobRecord, job: GridJob) -> bool:
    """Whether an OAR job is not the grid job's, which is logged."""
    why = ownership.mismatch(record, job)
    if why:
        what = f"{job.grid_id}: OAR job {record.job_id} {why}; it is left alone"
        context.problem.say("ERROR", what)
    return bool(why)


def decide_all(
    context: Context, ownership: Ownership, question: Question
) -> dict[int, tuple[Decision, Diag]]:
    """What to do with each job, with the diag that was read for it. Raises OarUnavailable.

    A job that would be lost is looked for in OAR by its name before.
    """
    policy = Policy.of(context.settings)
    successors, known = _successors(context, ownership, question)
    deleted = set()
    if successors and policy.delete_resubmitted:
        deleted = _delete_successors(context, ownership, successors, known, question.found)
    decisions: dict[int, tuple[Decision, Diag]] = {}
    for job_id, job in question.found.items():
        with context.one_job(job_id, job.grid_id, "decided"):
            diag = read_diag(job)
            name = question.status_names[job_id]
            decision = decide(
                question.records.get(job_id),
                diag,
                context.now,
                policy,
                ended_for=context.state.seconds_since(name, "ended", context.now),
                successor=successors.get(job_id),
                successor_deleted=job_id in deleted,
                missing=question.missing.get(job_id),
            )
            if isinstance(decision, Wait) and job_id in question.records:
                context.state.start_clock(name, "ended", context.now)
            decisions[job_id] = decision, diag
    return _without_found(context, ownership, question, decisions)


def _without_found(
    context: Context,
    ownership: Ownership,
    question: Question,
    decisions: dict[int, tuple[Decision, Diag]],
) -> dict[int, tuple[Decision, Diag]]:
    """The decisions, with the OAR jobs that OAR has for jobs that would be lost.

    Without OAR's answer nothing is decided on those; the reports of others do not wait for it.
    """
    lost = {i: question.found[i] for i, (made, _) in decisions.items() if isinstance(made, Lost)}
    try:
        real = by_name.find(context.client, ownership, lost) if lost else {}
    except OarUnavailable as error:
        names = all_called(job.grid_id for job in lost.values())
        what = "no OAR job can be found by name"
        context.problem.say("ERROR", what, f" for {names}: {error}")
        return {i: decision for i, decision in decisions.items() if i not in lost}
    for job_id, new in real.items():
        decisions[job_id] = Follow(new), decisions[job_id][1]
    return decisions


def _successors(
    context: Context, ownership: Ownership, question: Question
) -> tuple[dict[int, int], dict[int, JobRecord]]:
    """The successors of the jobs that OAR has resubmitted, and the successors' records.

    Those of other grid jobs are left out.
    """
    successors = resubmission.successors_of(context.client, question.records)
    if not successors:
        return {}, {}
    known = resubmission.records_of(context.client, successors.values())
    own = {
        job_id: new
        for job_id, new in successors.items()
        if new not in known or not mismatch(context, ownership, known[new], question.found[job_id])
    }
    return own, known


def _delete_successors(
    context: Context,
    ownership: Ownership,
    successors: Mapping[int, int],
    known: Mapping[int, JobRecord],
    found: Mapping[int, GridJob],
) -> set[int]:
    """Delete the successors, as the site wants it; returns the jobs with an ended successor."""

    def is_own(job_id: int, record: JobRecord) -> bool:
        return ownership.is_proven(record, found[job_id])

    try:
        grid_ids = {job_id: found[job_id].grid_id for job_id in successors}
        return resubmission.delete(context.client, successors, known, is_own, context.log, grid_ids)
    except OarUnavailable as error:
        names = all_called(found[job_id].grid_id for job_id in successors)
        what = "cannot delete jobs that OAR has resubmitted"
        context.problem.say("WARNING", what, f" for {names}: {error}")
        return set()
