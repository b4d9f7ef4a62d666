"""Find the OAR jobs of grid jobs by their names where `.local` has a wrong job ID.

The job ID in `.local` is the user's to change. With a wrong one the grid job would end as lost or
could not be cancelled, and its OAR job would go on without A-REX.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from arc_lrms_oar.arex.controldir import GridJob
from arc_lrms_oar.errors import OarUnavailable
from arc_lrms_oar.job.oar_name import safe_name
from arc_lrms_oar.log import Log
from arc_lrms_oar.oar.client import OarClient
from arc_lrms_oar.oar.job_record import JobRecord
from arc_lrms_oar.oar.states import has_ended
from arc_lrms_oar.scan.context import Context, all_called
from arc_lrms_oar.scan.job_index import IndexedJob
from arc_lrms_oar.scan.ownership import Ownership
from arc_lrms_oar.scan.resubmission import follow

Key = TypeVar("Key")


def find(client: OarClient, ownership: Ownership, jobs: Mapping[Key, GridJob]) -> dict[Key, int]:
    """The job IDs that OAR has for these grid jobs, where they differ from those in `.local`.

    Of several OAR jobs of a grid job the newest that has not ended counts, else the newest. Raises
    OarUnavailable.
    """
    keys = {safe_name(job.grid_id): key for key, job in jobs.items()}
    lengths = {len(ending) for ending in keys}
    best: dict[Key, JobRecord] = {}
    for record in client.named_like(list(keys)):
        for ending in {record.name[-length:] for length in lengths} & keys.keys():
            key = keys[ending]
            if not ownership.is_proven(record, jobs[key]):
                continue
            if key not in best or _rank(record) > _rank(best[key]):
                best[key] = record
    return {
        key: record.job_id for key, record in best.items() if record.job_id != jobs[key].local_id
    }


def owners_of_shared(
    context: Context, ownership: Ownership, shared: Mapping[int, Sequence[IndexedJob]]
) -> tuple[dict[int, IndexedJob], Iterable[str]]:
    """Give each shared job ID to the grid job that proves it, and correct the other jobs.

    Returns the owners by job ID, and the names of the status files of the corrected jobs. Raises
    OarUnavailable.
    """
    owners = ownership.owners_of_shared(context.client, shared)
    others = [job for i, same in shared.items() for job in same if job != owners.get(i)]
    return owners, correct(context.client, ownership, others, context.log)


def _rank(record: JobRecord) -> tuple[bool, int]:
    return not has_ended(record.state), record.job_id


def correct(
    client: OarClient, ownership: Ownership, jobs: Iterable[IndexedJob], log: Log
) -> dict[str, int]:
    """Write the job IDs that are found by name into the files of these grid jobs.

    Returns the job IDs by the names of the status files. Without OAR's answer, which is logged, the
    next cycle tries again.
    """
    read = {job.status_name: ownership.read(job) for job in jobs}
    known = {name: job for name, job in read.items() if job is not None}
    done = {}
    try:
        found = find(client, ownership, known) if known else {}
    except OarUnavailable as error:
        names = all_called(job.grid_id for job in known.values())
        log.say("ERROR", f"no OAR job can be found by name for {names}: {error}")
        return {}
    for name, new in found.items():
        job = known[name]
        try:
            follow(job, new, log)
        except OSError as error:
            log.say("WARNING", f"{job.grid_id}: its OAR job ID cannot be corrected: {error}")
            continue
        what = f"{job.grid_id}: OAR has OAR job {new} for it, not OAR job {job.local_id}"
        log.say("WARNING", what)
        done[name] = new
    return done
