"""One grid job as `jobs` lists it, from A-REX's files and OAR's record."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from arc_lrms_oar.admin.job_notes import job_note
from arc_lrms_oar.admin.left_jobs import diag_of
from arc_lrms_oar.arex.controldir import GridJob
from arc_lrms_oar.arex.job_listing import ENDED, failure_of, user_of
from arc_lrms_oar.errors import GramiError
from arc_lrms_oar.job import grami
from arc_lrms_oar.job.request import wall_time
from arc_lrms_oar.oar.job_record import JobRecord
from arc_lrms_oar.oar.states import State, has_ended, state_of
from arc_lrms_oar.oar.suspension import suspended_time
from arc_lrms_oar.oar.waiting import SiteState, why_waiting
from arc_lrms_oar.settings import Settings

# By then OAR has ended a job that has exceeded its wall time.
_OVERDUE = 300.0


@dataclass(frozen=True)
class JobRow:
    """One grid job. Times are seconds since 1970; `used` and `requested` are wall time in seconds.

    `arex_state` is A-REX's state, set at `since`. `state` is OAR's state, "unknown" if OAR has no
    such job, "" if OAR was not asked or is unavailable. `user` is the mapped user, `dn` the
    distinguished name of the grid user, `vo` their virtual organisation. `start` is the actual
    start or, for a waiting job, the predicted one. `problem` marks a job that needs attention,
    `failed` one that A-REX has recorded as failed.
    """

    grid_job_id: str
    job_id: int | None
    arex_state: str
    state: str
    since: float
    user: str
    queue: str
    name: str
    dn: str
    vo: str
    cores: int | None
    used: int | None
    requested: int | None
    start: int | None
    note: str
    problem: bool
    failed: bool

    @property
    def finished(self) -> bool:
        """Whether A-REX has finished with the job."""
        return self.arex_state in ENDED


def identity_of(job: GridJob) -> dict[str, Any]:
    """The values of a row that neither OAR nor the files beside `.local` are needed for."""
    return {
        "grid_job_id": job.grid_id,
        "job_id": job.local_id,
        "arex_state": job.state,
        "since": job.status_time,
        "user": user_of(job),
        "queue": job.local.get("queue", ""),
        "name": job.local.get("jobname", ""),
        "dn": job.local.get("subject", ""),
        "vo": job.vo,
    }


def row_in_progress(
    settings: Settings,
    job: GridJob,
    state: str,
    record: JobRecord | None,
    site: SiteState,
    now: float,
) -> JobRow:
    """The row of a job that A-REX has not ended; `state` and `record` are OAR's."""
    cores, requested = _requested(settings, job)
    waiting = why_waiting(record, cores or record.wanted, site) if record is not None else None
    if record is not None:
        cores, requested = record.cores or cores, record.wall_time or requested
    used = _used(record, state, now)
    note, problem = job_note(job, state, record, waiting, now)
    if not note and used is not None and requested and used > requested + _OVERDUE:
        note, problem = "exceeded its wall time, and OAR has not ended it", True
    return JobRow(
        **identity_of(job),
        state=state,
        cores=cores,
        used=used,
        requested=requested,
        start=_start(record, state) if record is not None else None,
        note=note,
        problem=problem,
        failed=False,
    )


def row_of_ended(settings: Settings, job: GridJob) -> JobRow:
    """The row of a job that A-REX has ended."""
    diag = diag_of(job)
    cores, requested = _requested(settings, job)
    seconds = diag.seconds("walltime")
    processors = diag.values.get("processors", "")
    failure = failure_of(job)
    return JobRow(
        **identity_of(job),
        state="",
        cores=int(processors) if processors.isdecimal() else cores,
        used=None if seconds is None else int(seconds),
        requested=requested,
        start=None,
        note=failure,
        problem=False,
        failed=bool(failure),
    )


def with_oar_job(row: JobRow, state: str) -> JobRow:
    """The row of an ended job whose OAR job goes on in this state."""
    note = f"goes on in OAR, although A-REX has ended it; run: oardel {row.job_id}"
    return replace(row, state=state, note=note, problem=True)


def with_missing_script(row: JobRow, path: str) -> JobRow:
    """The row of a job that A-REX cannot cancel, since there is no script at `path`."""
    note = f"A-REX cannot cancel it: {path} does not exist; run: python3 -m arc_lrms_oar install"
    return replace(row, note=note, problem=True)


def _requested(settings: Settings, job: GridJob) -> tuple[int | None, int | None]:
    """The slots and the wall time in seconds that the user requested, if GRAMi has them."""
    try:
        description = grami.read(job.file("grami"))
    except GramiError:
        return None, None
    return description.count, wall_time(description, settings.queue(description.queue or ""))


def _start(record: JobRecord, state: str) -> int | None:
    """The actual or predicted start; OAR leaves a prediction from before a job was held."""
    return None if state_of(state) is State.HOLD else record.scheduled_start or record.start_time


def _used(record: JobRecord | None, state: str, now: float) -> int | None:
    if record is None or record.start_time is None or record.scheduled_start is not None:
        return None
    if has_ended(state) and not record.stop_time:
        return None
    end = record.stop_time if has_ended(state) and record.stop_time else int(now)
    return max(0, end - record.start_time - suspended_time(record, end))
