"""What stands where: A-REX's jobs and what OAR says of them, side by side, from one look at both.

It only asks. Where OAR does not answer, A-REX's side is told all the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from arc_lrms_oar.arex import controldir
from arc_lrms_oar.arex.controldir import CANCELING, GridJob
from arc_lrms_oar.arex.diag import LIMIT, Diag
from arc_lrms_oar.arex.job_listing import ENDED, IN_OAR, EveryJob, failure_of, user_of
from arc_lrms_oar.commands.query import UNKNOWN
from arc_lrms_oar.errors import GramiError, OarUnavailable
from arc_lrms_oar.info.provider import FORETOLD, foretell
from arc_lrms_oar.job import grami
from arc_lrms_oar.job.request import clock, wall_time
from arc_lrms_oar.oar.client import OarClient
from arc_lrms_oar.oar.job_record import JobRecord
from arc_lrms_oar.oar.outcome import verdict
from arc_lrms_oar.oar.states import State, has_ended, state_of
from arc_lrms_oar.settings import Settings

# A-REX itself takes a submission for suspicious after ten minutes (FIELD-NOTES, "submit time").
_SUBMIT_PATIENCE = 600.0
# By then scan has reported an end, and OAR has ended what was cancelled or is past its wall time.
_PATIENCE = 300.0
_STUCK = {
    State.HOLD: "held in OAR (oarhold); oarresume lets it go on",
    State.SUSPENDED: "suspended in OAR; oarresume lets it go on",
    State.TO_ERROR: "OAR is about to end it with an error",
}
# OAR's message begins with what was asked for, our long name of the job included: no reason.
_ASKED = re.compile(r"R=[0-9]+,\S*\s*")
_NEVER = ("no_matching_slot", "No enough matching resources")


@dataclass(frozen=True)
class Row:
    """One job. Times are seconds since 1970, `used` and `asked` seconds of wall time.

    `oar_state` is OAR's word, "unknown" where OAR does not know the job, "" where it was not asked
    or did not answer. `start` is when the job has started or, while it waits, is expected to.
    `trouble` marks what somebody should look at, `failed` what A-REX has taken for failed.
    """

    grid_id: str
    state: str
    since: float
    local_id: int | None
    oar_state: str
    user: str
    queue: str
    cores: int | None
    used: int | None
    asked: int | None
    start: int | None
    note: str
    trouble: bool
    failed: bool

    @property
    def ended(self) -> bool:
        """Whether it is over for A-REX."""
        return self.state in ENDED


@dataclass(frozen=True)
class Overview:
    """All jobs, what needs a look first; why OAR was not heard (""), and the jobs not shown."""

    rows: Sequence[Row]
    oar_trouble: str
    unreadable: int


class Lookout:
    """Looks at the jobs of arc.conf's control directory, once or again and again."""

    def __init__(self, settings: Settings, client: OarClient) -> None:
        self._settings = settings
        self._client = client
        self._every = EveryJob(settings.control_dir)
        self._ended: dict[str, tuple[GridJob, Row]] = {}

    def look(self, now: float) -> Overview:
        """The jobs as they are at the time `now` (since 1970); raises ControlDirError."""
        jobs = self._every.look()
        ids = {job.local_id for job in jobs if job.local_id and job.state in IN_OAR}
        states: dict[int, str] = {}
        records: Mapping[int, JobRecord] = {}
        trouble = ""
        try:
            states = self._client.states(ids)
            records = self._records(states)
        except OarUnavailable as error:
            trouble = str(error)
        rows = []
        for job in jobs:
            if job.state in ENDED:
                rows.append(self._row_of_ended(job))
                continue
            word = "" if trouble or job.local_id not in ids else states.get(job.local_id, UNKNOWN)
            record = records.get(job.local_id) if job.local_id else None
            rows.append(_row(self._settings, job, word, record, now))
        self._ended = {
            row.grid_id: (job, row) for job, row in zip(jobs, rows) if job.state in ENDED
        }
        return Overview(sorted(rows, key=_order), trouble, self._every.unreadable)

    def _records(self, states: Mapping[int, str]) -> Mapping[int, JobRecord]:
        """What OAR tells of these jobs.

        Of very many at once OAR 2 tells the most at a third of the price: all but when a job will
        start, for which it is asked of the oldest (2.5.9, 1,500 jobs: 7 s instead of 19).
        """
        if len(states) <= FORETOLD:
            return self._client.records(states)
        found = {row.job_id: row for row in self._client.active() if row.job_id in states}
        foretell(self._client, found, found.keys())
        others = {job_id: word for job_id, word in states.items() if job_id not in found}
        return {**found, **self._client.records(others)}

    def _row_of_ended(self, job: GridJob) -> Row:
        """Made once, as long as A-REX leaves the job as it is."""
        kept = self._ended.get(job.grid_id)
        if kept is not None and kept[0] is job:
            return kept[1]
        return _row_of_ended(self._settings, job)


def _order(row: Row) -> tuple[int, float]:
    """The oldest trouble first, then what is under way, oldest first, then the newest ends."""
    if row.ended:
        return 2, -row.since
    return (0 if row.trouble else 1), row.since


def _row(
    settings: Settings, job: GridJob, oar_state: str, record: JobRecord | None, now: float
) -> Row:
    """The row of a job that has not ended; `oar_state` is "" where OAR was not heard."""
    cores, asked = _asked(settings, job)
    if record is not None:
        cores, asked = record.cores or cores, record.wall_time or asked
    used = _used(record, oar_state, now)
    note, trouble = "", False
    if job.state in IN_OAR:
        note, trouble = _note(job, oar_state, record, now)
        if not note and used is not None and asked and used > asked + _PATIENCE:
            note, trouble = "past its wall time, and OAR has not ended it", True
    elif job.state == "SUBMIT" and now - job.status_time > _SUBMIT_PATIENCE:
        note, trouble = f"submission under way for {_minutes(now - job.status_time)}", True
    return Row(
        grid_id=job.grid_id,
        state=job.state,
        since=job.status_time,
        local_id=job.local_id,
        oar_state=oar_state,
        user=user_of(job),
        queue=job.local.get("queue", ""),
        cores=cores,
        used=used,
        asked=asked,
        start=(record.scheduled_start or record.start_time) if record is not None else None,
        note=note,
        trouble=trouble,
        failed=False,
    )


def _row_of_ended(settings: Settings, job: GridJob) -> Row:
    cores, asked = _asked(settings, job)
    diag = Diag.parse(controldir.read_end(job, "diag", LIMIT))
    seconds = diag.seconds("walltime")
    processors = diag.values.get("processors", "")
    failure = failure_of(job)
    return Row(
        grid_id=job.grid_id,
        state=job.state,
        since=job.status_time,
        local_id=job.local_id,
        oar_state="",
        user=user_of(job),
        queue=job.local.get("queue", ""),
        cores=int(processors) if processors.isdecimal() else cores,
        used=None if seconds is None else int(seconds),
        asked=asked,
        start=None,
        note=failure,
        trouble=False,
        failed=bool(failure),
    )


def _asked(settings: Settings, job: GridJob) -> tuple[int | None, int | None]:
    """Slots and wall time in seconds that the user asked for, as far as GRAMi tells."""
    try:
        described = grami.read(job.file("grami"))
    except GramiError:
        return None, None
    return described.count, wall_time(described, settings.queue(described.queue or ""))


def _used(record: JobRecord | None, oar_state: str, now: float) -> int | None:
    if record is None or record.start_time is None or record.scheduled_start is not None:
        return None
    if has_ended(oar_state):
        return max(0, record.stop_time - record.start_time) if record.stop_time else None
    return max(0, int(now) - record.start_time)


def _note(job: GridJob, oar_state: str, record: JobRecord | None, now: float) -> tuple[str, bool]:
    """What there is to say of a job in OAR, and whether it is a trouble."""
    if job.local_id is None:
        return "A-REX has no OAR id for it", True
    if oar_state == UNKNOWN:
        return "OAR does not know this job", True
    state = state_of(oar_state)
    if oar_state and state is None:
        return f"OAR has it in the state {oar_state!r}, which nobody knows", True
    if has_ended(oar_state) and record is not None:
        late = now - (record.stop_time or now) > _PATIENCE
        waits = "scan has not reported it" if late else "scan is about to report it"
        return f"{verdict(record, {}).reason}; {waits}", late
    if job.state == CANCELING and now - job.status_time > _PATIENCE:
        return f"being cancelled for {_minutes(now - job.status_time)}", True
    if state in _STUCK:
        return _STUCK[state], True
    if record is None or state is None or state.published != "Q":
        return "", False
    never = any(words in record.message for words in _NEVER)
    return _ASKED.sub("", record.message), never and record.scheduled_start is None


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"


def span(seconds: int | None) -> str:
    """A wall time for people: h:mm:ss, or - for none."""
    if seconds is None:
        return "-"
    hours, minutes, rest = clock(seconds).split(":")
    return f"{hours}:{minutes:0>2}:{rest:0>2}"
