"""How jobs end: every event of OAR's source, recorded or not."""

from __future__ import annotations

import json
import signal
from collections.abc import Sequence

import pytest
from oar.recorded import FIXTURES

from arc_lrms_oar.oar.job_record import Event, JobRecord
from arc_lrms_oar.oar.outcome import (
    ERROR_CODE,
    KILLED_CODE,
    Cause,
    Outcome,
    cause_events,
    outcome_of,
    outcome_of_deleted_successor,
    outcome_of_lost,
    with_memory_kills,
)
from arc_lrms_oar.oar.states import BY_WORD
from arc_lrms_oar.oar.successor import RESUBMITTED

# ---- Terminated --------------------------------------------------------------------------------


def terminated(status: int | None, *events: str) -> JobRecord:
    made = tuple(Event(x, "") for x in events)
    return JobRecord(7, "Terminated", status, start_time=1_700_000_000, events=made)


def error(*events: str | Event, status: int | None = None, message: str = "") -> JobRecord:
    """A job in Error with events in this order."""
    made = tuple(
        Event(event, "=> 34" if event == RESUBMITTED else "", None, number)
        if isinstance(event, str)
        else event
        for number, event in enumerate(events)
    )
    return JobRecord(7, "Error", status, message=message, events=made, wall_time=3600)


def test_each_exit_code() -> None:
    signals = {int(number) for number in signal.Signals}
    for code in range(256):
        found = outcome_of(terminated(code << 8))
        assert found.code == code
        assert found.cause is (Cause.SUCCESS if code == 0 else Cause.EXIT_CODE)
        assert found.reason.startswith(f"Job finished with exit code {code}")
        # What a shell makes of a signal, said so that a grid user understands it.
        died = code > 128 and code - 128 in signals
        assert ("killed by signal" in found.reason) == died


def test_job_that_never_started_has_not_succeeded() -> None:
    """OAR may note the end of an earlier job with this ID: docs/internals/oar.md."""
    found = outcome_of(JobRecord(7, "Terminated", 0))
    assert (found.code, found.cause) == (ERROR_CODE, Cause.NO_EXIT_CODE)
    assert outcome_of(JobRecord(7, "Terminated", 3 << 8)).code == 3


@pytest.mark.parametrize("core", [0, 128])
def test_each_signal(core: int) -> None:
    for number in range(1, 65):
        found = outcome_of(terminated(number | core))
        assert found.code == 256 + number
        assert found.cause is Cause.SIGNAL
        assert f"signal {number} (" in found.reason


def test_signals_have_names() -> None:
    assert "SIGXCPU" in outcome_of(terminated(signal.SIGXCPU)).reason
    assert outcome_of(terminated(127)).code == 256 + 127


def test_no_exit_code_is_no_success() -> None:
    found = outcome_of(terminated(None))
    assert found == (512, "OAR does not know the job's exit code", Cause.NO_EXIT_CODE)


NOOP = {
    "OAR 2": {"types": ("noop",), "message": "NOOP job killed by Leon"},
    "OAR 2, before its scheduler's next round": {"types": ("besteffort", "noop")},
    "without types": {"message": "NOOP job killed by Leon"},
}


@pytest.mark.parametrize("case", NOOP)
def test_job_that_occupies_its_resources_and_runs_nothing(case: str) -> None:
    record = JobRecord(7, "Terminated", wall_time=300, **NOOP[case])  # type: ignore[arg-type]
    sentence = "OAR did not run the program, because the job has the type noop"
    assert outcome_of(record) == (512, sentence, Cause.NOT_RUN)
    deleted = record._replace(events=(BY_ALICE,))
    assert outcome_of(deleted).reason == f"{sentence}: job was deleted in OAR by user alice"
    reached = record._replace(events=(Event("WALLTIME", "", None, 1), BY_ALICE))
    assert outcome_of(reached).reason == (
        f"{sentence}: job exceeded its walltime of 0:05:00 and was killed"
    )


def test_deletion_of_a_job_without_exit_code() -> None:
    """OAR 3 shows no job types."""
    found = outcome_of(terminated(None)._replace(events=(BY_ALICE,)))
    assert found.cause is Cause.NO_EXIT_CODE
    assert found.reason == (
        "OAR does not know the job's exit code: job was deleted in OAR by user alice"
    )


@pytest.mark.parametrize("status", [-1, 128, 1 << 16, 1 << 40, -(1 << 40), 10**30, 255 << 16])
def test_no_odd_status_is_a_success(status: int) -> None:
    assert 0 < outcome_of(terminated(status)).code <= 512


def test_only_sixteen_bits_are_a_status() -> None:
    assert outcome_of(terminated((1 << 16) | (3 << 8))).code == 3


@pytest.mark.parametrize(
    "events", [("EPILOGUE_ERROR",), ("CPUSET_CLEAN_ERROR",), ("FRAG_JOB_REQUEST",), ("WALLTIME",)]
)
def test_events_do_not_matter_to_a_terminated_job(events: Sequence[str]) -> None:
    """The node's epilogue failed, or somebody deleted it after its end: the job itself was fine."""
    assert outcome_of(terminated(0, *events)).code == 0
    assert outcome_of(terminated(3 << 8, *events)).code == 3


# ---- Error -------------------------------------------------------------------------------------

NODE = (
    *("PING_CHECKER_NODE_SUSPECTED", "CPUSET_ERROR", "PROLOGUE_ERROR", "CANNOT_WRITE_NODE_FILE"),
    *("CANNOT_WRITE_PID_FILE", "USER_SHELL", "CANNOT_CREATE_TMP_DIRECTORY"),
    *("LAUNCHING_OAREXEC_TIMEOUT", "SSH_TRANSFER_TIMEOUT", "BAD_HASHTABLE_DUMP"),
    *("EXIT_VALUE_OAREXEC", "EXTERMINATE_JOB", "RESERVATION_NO_NODE"),
    *("SUSPEND_ERROR", "RESUME_ERROR", "RESUME_SCRIPT_ERROR"),
    *("SERVER_PROLOGUE_TIMEOUT", "SERVER_PROLOGUE_EXIT_CODE_ERROR", "SERVER_PROLOGUE_ERROR"),
    *("SERVER_EPILOGUE_TIMEOUT", "SERVER_EPILOGUE_EXIT_CODE_ERROR", "SERVER_EPILOGUE_ERROR"),
)
# Each event that ends a job, as OAR's source has them.
CAUSE_OF_EVENT = {
    RESUBMITTED: Cause.RESUBMITTED,
    "WALLTIME": Cause.WALLTIME,
    "BESTEFFORT_KILL": Cause.PREEMPTED,
    **dict.fromkeys(NODE, Cause.NODE),
    "WORKING_DIRECTORY": Cause.DIRECTORY,
    "WORKING_DIRECTOR": Cause.DIRECTORY,
    "OUTPUT_FILES": Cause.OUTPUT,
    "FORCE_TERMINATE_FINISHING_JOB": Cause.FORCED,
    "FRAG_JOB_REQUEST": Cause.DELETED,
}
# The codes and labels that A-REX and the metrics get; they must not change.
CODES = {
    *((Cause.SUCCESS, 0, "success"), (Cause.EXIT_CODE, None, "exit_code")),
    *((Cause.SIGNAL, None, "signal"), (Cause.MEMORY, None, "memory")),
    (Cause.CHECKPOINTED, None, "checkpointed"),
    (Cause.NOT_RUN, 512, "noop"),
    *((Cause.NO_EXIT_CODE, 512, "no_exit_code"), (Cause.RESUBMITTED, 512, "resubmitted")),
    *((Cause.WALLTIME, 265, "walltime"), (Cause.PREEMPTED, 265, "preempted")),
    *((Cause.NODE, 512, "node"), (Cause.DIRECTORY, 512, "directory")),
    *((Cause.OUTPUT, 512, "output"), (Cause.FORCED, 512, "forced")),
    *((Cause.DELETED, 265, "deleted"), (Cause.ERROR, 512, "error"), (Cause.LOST, 512, "lost")),
    (Cause.NOT_SUBMITTED, 512, "not_submitted"),
}
PRECEDENCE = [
    *(Cause.RESUBMITTED, Cause.WALLTIME, Cause.PREEMPTED, Cause.NODE, Cause.DIRECTORY),
    *(Cause.OUTPUT, Cause.FORCED, Cause.DELETED),
]
# Written along with the others; they show no cause.
COMPANIONS = ("SWITCH_INTO_ERROR_STATE", "SCHEDULER_PRIORITY_UPDATED_STOP")
KILL_SENT = "SEND_KILL_JOB"
BY_ALICE = Event("FRAG_JOB_REQUEST", "User alice requested to frag the job 7", None, 5)
DELETED_BY_ALICE = "Job was deleted in OAR by user alice"


def test_table_of_causes() -> None:
    assert {(cause, cause.code, cause.label) for cause in Cause} == CODES
    assert {event: cause for cause in Cause for event in cause.events} == CAUSE_OF_EVENT
    assert [cause for cause in Cause if cause.events] == PRECEDENCE
    assert (KILLED_CODE, ERROR_CODE) == (265, 512)


@pytest.mark.parametrize("event", CAUSE_OF_EVENT)
def test_each_event(event: str) -> None:
    """Whatever the exit code: an Error is no success and has no exit code of the job."""
    for status in (None, 0, 3 << 8, 9):
        found = outcome_of(error(event, *COMPANIONS, KILL_SENT, status=status))
        assert found.cause is CAUSE_OF_EVENT[event]
        assert found.code == found.cause.code
        assert found.code > 255


SOURCE = json.loads((FIXTURES / "event_types.json").read_text())
ALL_TYPES = sorted({name for names in SOURCE.values() for name in names})


@pytest.mark.parametrize("name", [name for name in ALL_TYPES if name not in CAUSE_OF_EVENT])
def test_events_that_show_no_cause(name: str) -> None:
    """All other types of all versions (docs/internals/oar-events.md)."""
    event = Event(name.replace("*", "X"), "User alice requested", None, 1)
    found = outcome_of(error(event, message="a message"))
    assert found == (512, "OAR ended the job with an error: a message", Cause.ERROR)
    assert outcome_of(error(event, BY_ALICE)) == (265, DELETED_BY_ALICE, Cause.DELETED)
    assert outcome_of(terminated(0)._replace(events=(event,))).code == 0


@pytest.mark.parametrize("first", CAUSE_OF_EVENT)
def test_precedence_of_two_events(first: str) -> None:
    for second in CAUSE_OF_EVENT:
        others = [event for event in (first, second) if event != "EXTERMINATE_JOB"]
        causes = [CAUSE_OF_EVENT[event] for event in others or [first]]
        expected = min(causes, key=PRECEDENCE.index)
        assert outcome_of(error(first, second)).cause is expected, second
        assert outcome_of(error(second, *COMPANIONS, first)).cause is expected, second


def test_first_of_two_events_of_one_cause_is_named() -> None:
    """OAR prints events in no order at all; their numbers have one."""
    late = Event("CPUSET_ERROR", "", 10, 9)
    early = Event("PROLOGUE_ERROR", "", 10, 4)
    assert "(PROLOGUE_ERROR)" in outcome_of(error(late, early)).reason


@pytest.mark.parametrize("event", [event for event in CAUSE_OF_EVENT if event != RESUBMITTED])
def test_events_after_the_kill_are_its_consequences(event: str) -> None:
    """A job that its user deletes while it is launched loses its connection, for example."""
    kill = Event(KILL_SENT, "", None, 6)
    found = outcome_of(error(Event(event, "", None, 7), kill, BY_ALICE))
    assert found.cause is Cause.DELETED
    assert found.reason.startswith(DELETED_BY_ALICE)
    assert outcome_of(error(kill, Event(event, "", None, 7))).cause is CAUSE_OF_EVENT[event]


def test_resubmission_after_the_kill_counts() -> None:
    """A best-effort job that is idempotent: killed, then resubmitted."""
    events = (
        Event("BESTEFFORT_KILL", "", None, 1),
        Event(KILL_SENT, "", None, 2),
        Event(RESUBMITTED, "(new id = 34)", None, 3),
    )
    assert outcome_of(error(*events)).cause is Cause.RESUBMITTED


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("User griduser requested to frag the job 7", "Job was deleted in OAR by user griduser"),
        ("User oar requested to frag the job 7", "Job was deleted in OAR by user oar"),
        (
            "Container job 4 was fragged, frag inner job",
            "Job was deleted in OAR because its container, OAR job 4, was deleted",
        ),
        ("", "Job was deleted in OAR"),
        ("something else", "Job was deleted in OAR"),
    ],
)
def test_who_deleted_it(text: str, reason: str) -> None:
    found = outcome_of(error(Event("FRAG_JOB_REQUEST", text)))
    assert found == Outcome(265, reason, Cause.DELETED)


# ---- a wall time that was reached or changed ----------------------------------------------------

# As recorded, in 2.5, 2.6 and 3; the last is from an unknown version.
REACHED = {
    "[sarko] Job [29] from 1795261574 with 20; current time=1795261598 (Elapsed)": " of 0:00:20",
    "Job [43] reached its walltime (start: 1795249893 + walltime:20 > current time: 1795249920)": (
        " of 0:00:20"
    ),
    "Job: 5 from 1795646204 with 60; current time=1795646302 (Elapsed)": " of 0:01:00",
    "": " of 1:00:00",
}
CHANGED = (
    " walltime changed: 0:11:0 (granted: +0:1:0/pending: 0:0:0)",
    "Walltime changed: 0:11:0 (granted: +0:1:0/pending: 0:0:0/timeout: 0:0:0)",
    "walltime changed: 660 (granted: 60/pending: 0)",
)


@pytest.mark.parametrize(("text", "limit"), REACHED.items())
def test_wall_time_that_was_reached(text: str, limit: str) -> None:
    found = outcome_of(error(Event("WALLTIME", text)))
    assert found == (265, f"Job exceeded its walltime{limit} and was killed", Cause.WALLTIME)


@pytest.mark.parametrize("text", CHANGED)
def test_changed_wall_time_is_no_cause(text: str) -> None:
    changed = Event("WALLTIME", text, None, 1)
    preempted = Event("BESTEFFORT_KILL", "", None, 2)
    assert outcome_of(error(changed, BY_ALICE)).reason == DELETED_BY_ALICE
    assert outcome_of(error(changed, preempted)).cause is Cause.PREEMPTED
    assert outcome_of(error(changed, Event("PROLOGUE_ERROR", "", None, 2))).cause is Cause.NODE
    assert outcome_of(error(changed, message="x")).reason == "OAR ended the job with an error: x"


@pytest.mark.parametrize("text", CHANGED)
def test_changed_wall_time_that_was_reached(text: str) -> None:
    reached = Event("WALLTIME", "Job: 5 from 1795646204 with 660; current time=1", None, 2)
    found = outcome_of(error(Event("WALLTIME", text, None, 1), reached))
    assert found.reason == "Job exceeded its walltime of 0:11:00 and was killed"


# ---- a kill that was not confirmed --------------------------------------------------------------

EXTERMINATED = Event("EXTERMINATE_JOB", "[Leon] I exterminate the job 7", None, 9)
BY_FORCE = "; OAR ended it by force, because "


def test_node_that_does_not_confirm_a_deletion() -> None:
    found = outcome_of(error(BY_ALICE, Event(KILL_SENT, "", None, 6), EXTERMINATED))
    assert found == (265, f"{DELETED_BY_ALICE}{BY_FORCE}its node did not answer", Cause.DELETED)
    # Without a node to send it to, OAR writes no SEND_KILL_JOB.
    assert outcome_of(error(BY_ALICE, EXTERMINATED)).cause is Cause.DELETED


def test_node_that_does_not_confirm_the_end_of_the_wall_time() -> None:
    reached = Event("WALLTIME", "Job: 7 from 1 with 60; current time=62 (Elapsed)", None, 4)
    found = outcome_of(error(reached, BY_ALICE, Event(KILL_SENT, "", None, 6), EXTERMINATED))
    assert found.cause is Cause.WALLTIME
    assert found.reason == (
        f"Job exceeded its walltime of 0:01:00 and was killed{BY_FORCE}its node did not answer"
    )


def test_deletion_of_a_suspended_job() -> None:
    """OAR cannot kill a suspended job, and exterminates it after five minutes."""
    suspended = Event("HOLD_RUNNING_JOB", "User root launched oarhold on the job 7", None, 4)
    kill = Event(KILL_SENT, "", None, 6)
    found = outcome_of(error(suspended, BY_ALICE, kill, EXTERMINATED))
    assert found.reason == f"{DELETED_BY_ALICE}{BY_FORCE}it was suspended"
    resumed = Event("RESUME_JOB", "", None, 7)
    found = outcome_of(error(suspended, BY_ALICE, kill, resumed, EXTERMINATED))
    assert found.reason == f"{DELETED_BY_ALICE}{BY_FORCE}its node did not answer"


def test_extermination_alone() -> None:
    found = outcome_of(error(Event(KILL_SENT, "", None, 6), EXTERMINATED))
    assert (found.cause, "(EXTERMINATE_JOB)" in found.reason) == (Cause.NODE, True)


# ---- errors without a known cause ---------------------------------------------------------------


@pytest.mark.parametrize("status", [None, 0, 3 << 8])
@pytest.mark.parametrize("events", [(), COMPANIONS, ("SOMETHING_NEW",)])
def test_an_error_without_a_known_cause(status: int | None, events: Sequence[str]) -> None:
    found = outcome_of(error(*events, status=status, message="Reservation too old"))
    assert (found.code, found.cause) == (512, Cause.ERROR)
    assert found.reason == "OAR ended the job with an error: Reservation too old"
    assert outcome_of(error(*events, status=status)).reason == "OAR ended the job with an error"


def test_events_that_show_the_cause() -> None:
    """The decisive one first; scan and explain use the same ones."""
    found = cause_events(error("FRAG_JOB_REQUEST", "SWITCH_INTO_ERROR_STATE", "WALLTIME"))
    assert [event.kind for event in found] == ["WALLTIME", "FRAG_JOB_REQUEST"]
    assert cause_events(error(*COMPANIONS)) == []


@pytest.mark.parametrize("word", [word for word, state in BY_WORD.items() if not state.ended])
def test_no_outcome_before_the_end(word: str) -> None:
    record = JobRecord(7, word, 0, events=(Event("FRAG_JOB_REQUEST", ""),))
    with pytest.raises(ValueError, match=f"job 7 has not ended: {word}"):
        outcome_of(record)


@pytest.mark.parametrize("word", ["", "terminated", "Done"])
def test_no_outcome_of_an_unknown_state(word: str) -> None:
    with pytest.raises(ValueError, match="has not ended"):
        outcome_of(JobRecord(7, word, 0))


def test_only_terminated_with_zero_is_a_success() -> None:
    """The rule itself, over everything above."""
    for state in ("Terminated", "Error"):
        for status in (None, *range(300), *range(256, 66000, 64)):
            for start in (None, 1_700_000_000):
                found = outcome_of(JobRecord(7, state, status, start_time=start))
                right = state == "Terminated" and status == 0 and start is not None
                assert (found.code == 0) == right


def test_a_resubmission_that_failed_decides_nothing() -> None:
    failed = Event(RESUBMITTED, "Resubmiting job 12 => -4) (due to event CPUSET_ERROR)", 10, 9)
    assert outcome_of(error("CPUSET_ERROR", failed)).cause is Cause.NODE
    assert outcome_of(error(failed, message="x")).reason == "OAR ended the job with an error: x"


def test_the_reason_names_the_new_job() -> None:
    reason = outcome_of(error(RESUBMITTED, "CPUSET_ERROR")).reason
    assert reason == "OAR gave up this job and submitted it again as OAR job 34"


def test_the_end_of_a_job_whose_follower_was_deleted() -> None:
    found = outcome_of_deleted_successor(34)
    assert (found.code, found.cause) == (512, Cause.RESUBMITTED)
    assert "submitted it again as OAR job 34, which was deleted" in found.reason


# ---- a job that OAR no longer knows ------------------------------------------------------------

ENDED_AT = {"lrmsendtime": "20261121080000Z"}


@pytest.mark.parametrize(
    ("diag", "code", "cause"),
    [
        ({"exitcode": "0", **ENDED_AT}, 0, Cause.SUCCESS),
        ({"exitcode": "3", **ENDED_AT}, 3, Cause.EXIT_CODE),
        ({"exitcode": "137", **ENDED_AT}, 137, Cause.EXIT_CODE),
        ({"exitcode": "255", **ENDED_AT}, 255, Cause.EXIT_CODE),
        ({"exitcode": "256", **ENDED_AT}, ERROR_CODE, Cause.LOST),
        ({"exitcode": "0"}, ERROR_CODE, Cause.LOST),
        ({"exitcode": "", **ENDED_AT}, ERROR_CODE, Cause.LOST),
        ({"exitcode": "-1", **ENDED_AT}, ERROR_CODE, Cause.LOST),
        ({"exitcode": "0x0", **ENDED_AT}, ERROR_CODE, Cause.LOST),
        ({"exitcode": "zero", **ENDED_AT}, ERROR_CODE, Cause.LOST),
        ({"exitcode": " 0", **ENDED_AT}, ERROR_CODE, Cause.LOST),
        (ENDED_AT, ERROR_CODE, Cause.LOST),
        ({}, ERROR_CODE, Cause.LOST),
    ],
)
def test_a_lost_job(diag: dict[str, str], code: int, cause: Cause) -> None:
    found = outcome_of_lost(diag)
    assert (found.code, found.cause) == (code, cause)
    assert ("lost" in found.reason) == (cause is Cause.LOST)


# ---- Best-effort jobs that get a checkpoint signal ----------------------------------------------


BY_SCHEDULER = Event(
    "CHECKPOINT", "User oar (metasched) requested a checkpoint on the job 7 on node1", None, 1
)
MAKE_ROOM = "OAR had sent it the checkpoint signal to make room for another job"


@pytest.mark.parametrize(
    ("status", "code", "sentence"),
    [
        (
            140 << 8,
            140,
            "Job finished with exit code 140, which means that it was killed by signal 12 "
            "(SIGUSR2)",
        ),
        (99 << 8, 99, "Job finished with exit code 99"),
        (12, 268, "Job was killed by signal 12 (SIGUSR2)"),
    ],
)
def test_failure_after_the_checkpoint_signal_of_the_scheduler(
    status: int, code: int, sentence: str
) -> None:
    found = outcome_of(terminated(status)._replace(events=(BY_SCHEDULER,)))
    assert found == (code, f"{sentence}; {MAKE_ROOM}", Cause.CHECKPOINTED)


def test_checkpoint_signals_that_make_no_room() -> None:
    """A program may end with success after any; its user, or the end of the wall time, sent one."""
    assert outcome_of(terminated(0)._replace(events=(BY_SCHEDULER,))).cause is Cause.SUCCESS
    by_user = BY_SCHEDULER._replace(text="User alice requested a checkpoint on the job 7")
    assert outcome_of(terminated(140 << 8)._replace(events=(by_user,))).cause is Cause.EXIT_CODE
    killed = error(BY_SCHEDULER, "BESTEFFORT_KILL")
    assert outcome_of(killed).cause is Cause.PREEMPTED


# ---- The memory limit of a job -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("kills", "limit", "sentence"),
    [
        (1, None, "it had reached its memory limit, and the kernel killed a process of it"),
        (
            3,
            99,
            "it had reached its memory limit of 99 MB, and the kernel killed 3 of its processes",
        ),
    ],
)
def test_processes_killed_at_the_memory_limit(kills: int, limit: int | None, sentence: str) -> None:
    found = with_memory_kills(outcome_of(terminated(256)), (kills, limit))
    assert found == (1, f"Job finished with exit code 1; {sentence}", Cause.MEMORY)
    # The cause of a job that OAR has killed is another one.
    assert with_memory_kills(outcome_of(error("WALLTIME")), (kills, limit)).cause is Cause.WALLTIME


def test_memory_limit_that_the_job_survived() -> None:
    success = outcome_of(terminated(0))
    assert with_memory_kills(success, (1, 99)) == success
