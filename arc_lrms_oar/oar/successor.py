"""The job under which OAR has resubmitted a job by itself: its job ID, and whether it may come."""

from __future__ import annotations

import re

from arc_lrms_oar.oar.job_record import JobRecord
from arc_lrms_oar.oar.states import State

RESUBMITTED = "RESUBMIT_JOB_AUTOMATICALLY"
# After these events OAR 2 resubmits a job, 2.5.9 also after the two of the server's prologue (2.5
# `sources/core/modules/node_change_state.pl`, "Check if we must resubmit the job").
RETRIED = frozenset(
    {
        "PING_CHECKER_NODE_SUSPECTED",
        "CPUSET_ERROR",
        "PROLOGUE_ERROR",
        "CANNOT_WRITE_NODE_FILE",
        "CANNOT_WRITE_PID_FILE",
        "USER_SHELL",
        "CANNOT_CREATE_TMP_DIRECTORY",
        "LAUNCHING_OAREXEC_TIMEOUT",
        "SERVER_PROLOGUE_ERROR",
        "SERVER_PROLOGUE_TIMEOUT",
        "SERVER_PROLOGUE_EXIT_CODE_ERROR",
    }
)
# Seconds that OAR may need for it: 0.02 to 0.09 on an idle server.
RESUBMISSION_TIMEOUT = 30.0
# An idempotent job that exits with 99 is resubmitted if it ran for more seconds than this (OAR 3
# `oar/modules/node_change_state.py`; OAR 2 `sources/core/modules/node_change_state.pl`).
_SHORTEST = 60
_IDEMPOTENT_AGAIN = 99 << 8
_NEW_ID = r"(?:=>\s*|new id\s*=\s*)(?:\(\([^)]*\),\s*)?([1-9][0-9]{0,17})"


def resubmitted_to(record: JobRecord) -> int | None:
    """The job ID of the successor that an event names, in any of OAR's spellings, or None.

    It is always larger than the job's own, so that following successors comes to an end.
    """
    for event in sorted(record.events, key=lambda event: event.number, reverse=True):
        if event.kind == RESUBMITTED:
            match = re.search(_NEW_ID, event.text)
            if match and int(match[1]) > record.job_id:
                return int(match[1])
    return None


def resubmission_may_come(record: JobRecord) -> bool:
    """Whether OAR may show a successor within `RESUBMISSION_TIMEOUT` after the job's end.

    OAR 2 writes the state Error first, and the event with the new job ID later. OAR 3 lists a
    successor without an event only after it was scheduled (docs/internals/oar3.md#invisible-jobs).
    """
    kinds = {event.kind for event in record.events}
    if RESUBMITTED in kinds:
        return False
    if record.state == State.ERROR.word:
        return bool(kinds & RETRIED)
    return resubmission_may_be_silent(record) and _ran_long_enough(record)


def _ran_long_enough(record: JobRecord) -> bool:
    """Whether the job ran for the more than 60 s that OAR asks for (also 3, by its own clock)."""
    if record.start_time is None or record.stop_time is None:
        return True
    return record.stop_time - record.start_time > _SHORTEST


def resubmission_may_be_silent(record: JobRecord) -> bool:
    """Whether OAR 3 may have resubmitted the job without an event: an idempotent one."""
    return record.state == State.TERMINATED.word and record.exit_code == _IDEMPOTENT_AGAIN
