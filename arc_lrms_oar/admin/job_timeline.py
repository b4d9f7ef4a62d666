"""What happened to one job, in order of time: from A-REX's log, OAR's record and the job script."""

from __future__ import annotations

import calendar
import re
import time
from collections.abc import Iterable
from typing import NamedTuple

from arc_lrms_oar.arex import controldir
from arc_lrms_oar.arex.controldir import GridJob
from arc_lrms_oar.arex.diag import Diag
from arc_lrms_oar.arex.job_listing import ENDED
from arc_lrms_oar.oar.job_record import Event, JobRecord
from arc_lrms_oar.oar.states import State, state_of

ERRORS_LIMIT = 1 << 20

# The two line formats of a job's `errors` file: A-REX's state changes (UTC) and our scripts' log.
_STATE_CHANGE = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8})Z (.*)")
_LOG_LINE = re.compile(r"\[([0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8})\] \[[^]]*\] \[[A-Z]+\] (.*)")


class TimelineEntry(NamedTuple):
    """One event: seconds since 1970, the source that recorded it, and what happened."""

    time: float
    source: str
    text: str


def job_timeline(job: GridJob, diag: Diag, record: JobRecord | None) -> tuple[TimelineEntry, ...]:
    """All events of a grid job, by time; within one second each source keeps its own order."""
    entries = [*_arex_entries(job), *oar_timeline(record), *_script_entries(job, diag, record)]
    return _sorted(entries)


def oar_timeline(record: JobRecord | None) -> tuple[TimelineEntry, ...]:
    """The events in OAR's record that have a date, by time."""
    if record is None:
        return ()
    entries = [(record.submission_time, "submitted")]
    state = state_of(record.state)
    if record.scheduled_start is None:
        where = f" on {' '.join(record.nodes)}" if record.nodes else ""
        entries.append((record.start_time, f"started{where}"))
    if state is not None and (state.ended or state is State.FINISHING):
        status = "none" if record.exit_code is None else str(record.exit_code)
        entries.append((record.stop_time, f"ended: {record.state}, wait status {status}"))
    entries += [
        (event_time(event), f"{event.kind}: {event.text}")
        for event in sorted(record.events, key=lambda event: event.number)
    ]
    return _sorted(
        TimelineEntry(float(when), "OAR", text) for when, text in entries if when is not None
    )


def event_time(event: Event) -> int | None:
    """The event's time in seconds since 1970, or None; OAR 3's local time is read as ours."""
    if event.date is not None or not event.when:
        return event.date
    when = _parse_time(event.when[:19], "%Y-%m-%d %H:%M:%S", utc=False)
    return None if when is None else int(when)


def _sorted(entries: Iterable[TimelineEntry]) -> tuple[TimelineEntry, ...]:
    return tuple(sorted(entries, key=lambda entry: entry.time))


def _arex_entries(job: GridJob) -> list[TimelineEntry]:
    entries = []
    text = controldir.read_errors(job, ERRORS_LIMIT).decode("utf-8", "replace")
    for line in text.splitlines():
        change, logged = _STATE_CHANGE.match(line), _LOG_LINE.match(line)
        when = None
        if change:
            when = _parse_time(change[1], "%Y-%m-%dT%H:%M:%S", utc=True)
        elif logged:
            when = _parse_time(logged[1], "%Y-%m-%d %H:%M:%S", utc=False)
        match = change or logged
        if match and when is not None:
            what = match[2].removeprefix(f"{job.grid_id}: ").replace("Job state change ", "")
            entries.append(TimelineEntry(when, "A-REX", re.sub(r" {2,}Reason: ", ": ", what)))
    return entries or [TimelineEntry(job.status_time, "A-REX", job.state)]


def _script_entries(job: GridJob, diag: Diag, record: JobRecord | None) -> list[TimelineEntry]:
    """The job script's own times; once the job has ended, OAR's times replace them in the diag."""
    if job.state in ENDED and record is not None:
        return []
    entries = []
    for key, what in (("lrmsstarttime", "started"), ("lrmsendtime", "ended")):
        when = _parse_time(diag.values.get(key, ""), "%Y%m%d%H%M%SZ", utc=True)
        if when is not None:
            entries.append(TimelineEntry(when, "script", what))
    return entries


def _parse_time(text: str, form: str, *, utc: bool) -> float | None:
    try:
        parts = time.strptime(text, form)
        return float(calendar.timegm(parts)) if utc else time.mktime(parts)
    except (ValueError, OverflowError):
        return None
