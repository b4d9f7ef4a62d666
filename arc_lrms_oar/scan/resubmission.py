"""Jobs that OAR has submitted again by itself, under a new id: followed, or deleted and failed.

OAR does so after trouble at launch, asked or not, and for idempotent and best-effort jobs. Whatever
a site wants of it, the new job is never left to itself: it would write into the session directory
of a job that A-REX takes for ended.
"""

from __future__ import annotations

from collections.abc import Mapping

from arc_lrms_oar.arex import controldir
from arc_lrms_oar.arex.controldir import GridJob
from arc_lrms_oar.errors import GramiError, OarRefused
from arc_lrms_oar.log import Log
from arc_lrms_oar.oar.client import OarClient
from arc_lrms_oar.oar.job_record import JobRecord
from arc_lrms_oar.oar.outcome import resubmission_may_be_silent, resubmitted_to
from arc_lrms_oar.oar.states import has_ended


def followers_of(client: OarClient, records: Mapping[int, JobRecord]) -> dict[int, int]:
    """The new ids of those jobs of `records` that OAR has submitted again, by old id.

    Raises OarUnavailable.
    """
    told = {job_id: resubmitted_to(record) for job_id, record in records.items()}
    found = {job_id: follower for job_id, follower in told.items() if follower is not None}
    silent = [
        job_id
        for job_id, record in records.items()
        if job_id not in found and resubmission_may_be_silent(record)
    ]
    return {**found, **client.followers(silent)} if silent else found


def follow(job: GridJob, follower: int, log: Log) -> None:
    """Notes the new id where scan, cancel and A-REX's accounting look for it; raises OSError.

    That is `.local`, and the GRAMi file as well: A-REX writes `.local` anew from what it has in
    memory, with the old id, when a job is cancelled (ARC 7.0 `grid-manager/jobs/JobsList.cpp`,
    FailedJob).
    """
    from arc_lrms_oar.job import grami

    path = job.file("grami")
    try:
        if grami.local_id(grami.read_values(path)) != follower:
            grami.append_local_id(path, follower)
    except GramiError as error:
        log.say("WARNING", f"{job.grid_id}: {error}")
    controldir.set_local_id(job, follower)


def delete(client: OarClient, followers: Mapping[int, int], log: Log) -> set[int]:
    """Has OAR delete the new jobs; gives the old ids of those that have come to their end.

    The new job may have been submitted again as well: the last one counts. Raises OarUnavailable.
    """
    last = dict(followers)
    while True:
        states = client.states(last.values())
        ended = {job_id: word for job_id, word in states.items() if has_ended(word)}
        again = followers_of(client, client.records(ended)) if ended else {}
        if not again:
            break
        last = {old: again.get(new, new) for old, new in last.items()}
    alive = {job_id for job_id in last.values() if job_id not in ended}
    gone = _delete(client, alive, log) if alive else set()
    return {old for old, new in last.items() if new in ended or new in gone}


def _delete(client: OarClient, ids: set[int], log: Log) -> set[int]:
    """Those of `ids` that do not exist: oardel refuses them, and OAR has no state for them."""
    try:
        client.delete(sorted(ids))
    except OarRefused as refused:
        known = client.states(ids)
        if known:
            log.say("WARNING", f"OAR does not delete all of {sorted(known)}: {refused}")
        return ids.difference(known)
    return set()
