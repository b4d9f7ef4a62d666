"""Jobs that OAR resubmits by itself: their new job IDs, and whether one may come."""

from __future__ import annotations

import pytest

from arc_lrms_oar.oar.job_record import Event, JobRecord
from arc_lrms_oar.oar.outcome import Cause
from arc_lrms_oar.oar.successor import (
    RESUBMITTED,
    RETRIED,
    resubmission_may_be_silent,
    resubmission_may_come,
    resubmitted_to,
)

SPELLINGS = {
    "[NodeChangeState] Resubmiting job 12 => 34) (due to event PROLOGUE_ERROR)\n": 34,
    "Resubmiting job 12 => 34 (type idempotent & exit code = 99 & duration > 60s)": 34,
    "[bipbip 12] The job 12 is a besteffort and idempotent job so we resubmit it (new id = 34)": 34,
    "[bipbip 12] the job 12 is of the type 'idempotent' so we resubmit it (new id = 34": 34,
    "Resubmiting job 12 => ((0, ''), 34) (due to event LAUNCHING_OAREXEC_TIMEOUT)": 34,
    # OAR's own resubmission has failed: there is no such job.
    "[NodeChangeState] Resubmiting job 12 => 0) (due to event CPUSET_ERROR)": None,
    "[NodeChangeState] Resubmiting job 12 => -4) (due to event CPUSET_ERROR)": None,
    "so we resubmit it (new id = -2)": None,
    # Following it would never end.
    "[bipbip 12] so we resubmit it (new id = 12)": None,
    "[bipbip 12] so we resubmit it (new id = 7)": None,
    "Resubmiting job 12 => ((-3, 'not the right user'), 0) (due to event X)": None,
    "Resubmiting job 12": None,
    "": None,
}


@pytest.mark.parametrize(("text", "new_id"), SPELLINGS.items())
@pytest.mark.parametrize("state", ["Error", "Terminated"])
def test_new_job_id_in_every_spelling(text: str, new_id: int | None, state: str) -> None:
    record = JobRecord(12, state, events=(Event("RESUBMIT_JOB_AUTOMATICALLY", text),))
    assert resubmitted_to(record) == new_id


def test_last_resubmission_counts() -> None:
    events = (
        Event("RESUBMIT_JOB_AUTOMATICALLY", "(new id = 36)", 10, 9),
        Event("RESUBMIT_JOB_AUTOMATICALLY", "(new id = 34)", 10, 4),
        Event("RESUBMIT_JOB_AUTOMATICALLY", "(new id = -4)", 10, 12),
    )
    assert resubmitted_to(JobRecord(12, "Error", events=events)) == 36


def test_other_events_resubmit_nothing() -> None:
    events = (Event("PROLOGUE_ERROR", "(new id = 34)"), Event("FRAG_JOB_REQUEST", "=> 34"))
    assert resubmitted_to(JobRecord(12, "Error", events=events)) is None


EVENTS = sorted({event for cause in Cause for event in cause.events} - {RESUBMITTED})
NEVER_RETRIED = {
    *("SSH_TRANSFER_TIMEOUT", "BAD_HASHTABLE_DUMP", "EXIT_VALUE_OAREXEC", "EXTERMINATE_JOB"),
    *("RESERVATION_NO_NODE", "SERVER_EPILOGUE_ERROR", "SERVER_EPILOGUE_TIMEOUT"),
    *("SERVER_EPILOGUE_EXIT_CODE_ERROR", "SUSPEND_ERROR", "RESUME_ERROR", "RESUME_SCRIPT_ERROR"),
}


@pytest.mark.parametrize("event", EVENTS)
def test_resubmission_may_come_after_a_failed_launch(event: str) -> None:
    """OAR writes Error first; which events it retries is in its node_change_state."""
    fresh = JobRecord(7, "Error", events=(Event(event, "", 5),))
    retried = event in Cause.NODE.events - NEVER_RETRIED
    assert resubmission_may_come(fresh) == retried == (event in RETRIED)
    recorded = JobRecord(7, "Error", events=(*fresh.events, Event(RESUBMITTED, "=> -4")))
    assert not resubmission_may_come(recorded)


def test_resubmission_may_come_after_an_error_only() -> None:
    events = (Event("PROLOGUE_ERROR", ""),)
    assert resubmission_may_come(JobRecord(7, "Error", stop_time=1, events=events))
    for state in ("Terminated", "Running"):
        assert not resubmission_may_come(JobRecord(7, state, stop_time=1, events=events))


@pytest.mark.parametrize(
    ("state", "status", "may_be"),
    [("Terminated", 99 << 8, True), ("Terminated", 99, False), ("Terminated", 98 << 8, False),
     ("Error", 99 << 8, False), ("Terminated", None, False)],
)  # fmt: skip
def test_silent_resubmission_of_an_idempotent_job(
    state: str, status: int | None, may_be: bool
) -> None:
    assert resubmission_may_be_silent(JobRecord(7, state, status)) == may_be
