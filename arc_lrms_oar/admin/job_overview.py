"""The grid jobs of one control directory, each with its state in A-REX and in OAR.

Read-only. If OAR is unavailable, A-REX's side is reported without it. A CE has some hundred jobs in
progress and some hundred thousand ended ones, whose files A-REX keeps for days. So of an ended job
only the directory entry is read, and its files if it is selected.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from arc_lrms_oar.admin.job_row import (
    JobRow,
    identity_of,
    row_in_progress,
    row_of_ended,
    with_missing_script,
    with_oar_job,
)
from arc_lrms_oar.admin.job_selection import EVERY_JOB, Selection
from arc_lrms_oar.admin.left_jobs import LrmsScripts, is_reported, still_in_oar
from arc_lrms_oar.arex.controldir import GridJob
from arc_lrms_oar.arex.job_listing import ENDED, IN_OAR, EndedJob, JobListing
from arc_lrms_oar.errors import OarUnavailable
from arc_lrms_oar.info.details import FULL_RECORDS, add_details
from arc_lrms_oar.info.site_state import read_site_state
from arc_lrms_oar.oar.client import OarClient
from arc_lrms_oar.oar.job_record import JobRecord
from arc_lrms_oar.oar.states import UNKNOWN, state_of
from arc_lrms_oar.oar.waiting import WAITING, SiteState
from arc_lrms_oar.settings import Settings

# Called with the number of ended jobs that have been read, and of all that will be.
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Overview:
    """The selected jobs, and what the summary says about all of them.

    `rows` are the selected jobs, problems first. `in_progress` are all jobs that A-REX has not
    ended, `ended` the entries of those that it has; `left_out` is the number of ended jobs that are
    selected and not in `rows`, since they are older than the newest ones. `oar_error` is why OAR is
    unavailable, or "". `unreadable` is the number of jobs of other users.
    """

    rows: Sequence[JobRow]
    in_progress: Sequence[JobRow]
    ended: Mapping[str, EndedJob]
    problems: int
    left_out: int
    oar_error: str
    unreadable: int

    @property
    def by_state(self) -> dict[str, int]:
        """The number of jobs in progress by OAR's state, or A-REX's where OAR has none; sorted."""
        return dict(
            sorted(Counter(row.state or row.arex_state for row in self.in_progress).items())
        )


class OverviewReader:
    """Reads the jobs of arc.conf's control directory, once or repeatedly.

    Rows of ended jobs are cached until their files change.
    """

    def __init__(self, settings: Settings, client: OarClient) -> None:
        self._settings = settings
        self._client = client
        self._every = JobListing(settings.control_dir)
        self._scripts = LrmsScripts()
        self._rows: dict[EndedJob, JobRow] = {}
        self._reported: set[EndedJob] = set()

    def read(
        self,
        now: float,
        selection: Selection = EVERY_JOB,
        newest: int | None = None,
        progress: Progress = lambda done, total: None,
    ) -> Overview:
        """Read the jobs as of `now` (seconds since 1970); raises ControlDirError.

        `newest` is the number of ended jobs that are read, the newest ones; None: all.
        """
        jobs = {job.grid_id: job for job in self._every.unfinished()}
        ended = self._every.ended()
        for grid_id in jobs.keys() & ended.keys():
            # A-REX has moved it meanwhile.
            del jobs[grid_id]
        rows, left, error = self._ask_oar(now, jobs.values(), ended.values())
        in_progress = [row for row in rows if not row.finished]
        chosen = sorted(
            (entry for entry in ended.values() if selection.may_have(entry, now)),
            key=lambda entry: -entry.changed,
        )
        read = [entry for entry in chosen[:newest] if entry.grid_id not in left]
        rows += self._ended_rows(read, selection, progress)
        rows += left.values()
        return Overview(
            rows=sorted((row for row in rows if selection.has(row, now)), key=_sort_key),
            in_progress=in_progress,
            ended=ended,
            problems=sum(row.problem for row in rows),
            left_out=len(chosen[len(chosen[:newest]) :]),
            oar_error=error,
            unreadable=self._every.unreadable,
        )

    def _ask_oar(
        self, now: float, jobs: Iterable[GridJob], ended: Collection[EndedJob]
    ) -> tuple[list[JobRow], dict[str, JobRow], str]:
        """The rows of `jobs`, those of ended jobs that go on in OAR, and why it is unavailable."""
        ids = {job.local_id for job in jobs if job.local_id and job.state in IN_OAR}
        states: dict[int, str] = {}
        records: Mapping[int, JobRecord] = {}
        site = SiteState()
        left: dict[str, JobRow] = {}
        error = ""
        try:
            states = self._client.states(ids)
            records = self._records(states)
            if any(state_of(record.state) in WAITING for record in records.values()):
                site = read_site_state(self._settings, self._client, now)
            left = self._left(ended)
        except OarUnavailable as failure:
            error = str(failure)
        rows = []
        for job in jobs:
            if job.state in ENDED:
                rows.append(row_of_ended(self._settings, job))
                continue
            asked = not error and job.local_id in ids
            state = states.get(job.local_id or 0, UNKNOWN) if asked else ""
            record = records.get(job.local_id) if job.local_id else None
            row = row_in_progress(self._settings, job, state, record, site, now)
            missing = self._scripts.missing(job)
            rows.append(with_missing_script(row, missing) if missing else row)
        return rows, left, error

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

    def _left(self, ended: Collection[EndedJob]) -> dict[str, JobRow]:
        """The rows of the ended jobs that go on in OAR; raises OarUnavailable.

        A-REX marks a job as failed that it ends before scan has reported it, so no others are read.
        """
        unreported = {}
        self._reported.intersection_update(ended)
        for entry in ended:
            if not entry.failed or entry in self._reported:
                continue
            if is_reported(self._every.unread(entry)):
                self._reported.add(entry)
                continue
            job = self._every.read(entry)
            if job is not None:
                unreported[job.grid_id] = job
        states = still_in_oar(self._client, unreported.values())
        return {
            grid_id: with_oar_job(row_of_ended(self._settings, unreported[grid_id]), state)
            for grid_id, state in states.items()
        }

    def _ended_rows(
        self, entries: Sequence[EndedJob], selection: Selection, progress: Progress
    ) -> Iterator[JobRow]:
        rows: dict[EndedJob, JobRow] = {}
        for done, entry in enumerate(entries):
            progress(done, len(entries))
            row = self._rows.get(entry)
            if row is None:
                job = self._every.read(entry)
                if job is None or not selection.has_identity(identity_of(job)):
                    continue
                row = row_of_ended(self._settings, job)
            rows[entry] = row
            yield row
        self._rows = rows


def _sort_key(row: JobRow) -> tuple[int, float]:
    """Problems, then unfinished jobs, oldest first; then finished jobs, newest first."""
    if row.finished and not row.problem:
        return 2, -row.since
    return (0 if row.problem else 1), row.since
