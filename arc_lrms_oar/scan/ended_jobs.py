"""Which jobs have ended and which OAR does not know, from the answers to the cycle's queries."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from arc_lrms_oar.oar.states import state_of
from arc_lrms_oar.scan.context import Context
from arc_lrms_oar.scan.job_index import IndexedJob

# For how many cycles OAR has not known a job, and since when (`ScanState.count_missing`).
Missing = dict[int, tuple[int, float]]


def ended_jobs(
    context: Context, jobs: Mapping[int, IndexedJob], listed: Collection[int] | None
) -> tuple[dict[int, str], Missing]:
    """The jobs that have ended, with their state, and those that OAR does not know.

    The state is "" where only the cheap query has `listed` the job. OAR is asked for the states of
    all jobs in an audit (`listed` is None), and for the states of the jobs that were missing
    before. Raises OarUnavailable.
    """
    asked = _to_be_asked(context, jobs, listed)
    states = context.client.states(asked)
    if listed is None and context.metrics is not None:
        context.metrics.set_states(states.get(job_id, "") for job_id in asked)
    ended = dict.fromkeys(listed or (), "")
    missing: Missing = {}
    for job_id in asked:
        job, word = jobs[job_id], states.get(job_id)
        if word is None:
            missing[job_id] = context.state.count_missing(job.status_name, context.now)
            if missing[job_id][0] == 1:
                context.log.say("WARNING", f"{job.grid_id}: OAR does not know OAR job {job_id}")
            continue
        known = state_of(word)
        if known is not None and known.ended:
            ended[job_id] = word
            continue
        context.state.clear_missing(job.status_name)
        if known is None and context.state.first_time(job.status_name, f"unknown state {word}"):
            called = f"{job.grid_id}: OAR job {job_id}"
            context.log.say("WARNING", f"{called} has the unknown state {word!r}")
    return ended, missing


def _to_be_asked(
    context: Context, jobs: Mapping[int, IndexedJob], listed: Collection[int] | None
) -> list[int]:
    if listed is None:
        return list(jobs)
    missing_before = context.state.missing_jobs()
    if not missing_before:
        return []
    return [job_id for job_id, job in jobs.items() if job.status_name in missing_before]
