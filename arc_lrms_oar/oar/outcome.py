"""How an ended job ended: the one table from OAR's words to a code and a sentence.

Pure. Only `Terminated` with exit code 0 gives 0. An `Error` never does, and its code is above 255,
so that it cannot be the exit code that a user has declared to be success.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Mapping
from typing import NamedTuple

from arc_lrms_oar.oar.job_record import Event, JobRecord
from arc_lrms_oar.oar.states import State

KILLED = 256 + signal.SIGKILL
NO_EXIT_CODE = 512

_SIGNAL_BASE = 256
_RESUBMITTED = "RESUBMIT_JOB_AUTOMATICALLY"
_IDEMPOTENT_AGAIN = 99 << 8
# After these OAR 2 submits a job again (2.5.9 also after the two of the server's prologue): 2.5
# `sources/core/modules/node_change_state.pl`, "Check if we must resubmit the job".
_RETRIED = frozenset(
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
# How long OAR may take over it: it takes 20 to 90 ms on an idle server.
_RETRY_PATIENCE = 30.0
_BY_WHOM = re.compile(r"User (\S+) requested to frag")
# What a shell's exit code looks like, in a file that the user can write.
_EXIT_CODE = re.compile("[0-9]{1,3}")
_NEW_ID = re.compile(r"(?:=>\s*|new id\s*=\s*)(?:\(\([^)]*\),\s*)?([1-9][0-9]{0,17})")


class Verdict(NamedTuple):
    """A job's end: `code` as lrms_done takes it (0 is success), `reason` for the grid user.

    `kind` is one word for counting, the same for all jobs that ended alike.
    """

    code: int
    reason: str
    kind: str


class Cause(NamedTuple):
    """A line of the table: the events that tell this cause, and what it means for the job."""

    kind: str
    code: int
    events: frozenset[str]
    reason: str


# In order of precedence; FRAG_JOB_REQUEST is written for every kill, so it comes last
# (docs/internals/oar.md#precedence-of-events, and OAR 2.5
# `sources/core/modules/node_change_state.pl`).
CAUSES = (
    Cause(
        "resubmitted",
        NO_EXIT_CODE,
        frozenset({_RESUBMITTED}),
        "OAR gave up this job and submitted it again as OAR job {follower}",
    ),
    Cause(
        "walltime",
        KILLED,
        frozenset({"WALLTIME"}),
        "Job exceeded its walltime{limit} and was killed",
    ),
    Cause(
        "preempted",
        KILLED,
        frozenset({"BESTEFFORT_KILL"}),
        "Job ran as best-effort and was killed to make room for another job",
    ),
    Cause(
        "node",
        NO_EXIT_CODE,
        _RETRIED
        | frozenset(
            {
                "SSH_TRANSFER_TIMEOUT",
                "BAD_HASHTABLE_DUMP",
                "EXIT_VALUE_OAREXEC",
                "EXTERMINATE_JOB",
                "RESERVATION_NO_NODE",
                "SERVER_EPILOGUE_ERROR",
                "SERVER_EPILOGUE_TIMEOUT",
                "SERVER_EPILOGUE_EXIT_CODE_ERROR",
            }
        ),
        "Job was lost to trouble on its nodes ({event}); this is not the job's fault",
    ),
    Cause(
        "directory",
        NO_EXIT_CODE,
        frozenset({"WORKING_DIRECTORY", "WORKING_DIRECTOR"}),
        "The session directory could not be used on the node",
    ),
    Cause(
        "output",
        NO_EXIT_CODE,
        frozenset({"OUTPUT_FILES"}),
        "The output files could not be written on the node",
    ),
    Cause(
        "forced",
        NO_EXIT_CODE,
        frozenset({"FORCE_TERMINATE_FINISHING_JOB"}),
        "OAR ended the job by force because its node did not report its end",
    ),
    Cause("deleted", KILLED, frozenset({"FRAG_JOB_REQUEST"}), "Job was deleted in OAR{whom}"),
)

# Every word that a Verdict's `kind` can be.
KINDS = (
    *("success", "exit_code", "signal", "no_exit_code", "error", "lost"),
    *(cause.kind for cause in CAUSES),
)

CAUSE_OF = {event: (rank, cause) for rank, cause in enumerate(CAUSES) for event in cause.events}


def verdict(record: JobRecord, diag: Mapping[str, str]) -> Verdict:
    """How the ended job of `record` ended; `diag` is what its own script had noted.

    Raises ValueError for a job that has not ended.
    """
    if record.state == State.TERMINATED.word:
        return _terminated(record)
    if record.state == State.ERROR.word:
        return _error(record, diag)
    raise ValueError(f"job {record.job_id} has not ended: {record.state}")


def _terminated(record: JobRecord) -> Verdict:
    status = record.exit_code
    if status is None:
        return Verdict(NO_EXIT_CODE, "OAR does not know the job's exit code", "no_exit_code")
    if status == 0:
        return Verdict(0, "Job finished with exit code 0", "success")
    number = status & 0x7F
    if number:
        return Verdict(_SIGNAL_BASE + number, f"Job was killed by {_signal_name(number)}", "signal")
    code = (status >> 8) & 0xFF
    reason = f"Job finished with exit code {code}"
    if code > 128 and code - 128 in _SIGNALS:
        reason += f", which means that it was killed by {_signal_name(code - 128)}"
    return Verdict(code or NO_EXIT_CODE, reason, "exit_code")


_SIGNALS = {int(number) for number in signal.Signals}


def _signal_name(number: int) -> str:
    name = signal.Signals(number).name if number in _SIGNALS else "unknown"
    return f"signal {number} ({name})"


def _error(record: JobRecord, diag: Mapping[str, str]) -> Verdict:
    follower = resubmitted_to(record)
    found = [
        (*CAUSE_OF[event.kind], event)
        for event in record.events
        if event.kind in CAUSE_OF and (follower is not None or event.kind != _RESUBMITTED)
    ]
    if not found:
        message = f": {record.message}" if record.message else ""
        ended = ", although its script had ended" if diag.get("exitcode") else ""
        return Verdict(NO_EXIT_CODE, f"OAR ended the job with an error{ended}{message}", "error")
    _, cause, event = min(found, key=lambda row: (row[0], row[2].number))
    return Verdict(cause.code, _sentence(cause, event, record), cause.kind)


def _sentence(cause: Cause, event: Event, record: JobRecord) -> str:
    whom = _BY_WHOM.search(event.text)
    return cause.reason.format(
        event=event.kind,
        follower=resubmitted_to(record),
        limit=f" of {_clock(record.wall_time)}" if record.wall_time else "",
        whom=f" by user {whom[1]}" if whom else "",
    )


def _clock(seconds: int) -> str:
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def resubmitted_to(record: JobRecord) -> int | None:
    """The id under which OAR has submitted the job again by itself, in any of its spellings.

    It is above the job's own, so that who follows from job to job comes to an end.
    """
    for event in sorted(record.events, key=lambda event: event.number, reverse=True):
        if event.kind == _RESUBMITTED:
            match = _NEW_ID.search(event.text)
            if match and int(match[1]) > record.job_id:
                return int(match[1])
    return None


def resubmission_may_come(record: JobRecord, now: float) -> bool:
    """Whether OAR may be about to submit the job again, at the time `now` (s since 1970).

    OAR 2 writes Error first, and only then the event that tells the new id.
    """
    kinds = {event.kind for event in record.events}
    if record.state != State.ERROR.word or _RESUBMITTED in kinds or not kinds & _RETRIED:
        return False
    moments = [record.stop_time, *(event.date for event in record.events)]
    return any(moment and abs(now - moment) < _RETRY_PATIENCE for moment in moments)


def resubmission_may_be_silent(record: JobRecord) -> bool:
    """Whether OAR 3 may have submitted the job again without an event: an idempotent one."""
    return record.state == State.TERMINATED.word and record.exit_code == _IDEMPOTENT_AGAIN


def verdict_of_deleted(follower: int) -> Verdict:
    """The end of a job that OAR has submitted again as `follower`, which the site has deleted."""
    reason = (
        f"OAR gave up the job and submitted it again as OAR job {follower}, which was deleted, "
        "since this site lets no job run a second time"
    )
    return Verdict(NO_EXIT_CODE, reason, "resubmitted")


def verdict_of_lost(diag: Mapping[str, str]) -> Verdict:
    """The end of a job that OAR no longer knows: what its own script has noted, or lost."""
    code = diag.get("exitcode", "")
    if not _EXIT_CODE.fullmatch(code) or int(code) > 255 or "lrmsendtime" not in diag:
        return Verdict(NO_EXIT_CODE, "Job is lost: OAR does not know it any more", "lost")
    if int(code) == 0:
        return Verdict(0, "Job finished with exit code 0, then OAR forgot it", "success")
    return Verdict(int(code), f"Job finished with exit code {int(code)}", "exit_code")
