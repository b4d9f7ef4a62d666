"""Cancel: the OAR job of a grid job is deleted, or was gone already.

A-REX takes a failed cancel as the end of the matter and leaves the LRMS job running as an orphan.
So trouble with OAR is no failure here: it is tried again for a while, and then left to scan, which
asks OAR to delete what is still alive of the jobs that A-REX is cancelling.
"""

from __future__ import annotations

from arc_lrms_oar.arex.controldir import read_local_lines, sibling
from arc_lrms_oar.errors import GramiError, OarRefused, OarUnavailable
from arc_lrms_oar.job import grami
from arc_lrms_oar.oar.client import OarClient
from arc_lrms_oar.oar.states import has_ended
from arc_lrms_oar.retry import Retry
from arc_lrms_oar.settings import Settings


def local_id_of(target: str) -> int:
    """The OAR id that `target` stands for: an id itself, or the path of a GRAMi file.

    OAR may have submitted the job again under a new id, a higher one, which scan writes into the
    GRAMi file and A-REX's `.local`; A-REX may have put the old one back into the latter. Raises
    GramiError where `target` leads to no id.
    """
    if target.isdecimal():
        return int(target)
    written = "".join(read_local_lines(sibling(target, "local")).get("localid", [])[-1:])
    ids = [int(written)] if written.isdecimal() else []
    try:
        found = grami.local_id(grami.read_values(target))
    except GramiError:
        if not ids:
            raise
        return ids[0]
    ids += [found] if found is not None else []
    if not ids:
        raise GramiError(f"{target}: the job has no OAR id, so there is nothing to cancel")
    return max(ids)


def cancel(settings: Settings, client: OarClient, target: str, retry: Retry | None = None) -> str:
    """Cancels the job that `target` (an id or the path of a GRAMi file) stands for.

    Gives a line that says what was done. Raises OarRefused where OAR says no to a job that is
    alive, and GramiError where there is no such job.
    """
    job_id = local_id_of(target)
    trouble = OarUnavailable("OAR was not asked")
    for _ in (retry or Retry(settings.submit_budget)).attempts():
        try:
            return _delete(client, job_id)
        except OarUnavailable as error:
            trouble = error
    return f"OAR did not answer ({trouble}); scan will go on cancelling OAR job {job_id}"


def _delete(client: OarClient, job_id: int) -> str:
    try:
        client.delete([job_id])
    except OarRefused as refused:
        word = client.states([job_id]).get(job_id)
        if word is None or has_ended(word):
            return f"OAR job {job_id} is gone already"
        raise OarRefused(f"OAR does not cancel job {job_id}: {refused}") from None
    return f"OAR job {job_id} is being deleted"
