"""Find the OAR jobs of grid jobs by their names, before they are given up as lost.

The job ID in `.local` is the user's to change. With a wrong one the grid job would end as lost, and
its OAR job would go on without A-REX.
"""

from __future__ import annotations

from collections.abc import Mapping

from arc_lrms_oar.arex.controldir import GridJob
from arc_lrms_oar.job.oar_name import safe_name
from arc_lrms_oar.oar.client import OarClient
from arc_lrms_oar.oar.job_record import JobRecord
from arc_lrms_oar.oar.states import has_ended
from arc_lrms_oar.scan.ownership import Ownership


def find(client: OarClient, ownership: Ownership, jobs: Mapping[int, GridJob]) -> dict[int, int]:
    """The job IDs that OAR has for these grid jobs, by the job IDs that OAR does not know.

    Of several OAR jobs of a grid job the newest that has not ended counts, else the newest. Raises
    OarUnavailable.
    """
    endings = {safe_name(job.grid_id): job_id for job_id, job in jobs.items()}
    lengths = {len(ending) for ending in endings}
    best: dict[int, JobRecord] = {}
    for record in client.named_like(list(endings)):
        for length in lengths:
            job_id = endings.get(record.name[-length:])
            if job_id is None or not ownership.is_proven(record, jobs[job_id]):
                continue
            if job_id not in best or _rank(record) > _rank(best[job_id]):
                best[job_id] = record
    return {job_id: record.job_id for job_id, record in best.items() if record.job_id != job_id}


def _rank(record: JobRecord) -> tuple[bool, int]:
    return not has_ended(record.state), record.job_id
