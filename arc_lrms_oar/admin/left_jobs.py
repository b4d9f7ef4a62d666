"""Jobs for which A-REX's end and OAR's end do not go together.

A-REX runs the scripts of the LRMS in a job's `.local` file, so after an upgrade it may look for
scripts of an LRMS that is no longer installed. It then ends a cancelled job at once, and the OAR
job goes on (docs/internals/arc.md#jobs-of-another-lrms).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

from arc_lrms_oar.admin import arc_locations
from arc_lrms_oar.arex import controldir
from arc_lrms_oar.arex.controldir import GridJob
from arc_lrms_oar.arex.diag import LIMIT, Diag
from arc_lrms_oar.errors import SiteError
from arc_lrms_oar.job.oar_name import is_job_of
from arc_lrms_oar.oar.client import OarClient
from arc_lrms_oar.oar.states import has_ended

# doctor checks their scripts for all jobs.
_OWN = ("OAR", "oar", "")


class LrmsScripts:
    """The scripts in ARC's data directory, which is found when the first job needs it."""

    def __init__(self) -> None:
        self._missing: dict[str, str] = {}

    def missing(self, job: GridJob) -> str:
        """The path of the cancel script that A-REX runs for the job, if there is none; else ""."""
        lrms = job.local.get("lrms", "")
        if lrms in _OWN or "/" in lrms or "\0" in lrms:
            return ""
        if lrms not in self._missing:
            self._missing[lrms] = _missing(f"cancel-{lrms}-job")
        return self._missing[lrms]


def _missing(name: str) -> str:
    try:
        path = os.path.join(arc_locations.find_arc().data_dir, name)
    except SiteError:
        return ""
    return "" if os.path.exists(path) else path


def is_reported(job: GridJob) -> bool:
    """Whether scan has reported the end of a job that A-REX has ended: its diag says so."""
    # Not parsed: `jobs` asks this of every failed job.
    diag = controldir.read_end(job, "diag", LIMIT)
    return re.search(rb"(?im)^[ \t]*lrmsexitcode=", diag) is not None


def diag_of(job: GridJob) -> Diag:
    """The diag of a job that A-REX has ended."""
    return Diag.parse(controldir.read_end(job, "diag", LIMIT))


def still_in_oar(client: OarClient, unreported: Iterable[GridJob]) -> dict[str, str]:
    """The OAR states of those jobs that go on in OAR, by grid job ID; raises OarUnavailable.

    Args:
        client: the connection to OAR.
        unreported: jobs that A-REX has ended and that scan has not reported.
    """
    jobs = {job.local_id: job for job in unreported if job.local_id is not None}
    states = client.states(jobs) if jobs else {}
    alive = {job_id: state for job_id, state in states.items() if not has_ended(state)}
    records = client.records(alive) if alive else {}
    return {
        jobs[job_id].grid_id: alive[job_id]
        for job_id, record in records.items()
        if is_job_of(jobs[job_id].grid_id, record.name, record.command)
    }
