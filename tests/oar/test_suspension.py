"""The time for which a job was suspended, from the events that OAR 2 dates."""

from __future__ import annotations

import pytest
from oar.recorded import records

from arc_lrms_oar.oar.job_record import Event, JobRecord
from arc_lrms_oar.oar.suspension import suspended_time

HOLD, RESUME, ERROR = "HOLD_RUNNING_JOB", "RESUME_JOB", "SUSPEND_ERROR"


@pytest.mark.parametrize(
    ("events", "seconds"),
    [
        ((), 0),
        (((HOLD, 200), (RESUME, 250)), 50),
        (((HOLD, 200), (RESUME, 250), (HOLD, 300), (RESUME, 301)), 51),
        (((HOLD, 200),), 800),
        (((HOLD, 200), (ERROR, 203)), 3),
        (((HOLD, 10), (RESUME, 50)), 0),
        (((HOLD, 10), (RESUME, 110)), 10),
        (((HOLD, 200), (RESUME, 2000)), 800),
        (((RESUME, 200), (HOLD, 900)), 100),
        (((HOLD, 200), (HOLD, 300), (RESUME, 400)), 200),
        (((HOLD, None), (RESUME, None)), 0),
        ((("HOLD_WAITING_JOB", 200), (RESUME, 250)), 0),
    ],
)
def test_events(events: tuple[tuple[str, int | None], ...], seconds: int) -> None:
    made = tuple(Event(kind, "", date, number) for number, (kind, date) in enumerate(events))
    for ordered in (made, made[::-1]):
        record = JobRecord(
            7, "Error", start_time=100, stop_time=1000, cpuset="user_7", events=ordered
        )
        assert suspended_time(record) == seconds


def test_nothing_is_told() -> None:
    events = (Event(HOLD, "", 200, 1), Event(RESUME, "", 250, 2))
    for start, stop in ((100, None), (None, 300)):
        record = JobRecord(7, "Error", start_time=start, stop_time=stop, cpuset="x", events=events)
        assert suspended_time(record) == 0
    without = JobRecord(7, "Error", start_time=100, stop_time=300, events=events)
    assert suspended_time(without) == 0


def test_recorded_suspension() -> None:
    """Held before it started, then suspended for five seconds; the other versions tell nothing."""
    found = {
        asked.version: suspended_time(record)
        for asked, record in records()
        if asked.scenario == "suspend" and record.state == "Error"
    }
    assert found["2.5.9"] == 5
    assert found.get("3.0.2", 0) == 0
