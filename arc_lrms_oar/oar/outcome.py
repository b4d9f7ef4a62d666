"""How an ended job ended: from OAR's record to a code and a sentence. Pure.

`Cause` is the one table of causes. Which event types mean what, in each version of OAR, is listed
in docs/internals/oar-events.md. Only a job that has started, in `Terminated` with exit code 0,
gives the code 0. An `Error` always gives a code above 255, so that no exit code that the user has
declared as success matches.
"""

from __future__ import annotations

import enum
import re
import signal
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from arc_lrms_oar.oar.deletion import requesting_user
from arc_lrms_oar.oar.job_record import Event, JobRecord
from arc_lrms_oar.oar.states import State
from arc_lrms_oar.oar.successor import RESUBMITTED, RETRIED, resubmitted_to
from arc_lrms_oar.oar.suspension import is_suspended

_SIGNAL_BASE = 256
KILLED_CODE = _SIGNAL_BASE + signal.SIGKILL
ERROR_CODE = 512
_EXTERMINATED = "EXTERMINATE_JOB"
_KILL_SENT = "SEND_KILL_JOB"


class Cause(enum.Enum):
    """Why a job ended, in order of precedence.

    `label` is the word for it in the metrics. `code` is what A-REX gets, None where it is the
    program's own. `events` are the event types that show the cause of an `Error`. `sentence` is
    for the grid user; the names in braces are filled in by this module.
    """

    SUCCESS = ("success", 0, "", "Job finished with exit code 0")
    EXIT_CODE = ("exit_code", None, "", "Job finished with exit code {code}")
    SIGNAL = ("signal", None, "", "Job was killed by {signal}")
    MEMORY = (
        "memory",
        None,
        "",
        "{outcome}; it had reached its memory limit{limit}, and the kernel killed {processes}",
    )
    CHECKPOINTED = (
        "checkpointed",
        None,
        "",
        "{outcome}; OAR had sent it the checkpoint signal to make room for another job",
    )
    NOT_RUN = (
        "noop",
        ERROR_CODE,
        "",
        "OAR did not run the program, because the job has the type noop{why}",
    )
    NO_EXIT_CODE = ("no_exit_code", ERROR_CODE, "", "OAR does not know the job's exit code{why}")
    RESUBMITTED = (
        "resubmitted",
        ERROR_CODE,
        RESUBMITTED,
        "OAR gave up this job and submitted it again as OAR job {successor}",
    )
    # The type is also that of a change of the wall time: see `_cause_of`.
    WALLTIME = (
        "walltime",
        KILLED_CODE,
        "WALLTIME",
        "Job exceeded its walltime{limit} and was killed",
    )
    PREEMPTED = (
        "preempted",
        KILLED_CODE,
        "BESTEFFORT_KILL",
        "Job ran as best-effort and was killed to make room for another job",
    )
    NODE = (
        "node",
        ERROR_CODE,
        " ".join(
            [
                *sorted(RETRIED),
                *("SSH_TRANSFER_TIMEOUT", "BAD_HASHTABLE_DUMP", "EXIT_VALUE_OAREXEC"),
                *("SUSPEND_ERROR", "RESUME_ERROR", "RESUME_SCRIPT_ERROR", "RESERVATION_NO_NODE"),
                *("SERVER_EPILOGUE_ERROR", "SERVER_EPILOGUE_TIMEOUT"),
                *("SERVER_EPILOGUE_EXIT_CODE_ERROR", _EXTERMINATED),
            ]
        ),
        "Job was lost to a failure of its nodes ({event}); this is not the job's fault",
    )
    DIRECTORY = (
        "directory",
        ERROR_CODE,
        "WORKING_DIRECTORY WORKING_DIRECTOR",
        "The session directory could not be used on the node",
    )
    OUTPUT = (
        "output",
        ERROR_CODE,
        "OUTPUT_FILES",
        "The output files could not be written on the node",
    )
    FORCED = (
        "forced",
        ERROR_CODE,
        "FORCE_TERMINATE_FINISHING_JOB",
        "OAR ended the job by force because its node did not report its end",
    )
    # The type is that of every kill, so it comes after all others.
    DELETED = ("deleted", KILLED_CODE, "FRAG_JOB_REQUEST", "Job was deleted in OAR{whom}")
    ERROR = ("error", ERROR_CODE, "", "OAR ended the job with an error{message}")
    LOST = ("lost", ERROR_CODE, "", "Job is lost: OAR does not know it any more")
    # The sentence is the reason that submission has left.
    NOT_SUBMITTED = ("not_submitted", ERROR_CODE, "", "{reason}")

    def __init__(self, label: str, code: int | None, events: str, sentence: str) -> None:
        self.label = label
        self.code = code
        self.events = frozenset(events.split())
        self.sentence = sentence


_RANK = {cause: rank for rank, cause in enumerate(Cause)}
_CAUSE_OF_TYPE = {event_type: cause for cause in Cause for event_type in cause.events}
_SIGNALS = {int(number) for number in signal.Signals}

# Text of a WALLTIME event of `oarwalltime` (2.5 and 2.6 `modules/scheduler/oar_meta_sched`, OAR 3
# `oar/kao/walltime_change.py`).
_WALL_TIME_CHANGED = r"(?i)\s*walltime changed"
# Text of one at the end of the wall time, in seconds: "… with 60; …", 2.6 "… walltime:60 > …".
_WALL_TIME = r"\b(?:with |walltime:)([0-9]{1,9})\b"
# Text of a FRAG_JOB_REQUEST of an inner job (2.5 and 2.6 `lib/OAR/IO.pm`, frag_inner_jobs).
_CONTAINER = r"Container job ([0-9]{1,18}) was fragged"
# The event by which the scheduler notes the checkpoint signal that it sends to a best-effort job
# before it kills it (2.5 and 2.6 `modules/scheduler/oar_meta_sched`; OAR 3 writes none).
_CHECKPOINT = "CHECKPOINT"
_BY_SCHEDULER = "(metasched) requested a checkpoint"
_EXIT_CODE = "[0-9]{1,3}"


class Outcome(NamedTuple):
    """A job's end: `code` as lrms_done takes it (0 is success), `reason` for the grid user."""

    code: int
    reason: str
    cause: Cause


def outcome_of(record: JobRecord) -> Outcome:
    """How the ended job of `record` ended, from OAR's record alone.

    Raises ValueError for a job that has not ended.
    """
    if record.state == State.TERMINATED.word:
        return _terminated(record)
    if record.state == State.ERROR.word:
        return _error(record)
    raise ValueError(f"job {record.job_id} has not ended: {record.state}")


def outcome_of_lost(diag: Mapping[str, str]) -> Outcome:
    """How a job that OAR no longer knows ended: from the job script's `diag`, or lost."""
    code = diag.get("exitcode", "")
    if not re.fullmatch(_EXIT_CODE, code) or int(code) > 255 or "lrmsendtime" not in diag:
        return _outcome(Cause.LOST)
    if int(code) == 0:
        return Outcome(0, f"{Cause.SUCCESS.sentence}, then OAR forgot it", Cause.SUCCESS)
    return _outcome(Cause.EXIT_CODE, int(code), code=int(code))


def outcome_of_failed_submission(reason: str) -> Outcome:
    """How a job ended that has no OAR job, because its submission failed."""
    return _outcome(Cause.NOT_SUBMITTED, reason=reason)


def outcome_of_deleted_successor(successor: int) -> Outcome:
    """How a job ended that OAR has resubmitted as `successor`, which the site has deleted."""
    reason = (
        f"OAR gave up the job and submitted it again as OAR job {successor}, which was deleted, "
        "since this site lets no job run a second time"
    )
    return Outcome(ERROR_CODE, reason, Cause.RESUBMITTED)


def with_memory_kills(outcome: Outcome, kills: tuple[int, int | None] | None) -> Outcome:
    """The outcome of a failed job that has reached its memory limit, with that in its reason.

    The kernel then kills processes of the job: `kills` are their number and the limit in MB, and
    None if there were none. They come from the job's own diag (`Diag.out_of_memory`), which its
    user can write, so the code remains that of OAR.
    """
    if outcome.code == 0 or kills is None:
        return outcome
    number, limit = kills
    reason = Cause.MEMORY.sentence.format(
        outcome=outcome.reason,
        limit=f" of {limit} MB" if limit else "",
        processes="a process of it" if number == 1 else f"{number} of its processes",
    )
    own = outcome.cause in (Cause.EXIT_CODE, Cause.SIGNAL)
    return Outcome(outcome.code, reason, Cause.MEMORY if own else outcome.cause)


def cause_events(record: JobRecord) -> list[Event]:
    """The events that show why OAR ended the job with an error, the decisive one first."""
    return [event for _, event in _causes(record)]


def _outcome(cause: Cause, own_code: int = ERROR_CODE, **values: object) -> Outcome:
    code = own_code if cause.code is None else cause.code
    return Outcome(code, cause.sentence.format(**values), cause)


def _terminated(record: JobRecord) -> Outcome:
    status = record.exit_code
    if status == 0 and record.start_time is None:
        # The end of another job that had this ID before a dump was restored (oar.md, "Server").
        status = None
    if status is None:
        return _outcome(Cause.NOT_RUN if record.is_noop else Cause.NO_EXIT_CODE, why=_why(record))
    if status == 0:
        return _outcome(Cause.SUCCESS)
    found = _failed(status)
    if any(e.kind == _CHECKPOINT and _BY_SCHEDULER in e.text for e in record.events):
        return _outcome(Cause.CHECKPOINTED, found.code, outcome=found.reason)
    return found


def _failed(status: int) -> Outcome:
    """How a program ended whose wait status is not 0."""
    number = status & 0x7F
    if number:
        return _outcome(Cause.SIGNAL, _SIGNAL_BASE + number, signal=_signal_name(number))
    code = (status >> 8) & 0xFF
    found = _outcome(Cause.EXIT_CODE, code or ERROR_CODE, code=code)
    if code > 128 and code - 128 in _SIGNALS:
        reason = f"{found.reason}, which means that it was killed by {_signal_name(code - 128)}"
        return found._replace(reason=reason)
    return found


def _why(record: JobRecord) -> str:
    """The cause that the events of a job without an exit code show, as a clause."""
    for cause, event in _causes(record):
        sentence = _sentence(cause, event, record)
        return f": {sentence[0].lower()}{sentence[1:]}"
    return ""


def _signal_name(number: int) -> str:
    name = signal.Signals(number).name if number in _SIGNALS else "unknown"
    return f"signal {number} ({name})"


def _error(record: JobRecord) -> Outcome:
    for cause, event in _causes(record):
        assert cause.code is not None
        return Outcome(cause.code, _sentence(cause, event, record), cause)
    return _outcome(Cause.ERROR, message=f": {record.message}" if record.message else "")


def _causes(record: JobRecord) -> list[tuple[Cause, Event]]:
    """The causes of an error with the events that show them, the decisive one first.

    What happens after OAR has sent the kill signal is a consequence of the kill, except for a
    resubmission. An extermination follows a kill that was not confirmed within minutes, and counts
    where nothing else does.
    """
    ordered = sorted(record.events, key=lambda event: event.number)
    kinds = [event.kind for event in ordered]
    before_kill = ordered[: kinds.index(_KILL_SENT)] if _KILL_SENT in kinds else ordered
    after_kill = [event for event in ordered[len(before_kill) :] if event.kind == RESUBMITTED]
    found = list(_with_causes(record, [*before_kill, *after_kill]))
    if not found:
        found = list(_with_causes(record, ordered))
    requests = [row for row in found if row[1].kind != _EXTERMINATED]
    return sorted(requests or found, key=lambda row: (_RANK[row[0]], row[1].number))


def _with_causes(record: JobRecord, events: list[Event]) -> Iterator[tuple[Cause, Event]]:
    for event in events:
        cause = _CAUSE_OF_TYPE.get(event.kind)
        if cause is Cause.RESUBMITTED and resubmitted_to(record) is None:
            continue
        if cause is Cause.WALLTIME and re.match(_WALL_TIME_CHANGED, event.text):
            continue
        if cause is not None:
            yield cause, event


def _sentence(cause: Cause, event: Event, record: JobRecord) -> str:
    at_end = re.search(_WALL_TIME, event.text)
    seconds = int(at_end[1]) if at_end else record.wall_time
    user = requesting_user(event)
    container = re.search(_CONTAINER, event.text)
    if container:
        whom = f" because its container, OAR job {container[1]}, was deleted"
    else:
        whom = f" by user {user}" if user else ""
    sentence = cause.sentence.format(
        event=event.kind,
        successor=resubmitted_to(record),
        limit=f" of {_clock(seconds)}" if seconds else "",
        whom=whom,
    )
    if event.kind != _EXTERMINATED and any(e.kind == _EXTERMINATED for e in record.events):
        why = "it was suspended" if is_suspended(record) else "its node did not answer"
        sentence += f"; OAR ended it by force, because {why}"
    return sentence


def _clock(seconds: int) -> str:
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
