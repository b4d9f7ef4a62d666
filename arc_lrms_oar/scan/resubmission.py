"""Jobs that OAR has resubmitted by itself under a new job ID: follow them, or delete them.

OAR resubmits jobs that failed at launch, idempotent jobs and best-effort jobs. The successor is
never left alone: it would write into the session directory of a job that A-REX considers ended.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from arc_lrms_oar.arex import control_files
from arc_lrms_oar.arex.controldir import GridJob
from arc_lrms_oar.errors import GramiError, OarRefused
from arc_lrms_oar.log import Log
from arc_lrms_oar.oar.client import OarClient
from arc_lrms_oar.oar.job_record import JobRecord
from arc_lrms_oar.oar.states import has_ended
from arc_lrms_oar.oar.successor import resubmission_may_be_silent, resubmitted_to


def successors_of(client: OarClient, records: Mapping[int, JobRecord]) -> dict[int, int]:
    """The job IDs of the successors, by the job ID of the resubmitted job.

    Raises OarUnavailable.
    """
    by_event = {job_id: resubmitted_to(record) for job_id, record in records.items()}
    found = {job_id: successor for job_id, successor in by_event.items() if successor is not None}
    without_event = [
        job_id
        for job_id, record in records.items()
        if job_id not in found and resubmission_may_be_silent(record)
    ]
    return {**found, **client.silent_successors(without_event)} if without_event else found


def follow(job: GridJob, successor: int, log: Log) -> None:
    """Write the successor's job ID where scan, cancel and A-REX's accounting read it.

    That is `.local`, and the GRAMi file as well: when a job is cancelled A-REX writes `.local`
    anew with the job ID that it has in memory, the old one (ARC 7.0
    `grid-manager/jobs/JobsList.cpp`, FailedJob). Raises OSError.
    """
    from arc_lrms_oar.job import grami

    path = job.file("grami")
    try:
        if grami.local_id(grami.read_values(path)) != successor:
            grami.append_local_id(path, successor)
    except GramiError as error:
        log.say("WARNING", f"{job.grid_id}: {error}")
    control_files.set_local_id(job, successor)


def delete(
    client: OarClient,
    successors: Mapping[int, int],
    is_own: Callable[[int, JobRecord], bool],
    log: Log,
) -> set[int]:
    """Ask OAR to delete the successors, and return the old job IDs of those that have ended.

    A successor may have been resubmitted as well; the last one counts. One that `is_own` (old job
    ID, record) does not accept is left alone and counts as ended. Raises OarUnavailable.
    """
    last = dict(successors)
    while True:
        states = client.states(last.values())
        ended = {job_id: word for job_id, word in states.items() if has_ended(word)}
        again = successors_of(client, client.records(ended)) if ended else {}
        if not again:
            break
        last = {old: again.get(new, new) for old, new in last.items()}
    alive = {old: new for old, new in last.items() if new not in ended}
    records = client.records(dict.fromkeys(alive.values(), "")) if alive else {}
    own = {new for old, new in alive.items() if new in records and is_own(old, records[new])}
    gone = set(alive.values()) - own
    if own:
        gone |= _delete(client, own, log)
    return {old for old, new in last.items() if new in ended or new in gone}


def _delete(client: OarClient, ids: set[int], log: Log) -> set[int]:
    """Delete jobs; returns those that do not exist: oardel refuses them and they have no state."""
    try:
        client.delete(sorted(ids))
    except OarRefused as refused:
        known = client.states(ids)
        if known:
            log.say("WARNING", f"OAR refuses to delete some of {sorted(known)}: {refused}")
        return ids.difference(known)
    return set()
