"""Jobs that A-REX has cancelled and that have not ended: ask OAR to delete them.

`cancel-OAR-job` does so first; scan repeats it for jobs that it could not reach. A suspended job
cannot end (OAR 2 exterminates it after minutes), so it is resumed after the request.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from arc_lrms_oar.errors import OarRefused, OarUnavailable
from arc_lrms_oar.oar.deletion import request_deletion
from arc_lrms_oar.scan.by_name import correct
from arc_lrms_oar.scan.context import Context
from arc_lrms_oar.scan.job_index import IndexedJob
from arc_lrms_oar.scan.ownership import Ownership

# Seconds between a cancel by A-REX and oardel by scan, and between two such oardel.
_INTERVAL = 60.0


def delete(context: Context, jobs: Mapping[int, IndexedJob], ownership: Ownership) -> Iterable[str]:
    """Delete those of the cancelled `jobs` (by job ID) for which it is time.

    Only jobs that prove to be the grid jobs' are deleted. Where `.local` names another job, that of
    the grid job is found by its name, and its job ID is written there; returns the names of the
    status files of these grid jobs. Failures are logged.
    """
    client, state, problem, now = context.client, context.state, context.problem, context.now
    due = {
        job_id: job
        for job_id, job in jobs.items()
        if not 0 <= now - job.changed <= _INTERVAL
        and state.deletion_due(job.status_name, now, _INTERVAL)
    }
    corrected: dict[str, int] = {}
    if not due:
        return ()
    named = ", ".join(f"{job.grid_id} (OAR job {job_id})" for job_id, job in due.items())
    try:
        records = client.records(dict.fromkeys(due, ""))
        own = [i for i, job in due.items() if ownership.is_own(records.get(i), job)]
        if len(own) < len(due):
            wrong = [job for job_id, job in due.items() if job_id not in own]
            corrected = correct(client, ownership, wrong, context.log)
            own += corrected.values()
        if len(own) < len(due):
            what = f"not cancelled, since OAR has no such job of its user, some of: {named}"
            problem.say("WARNING", what, again_in=2 * _INTERVAL)
        request_deletion(client, own, records)
    except OarRefused as refused:
        what = f"OAR refuses to delete some of: {named}"
        problem.say("WARNING", what, f": {refused}", 2 * _INTERVAL)
    except OarUnavailable as error:
        problem.say("WARNING", f"cannot cancel {named}", f": {error}", 2 * _INTERVAL)
    return corrected.keys()
