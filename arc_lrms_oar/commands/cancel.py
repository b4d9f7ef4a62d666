"""Cancel: delete the OAR job of a grid job.

A-REX does not repeat a cancel that fails, and the OAR job would stay behind. So a failure to reach
OAR is not a failure here: oardel is retried for a while, and then scan deletes what is still alive
of the jobs that A-REX is cancelling.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from arc_lrms_oar.arex.controldir import read_local_lines, sibling
from arc_lrms_oar.errors import GramiError, OarRefused, OarUnavailable
from arc_lrms_oar.job import grami
from arc_lrms_oar.job.oar_name import is_job_of
from arc_lrms_oar.local_ids import is_unsubmitted, oar_job_id
from arc_lrms_oar.oar.client import OarClient
from arc_lrms_oar.oar.states import has_ended
from arc_lrms_oar.retry import Retry
from arc_lrms_oar.settings import Settings


class CancelOutcome(Enum):
    """What came of a cancel."""

    CANCELLED = "OAR is deleting the job"
    GONE = "the job had ended, or OAR has no such job of the grid job"
    NOT_YET = "OAR is unavailable; scan goes on cancelling the job"


class CancelResult(NamedTuple):
    """The outcome for one OAR job.

    `job_id` is None for a job whose submission failed; it has no OAR job. `grid_id` is empty where
    the job was named by its OAR job ID; `reason` is why OAR is unavailable, for NOT_YET alone.
    """

    outcome: CancelOutcome
    job_id: int | None
    grid_id: str = ""
    reason: str = ""

    def __str__(self) -> str:
        if self.job_id is None:
            return "no OAR job was submitted, so there is nothing to cancel"
        if self.outcome is CancelOutcome.CANCELLED:
            return f"OAR job {self.job_id} is being deleted"
        if self.outcome is CancelOutcome.GONE:
            return f"OAR job {self.job_id} is gone already"
        return (
            f"OAR did not answer ({self.reason}); scan will go on cancelling OAR job {self.job_id}"
        )


def cancel(
    settings: Settings, client: OarClient, target: str, retry: Retry | None = None
) -> CancelResult:
    """Cancel the OAR job of `target`, a job ID or the path of a GRAMi file.

    Raises OarRefused where OAR refuses to delete a job that is alive, and GramiError where
    `target` leads to no job ID.
    """
    job_id, grid_id = _job_of(target)
    if job_id is None:
        return CancelResult(CancelOutcome.GONE, None, grid_id)
    reason = "OAR was not asked"
    for _ in (retry or Retry(settings.submit_budget)).attempts():
        try:
            return CancelResult(_cancel(client, job_id, grid_id), job_id, grid_id)
        except OarUnavailable as error:
            reason = str(error)
    return CancelResult(CancelOutcome.NOT_YET, job_id, grid_id, reason)


def _job_of(target: str) -> tuple[int | None, str]:
    """Return the job ID and the grid job ID of `target`; no job ID if its submission failed.

    If OAR resubmits a job under a new, higher ID, scan writes that one into the GRAMi file and
    into A-REX's `.local`; A-REX may then overwrite `.local` with the old one.
    """
    if target.isdecimal():
        return int(target), ""
    local = read_local_lines(sibling(target, "local"))
    written = local.get("localid", [])[-1:]
    grid_id = ""
    try:
        values = grami.read_values(target)
        written.append(grami.written_id(values))
        grid_id = values.get("joboption_gridid", "")
    except GramiError:
        if not any(oar_job_id(text) or is_unsubmitted(text) for text in written):
            raise
    ids = [job_id for text in written if (job_id := oar_job_id(text))]
    if not ids and not any(map(is_unsubmitted, written)):
        raise GramiError(f"{target}: the job has no OAR id, so there is nothing to cancel")
    return max(ids, default=None), grid_id


def _cancel(client: OarClient, job_id: int, grid_id: str) -> CancelOutcome:
    """Delete the job, unless it proves to be another one than the grid job's (`job.oar_name`).

    A job named by its OAR job ID alone has nothing to prove.
    """
    if grid_id:
        record = client.records({job_id: ""}).get(job_id)
        if record is None or not is_job_of(grid_id, record.name, record.command):
            return CancelOutcome.GONE
    return _delete(client, job_id)


def _delete(client: OarClient, job_id: int) -> CancelOutcome:
    try:
        client.delete([job_id])
    except OarRefused as refused:
        state = client.states([job_id]).get(job_id)
        if state is None or has_ended(state):
            return CancelOutcome.GONE
        raise OarRefused(f"OAR does not cancel job {job_id}: {refused}") from None
    return CancelOutcome.CANCELLED
