"""Jobs that OAR has resubmitted by itself under a new job ID: follow them, or delete them.

OAR resubmits jobs that failed at launch, idempotent jobs and best-effort jobs. The successor is
never left alone: it would write into the session directory of a job that A-REX considers ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from arc_lrms_oar.arex import control_files
from arc_lrms_oar.arex.controldir import GridJob
from arc_lrms_oar.errors import GramiError, OarRefused
from arc_lrms_oar.log import Log
from arc_lrms_oar.oar.client import OarClient
from arc_lrms_oar.oar.job_record import JobRecord
from arc_lrms_oar.oar.states import has_ended
from arc_lrms_oar.oar.successor import resubmission_may_be_silent, resubmitted_to
from arc_lrms_oar.scan.context import all_called


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


def records_of(client: OarClient, ids: Iterable[int]) -> dict[int, JobRecord]:
    """The records of successors, with their states where OAR 3 hides the rest.

    Raises OarUnavailable.
    """
    states = client.states(ids)
    return client.records(states) if states else {}


def delete(
    client: OarClient,
    successors: Mapping[int, int],
    known: Mapping[int, JobRecord],
    is_own: Callable[[int, JobRecord], bool],
    log: Log,
    grid_ids: Mapping[int, str],
) -> set[int]:
    """Ask OAR to delete the successors, and return the old job IDs of those that have ended.

    `known` are the successors' records. A successor may have been resubmitted as well; the last one
    counts. One that `is_own` (old job ID, record) does not accept is left alone and counts as
    ended. `grid_ids` name the old jobs in the log. Raises OarUnavailable.
    """
    last = dict(successors)
    records = dict(known)
    while True:
        ended = {new: records[new] for new in last.values() if _has_ended(records.get(new))}
        again = successors_of(client, ended)
        if not again:
            break
        last = {old: again.get(new, new) for old, new in last.items()}
        records.update(records_of(client, again.values()))
    alive = {
        new
        for old, new in last.items()
        if new in records and new not in ended and is_own(old, records[new])
    }
    if alive:
        names = all_called(grid_ids[old] for old, new in last.items() if new in alive)
        alive -= _delete(client, alive, log, names)
    return {old for old, new in last.items() if new not in alive}


def _has_ended(record: JobRecord | None) -> bool:
    return record is not None and has_ended(record.state)


def _delete(client: OarClient, ids: set[int], log: Log, names: str) -> set[int]:
    """Delete the OAR jobs of the grid jobs `names`.

    Returns those that do not exist: oardel refuses them and they have no state.
    """
    try:
        client.delete(sorted(ids))
    except OarRefused as refused:
        known = client.states(ids)
        if known:
            shown = sorted(known)
            log.say("WARNING", f"{names}: OAR refuses to delete some of {shown}: {refused}")
        return ids.difference(known)
    return set()
