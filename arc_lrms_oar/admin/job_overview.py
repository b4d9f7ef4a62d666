"""All grid jobs of one control directory, each with its state in A-REX and in OAR.

Read-only. If OAR is unavailable, A-REX's side is reported without it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from arc_lrms_oar.admin.job_notes import job_note
from arc_lrms_oar.admin.left_jobs import LrmsScripts, diag_of, is_reported, still_in_oar
from arc_lrms_oar.arex.controldir import GridJob
from arc_lrms_oar.arex.diag import Diag
from arc_lrms_oar.arex.job_listing import ENDED, IN_OAR, JobListing, failure_of, user_of
from arc_lrms_oar.errors import GramiError, OarUnavailable
from arc_lrms_oar.info.details import FULL_RECORDS, add_details
from arc_lrms_oar.info.site_state import read_site_state
from arc_lrms_oar.job import grami
from arc_lrms_oar.job.request import wall_time
from arc_lrms_oar.oar.client import OarClient
from arc_lrms_oar.oar.job_record import JobRecord
from arc_lrms_oar.oar.states import UNKNOWN, has_ended, state_of
from arc_lrms_oar.oar.suspension import suspended_time
from arc_lrms_oar.oar.waiting import WAITING, SiteState, why_waiting
from arc_lrms_oar.settings import Settings

# By then OAR has ended a job that has exceeded its wall time.
_OVERDUE = 300.0


@dataclass(frozen=True)
class JobRow:
    """One grid job. Times are seconds since 1970; `used` and `requested` are wall time in seconds.

    `arex_state` is A-REX's state, set at `since`. `state` is OAR's state, "unknown" if OAR has no
    such job, "" if OAR was not asked or is unavailable. `start` is the actual start or, for a
    waiting job, the predicted one. `problem` marks a job that needs attention, `failed` one that
    A-REX has recorded as failed.
    """

    grid_job_id: str
    job_id: int | None
    arex_state: str
    state: str
    since: float
    user: str
    queue: str
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


@dataclass(frozen=True)
class Overview:
    """All jobs, problems first; why OAR is unavailable (or ""); the number of unreadable jobs."""

    rows: Sequence[JobRow]
    oar_error: str
    unreadable: int


class OverviewReader:
    """Reads the jobs of arc.conf's control directory, once or repeatedly.

    Rows of finished jobs are cached until their files change.
    """

    def __init__(self, settings: Settings, client: OarClient) -> None:
        self._settings = settings
        self._client = client
        self._every = JobListing(settings.control_dir)
        self._scripts = LrmsScripts()
        self._finished: dict[str, tuple[GridJob, JobRow, bool]] = {}

    def read(self, now: float) -> Overview:
        """Read all jobs as of `now` (seconds since 1970); raises ControlDirError."""
        jobs = self._every.refresh()
        ids = {job.local_id for job in jobs if job.local_id and job.state in IN_OAR}
        states: dict[int, str] = {}
        records: Mapping[int, JobRecord] = {}
        site = SiteState()
        oar_error = ""
        finished = {job.grid_id: self._finished_job(job) for job in jobs if job.state in ENDED}
        left: dict[str, str] = {}
        try:
            states = self._client.states(ids)
            records = self._records(states)
            if any(state_of(record.state) in WAITING for record in records.values()):
                site = read_site_state(self._settings, self._client, now)
            left = still_in_oar(
                self._client, (job for job, _, reported in finished.values() if not reported)
            )
        except OarUnavailable as error:
            oar_error = str(error)
        rows = []
        for job in jobs:
            if job.state in ENDED:
                row = finished[job.grid_id][1]
                rows.append(_with_oar_job(row, left[job.grid_id]) if job.grid_id in left else row)
                continue
            asked = not oar_error and job.local_id in ids
            state = states.get(job.local_id or 0, UNKNOWN) if asked else ""
            record = records.get(job.local_id) if job.local_id else None
            row = _row(self._settings, job, state, record, site, now)
            missing = self._scripts.missing(job)
            rows.append(_with_missing_script(row, missing) if missing else row)
        self._finished = finished
        return Overview(sorted(rows, key=_sort_key), oar_error, self._every.unreadable)

    def _records(self, states: Mapping[int, str]) -> Mapping[int, JobRecord]:
        """The records of these jobs.

        For many jobs OAR 2 gives everything but the predicted start at a third of the cost, so
        only the oldest are then asked for that (2.5.9, 1,500 jobs: 7 s instead of 19 s).
        """
        if len(states) <= FULL_RECORDS:
            return self._client.records(states)
        found = {row.job_id: row for row in self._client.active() if row.job_id in states}
        add_details(self._client, found, found.keys())
        others = {job_id: state for job_id, state in states.items() if job_id not in found}
        return {**found, **self._client.records(others)}

    def _finished_job(self, job: GridJob) -> tuple[GridJob, JobRow, bool]:
        """A job that A-REX has ended, its row, and whether scan has reported its end."""
        cached = self._finished.get(job.grid_id)
        if cached is not None and cached[0] is job:
            return cached
        diag = diag_of(job)
        return job, _row_of_finished(self._settings, job, diag), is_reported(diag)


def _sort_key(row: JobRow) -> tuple[int, float]:
    """Problems, then unfinished jobs, oldest first; then finished jobs, newest first."""
    if row.finished and not row.problem:
        return 2, -row.since
    return (0 if row.problem else 1), row.since


def _row(
    settings: Settings,
    job: GridJob,
    state: str,
    record: JobRecord | None,
    site: SiteState,
    now: float,
) -> JobRow:
    cores, requested = _requested(settings, job)
    waiting = why_waiting(record, cores or record.wanted, site) if record is not None else None
    if record is not None:
        cores, requested = record.cores or cores, record.wall_time or requested
    used = _used(record, state, now)
    note, problem = job_note(job, state, record, waiting, now)
    if not note and used is not None and requested and used > requested + _OVERDUE:
        note, problem = "exceeded its wall time, and OAR has not ended it", True
    return JobRow(
        grid_job_id=job.grid_id,
        job_id=job.local_id,
        arex_state=job.state,
        state=state,
        since=job.status_time,
        user=user_of(job),
        queue=job.local.get("queue", ""),
        cores=cores,
        used=used,
        requested=requested,
        start=(record.scheduled_start or record.start_time) if record is not None else None,
        note=note,
        problem=problem,
        failed=False,
    )


def _with_oar_job(row: JobRow, state: str) -> JobRow:
    note = f"goes on in OAR, although A-REX has ended it; run: oardel {row.job_id}"
    return replace(row, state=state, note=note, problem=True)


def _with_missing_script(row: JobRow, path: str) -> JobRow:
    note = f"A-REX cannot cancel it: {path} does not exist; run: python3 -m arc_lrms_oar install"
    return replace(row, note=note, problem=True)


def _row_of_finished(settings: Settings, job: GridJob, diag: Diag) -> JobRow:
    cores, requested = _requested(settings, job)
    seconds = diag.seconds("walltime")
    processors = diag.values.get("processors", "")
    failure = failure_of(job)
    return JobRow(
        grid_job_id=job.grid_id,
        job_id=job.local_id,
        arex_state=job.state,
        state="",
        since=job.status_time,
        user=user_of(job),
        queue=job.local.get("queue", ""),
        cores=int(processors) if processors.isdecimal() else cores,
        used=None if seconds is None else int(seconds),
        requested=requested,
        start=None,
        note=failure,
        problem=False,
        failed=bool(failure),
    )


def _requested(settings: Settings, job: GridJob) -> tuple[int | None, int | None]:
    """The slots and the wall time in seconds that the user requested, if GRAMi has them."""
    try:
        description = grami.read(job.file("grami"))
    except GramiError:
        return None, None
    return description.count, wall_time(description, settings.queue(description.queue or ""))


def _used(record: JobRecord | None, state: str, now: float) -> int | None:
    if record is None or record.start_time is None or record.scheduled_start is not None:
        return None
    if has_ended(state) and not record.stop_time:
        return None
    end = record.stop_time if has_ended(state) and record.stop_time else int(now)
    return max(0, end - record.start_time - suspended_time(record, end))
