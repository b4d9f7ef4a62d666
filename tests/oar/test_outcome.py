"""How jobs end: whatever OAR's source has in store, recorded or not."""

from __future__ import annotations

import signal
from collections.abc import Sequence

import pytest

from arc_lrms_oar.oar.job_record import Event, JobRecord
from arc_lrms_oar.oar.outcome import (
    CAUSES,
    KILLED,
    NO_EXIT_CODE,
    Verdict,
    resubmission_may_be_silent,
    resubmission_may_come,
    resubmitted_to,
    verdict,
    verdict_of_deleted,
    verdict_of_lost,
)
from arc_lrms_oar.oar.states import BY_WORD

# ---- Terminated --------------------------------------------------------------------------------


def terminated(status: int | None, *events: str) -> JobRecord:
    return JobRecord(7, "Terminated", status, events=tuple(Event(x, "") for x in events))


AGAIN = "RESUBMIT_JOB_AUTOMATICALLY"
NEVER_RETRIED = {
    *("SSH_TRANSFER_TIMEOUT", "BAD_HASHTABLE_DUMP", "EXIT_VALUE_OAREXEC", "EXTERMINATE_JOB"),
    *("RESERVATION_NO_NODE", "SERVER_EPILOGUE_ERROR", "SERVER_EPILOGUE_TIMEOUT"),
    "SERVER_EPILOGUE_EXIT_CODE_ERROR",
}


def error(*events: str | Event, status: int | None = None, message: str = "") -> JobRecord:
    """A job in Error with events in this order."""
    made = tuple(
        Event(event, "=> 34" if event == AGAIN else "", None, number)
        if isinstance(event, str)
        else event
        for number, event in enumerate(events)
    )
    return JobRecord(7, "Error", status, message=message, events=made, wall_time=3600)


def test_each_exit_code() -> None:
    signals = {int(number) for number in signal.Signals}
    for code in range(256):
        found = verdict(terminated(code << 8), {})
        assert found.code == code
        assert found.kind == ("success" if code == 0 else "exit_code")
        assert found.reason.startswith(f"Job finished with exit code {code}")
        # What a shell makes of a signal, said so that a grid user understands it.
        died = code > 128 and code - 128 in signals
        assert ("killed by signal" in found.reason) == died


@pytest.mark.parametrize("core", [0, 128])
def test_each_signal(core: int) -> None:
    for number in range(1, 65):
        found = verdict(terminated(number | core), {})
        assert found.code == 256 + number
        assert found.kind == "signal"
        assert f"signal {number} (" in found.reason


def test_signals_have_names() -> None:
    assert "SIGXCPU" in verdict(terminated(signal.SIGXCPU), {}).reason
    assert verdict(terminated(127), {}).code == 256 + 127


@pytest.mark.parametrize("diag", [{}, {"exitcode": "0", "lrmsendtime": "20261121080000Z"}])
def test_no_exit_code_is_no_success(diag: dict[str, str]) -> None:
    assert verdict(terminated(None), diag) == (
        NO_EXIT_CODE,
        "OAR does not know the job's exit code",
        "no_exit_code",
    )


@pytest.mark.parametrize("status", [-1, 128, 1 << 16, 1 << 40, -(1 << 40), 10**30, 255 << 16])
def test_no_odd_status_is_a_success(status: int) -> None:
    assert 0 < verdict(terminated(status), {}).code <= 512


def test_only_sixteen_bits_are_a_status() -> None:
    assert verdict(terminated((1 << 16) | (3 << 8)), {}).code == 3


@pytest.mark.parametrize(
    "events", [("EPILOGUE_ERROR",), ("CPUSET_CLEAN_ERROR",), ("FRAG_JOB_REQUEST",), ("WALLTIME",)]
)
def test_events_do_not_matter_to_a_terminated_job(events: Sequence[str]) -> None:
    """The node's epilogue failed, or somebody deleted it after its end: the job itself was fine."""
    assert verdict(terminated(0, *events), {}).code == 0
    assert verdict(terminated(3 << 8, *events), {}).code == 3


# ---- Error -------------------------------------------------------------------------------------

# Each event that ends a job, as OAR's source has them: kind and code.
CAUSE_OF_EVENT = {
    "RESUBMIT_JOB_AUTOMATICALLY": ("resubmitted", 512),
    "WALLTIME": ("walltime", 265),
    "BESTEFFORT_KILL": ("preempted", 265),
    "PING_CHECKER_NODE_SUSPECTED": ("node", 512),
    "CPUSET_ERROR": ("node", 512),
    "PROLOGUE_ERROR": ("node", 512),
    "CANNOT_WRITE_NODE_FILE": ("node", 512),
    "CANNOT_WRITE_PID_FILE": ("node", 512),
    "USER_SHELL": ("node", 512),
    "CANNOT_CREATE_TMP_DIRECTORY": ("node", 512),
    "LAUNCHING_OAREXEC_TIMEOUT": ("node", 512),
    "SSH_TRANSFER_TIMEOUT": ("node", 512),
    "BAD_HASHTABLE_DUMP": ("node", 512),
    "EXIT_VALUE_OAREXEC": ("node", 512),
    "EXTERMINATE_JOB": ("node", 512),
    "RESERVATION_NO_NODE": ("node", 512),
    "SERVER_PROLOGUE_TIMEOUT": ("node", 512),
    "SERVER_PROLOGUE_EXIT_CODE_ERROR": ("node", 512),
    "SERVER_PROLOGUE_ERROR": ("node", 512),
    "SERVER_EPILOGUE_TIMEOUT": ("node", 512),
    "SERVER_EPILOGUE_EXIT_CODE_ERROR": ("node", 512),
    "SERVER_EPILOGUE_ERROR": ("node", 512),
    "WORKING_DIRECTORY": ("directory", 512),
    "WORKING_DIRECTOR": ("directory", 512),
    "OUTPUT_FILES": ("output", 512),
    "FORCE_TERMINATE_FINISHING_JOB": ("forced", 512),
    "FRAG_JOB_REQUEST": ("deleted", 265),
}
PRECEDENCE = (
    "resubmitted",
    "walltime",
    "preempted",
    "node",
    "directory",
    "output",
    "forced",
    "deleted",
)
# Written along with the others; they say nothing of the cause.
COMPANIONS = ("SWITCH_INTO_ERROR_STATE", "SEND_KILL_JOB", "SCHEDULER_PRIORITY_UPDATED_STOP")


@pytest.mark.parametrize("event", CAUSE_OF_EVENT)
def test_each_event(event: str) -> None:
    """Whatever exit code stands there: an Error is no success and has no exit code of the job."""
    for status in (None, 0, 3 << 8, 9):
        found = verdict(error(event, *COMPANIONS, status=status), {"exitcode": "0"})
        assert (found.kind, found.code) == CAUSE_OF_EVENT[event]
        assert found.code > 255


def test_the_table_has_these_events_and_no_others() -> None:
    assert {event for cause in CAUSES for event in cause.events} == set(CAUSE_OF_EVENT)
    assert tuple(cause.kind for cause in CAUSES) == PRECEDENCE
    assert (KILLED, NO_EXIT_CODE) == (265, 512)


@pytest.mark.parametrize("first", CAUSE_OF_EVENT)
def test_which_of_two_events_decides(first: str) -> None:
    for second in CAUSE_OF_EVENT:
        kinds = [CAUSE_OF_EVENT[event][0] for event in (first, second)]
        expected = min(kinds, key=PRECEDENCE.index)
        assert verdict(error(first, second), {}).kind == expected, second
        assert verdict(error(second, *COMPANIONS, first), {}).kind == expected, second


def test_the_earliest_of_two_alike_is_told() -> None:
    """OAR prints events in no order at all; their numbers have one."""
    late = Event("CPUSET_ERROR", "", 10, 9)
    early = Event("PROLOGUE_ERROR", "", 10, 4)
    assert "(PROLOGUE_ERROR)" in verdict(error(late, early), {}).reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("User griduser requested to frag the job 7", "Job was deleted in OAR by user griduser"),
        ("User oar requested to frag the job 7", "Job was deleted in OAR by user oar"),
        ("", "Job was deleted in OAR"),
        ("something else", "Job was deleted in OAR"),
    ],
)
def test_who_deleted_it(text: str, reason: str) -> None:
    assert verdict(error(Event("FRAG_JOB_REQUEST", text)), {}) == Verdict(265, reason, "deleted")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(20, " of 0:00:20"), (3600, " of 1:00:00"), (360000, " of 100:00:00"), (None, "")],
)
def test_the_walltime_is_told(seconds: int | None, text: str) -> None:
    record = JobRecord(7, "Error", events=(Event("WALLTIME", ""),), wall_time=seconds)
    assert verdict(record, {}).reason == f"Job exceeded its walltime{text} and was killed"


@pytest.mark.parametrize("status", [None, 0, 3 << 8])
@pytest.mark.parametrize("events", [(), COMPANIONS, ("SOMETHING_NEW",)])
def test_an_error_without_a_known_cause(status: int | None, events: Sequence[str]) -> None:
    found = verdict(error(*events, status=status, message="Reservation too old"), {})
    assert (found.code, found.kind) == (512, "error")
    assert found.reason == "OAR ended the job with an error: Reservation too old"
    assert verdict(error(*events, status=status), {}).reason == "OAR ended the job with an error"


def test_an_error_after_the_end_of_the_script() -> None:
    found = verdict(error(message="x"), {"exitcode": "0"})
    assert found.code == 512
    assert "although its script had ended" in found.reason


@pytest.mark.parametrize("word", [word for word, state in BY_WORD.items() if not state.ended])
def test_no_verdict_before_the_end(word: str) -> None:
    record = JobRecord(7, word, 0, events=(Event("FRAG_JOB_REQUEST", ""),))
    with pytest.raises(ValueError, match=f"job 7 has not ended: {word}"):
        verdict(record, {"exitcode": "0"})


@pytest.mark.parametrize("word", ["", "terminated", "Done"])
def test_no_verdict_from_a_state_that_is_none(word: str) -> None:
    with pytest.raises(ValueError, match="has not ended"):
        verdict(JobRecord(7, word, 0), {})


def test_only_terminated_with_zero_is_a_success() -> None:
    """The rule itself, over everything above."""
    for state in ("Terminated", "Error"):
        for status in (None, *range(300), *range(256, 66000, 64)):
            found = verdict(JobRecord(7, state, status), {})
            assert (found.code == 0) == (state == "Terminated" and status == 0)


# ---- OAR's own resubmission --------------------------------------------------------------------

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
    "Resubmiting job 12 => ((-3, 'not the right user'), 0) (due to event X)": None,
    "Resubmiting job 12": None,
    "": None,
}


@pytest.mark.parametrize(("text", "new_id"), SPELLINGS.items())
@pytest.mark.parametrize("state", ["Error", "Terminated"])
def test_the_new_id_in_every_spelling(text: str, new_id: int | None, state: str) -> None:
    record = JobRecord(12, state, events=(Event("RESUBMIT_JOB_AUTOMATICALLY", text),))
    assert resubmitted_to(record) == new_id


def test_the_last_resubmission_counts() -> None:
    events = (
        Event("RESUBMIT_JOB_AUTOMATICALLY", "(new id = 36)", 10, 9),
        Event("RESUBMIT_JOB_AUTOMATICALLY", "(new id = 34)", 10, 4),
        Event("RESUBMIT_JOB_AUTOMATICALLY", "(new id = -4)", 10, 12),
    )
    assert resubmitted_to(JobRecord(12, "Error", events=events)) == 36


def test_a_resubmission_that_failed_decides_nothing() -> None:
    failed = Event(AGAIN, "Resubmiting job 12 => -4) (due to event CPUSET_ERROR)", 10, 9)
    assert verdict(error("CPUSET_ERROR", failed), {}).kind == "node"
    assert verdict(error(failed, message="x"), {}).reason == "OAR ended the job with an error: x"


def test_the_reason_names_the_new_job() -> None:
    reason = verdict(error(AGAIN, "CPUSET_ERROR"), {}).reason
    assert reason == "OAR gave up this job and submitted it again as OAR job 34"


NOW = 1_800_000_000.0


@pytest.mark.parametrize("event", CAUSE_OF_EVENT)
def test_whether_a_resubmission_may_still_come(event: str) -> None:
    """OAR writes Error first; which events it retries is in its node_change_state."""
    fresh = JobRecord(7, "Error", events=(Event(event, "", int(NOW) - 5),))
    retried = CAUSE_OF_EVENT[event][0] == "node" and event not in NEVER_RETRIED
    assert resubmission_may_come(fresh, NOW) == retried
    old = JobRecord(7, "Error", events=(Event(event, "", int(NOW) - 31),), stop_time=int(NOW) - 31)
    assert not resubmission_may_come(old, NOW)
    told = JobRecord(7, "Error", events=(*fresh.events, Event(AGAIN, "=> -4")))
    assert not resubmission_may_come(told, NOW)


def test_a_resubmission_may_come_to_an_error_alone() -> None:
    events = (Event("PROLOGUE_ERROR", ""),)
    assert resubmission_may_come(JobRecord(7, "Error", stop_time=int(NOW), events=events), NOW)
    for state in ("Terminated", "Running"):
        assert not resubmission_may_come(
            JobRecord(7, state, stop_time=int(NOW), events=events), NOW
        )


@pytest.mark.parametrize(
    ("state", "status", "may_be"),
    [("Terminated", 99 << 8, True), ("Terminated", 99, False), ("Terminated", 98 << 8, False),
     ("Error", 99 << 8, False), ("Terminated", None, False)],
)  # fmt: skip
def test_whether_a_resubmission_may_be_silent(state: str, status: int | None, may_be: bool) -> None:
    assert resubmission_may_be_silent(JobRecord(7, state, status)) == may_be


def test_the_end_of_a_job_whose_follower_was_deleted() -> None:
    found = verdict_of_deleted(34)
    assert (found.code, found.kind) == (512, "resubmitted")
    assert "submitted it again as OAR job 34, which was deleted" in found.reason


def test_other_events_resubmit_nothing() -> None:
    events = (Event("PROLOGUE_ERROR", "(new id = 34)"), Event("FRAG_JOB_REQUEST", "=> 34"))
    assert resubmitted_to(JobRecord(12, "Error", events=events)) is None


# ---- a job that OAR no longer knows ------------------------------------------------------------

ENDED_AT = {"lrmsendtime": "20261121080000Z"}


@pytest.mark.parametrize(
    ("diag", "code", "kind"),
    [
        ({"exitcode": "0", **ENDED_AT}, 0, "success"),
        ({"exitcode": "3", **ENDED_AT}, 3, "exit_code"),
        ({"exitcode": "137", **ENDED_AT}, 137, "exit_code"),
        ({"exitcode": "0"}, NO_EXIT_CODE, "lost"),
        ({"exitcode": "", **ENDED_AT}, NO_EXIT_CODE, "lost"),
        ({"exitcode": "-1", **ENDED_AT}, NO_EXIT_CODE, "lost"),
        ({"exitcode": "0x0", **ENDED_AT}, NO_EXIT_CODE, "lost"),
        ({"exitcode": "zero", **ENDED_AT}, NO_EXIT_CODE, "lost"),
        ({"exitcode": " 0", **ENDED_AT}, NO_EXIT_CODE, "lost"),
        (ENDED_AT, NO_EXIT_CODE, "lost"),
        ({}, NO_EXIT_CODE, "lost"),
    ],
)
def test_a_lost_job(diag: dict[str, str], code: int, kind: str) -> None:
    found = verdict_of_lost(diag)
    assert (found.code, found.kind) == (code, kind)
    assert ("lost" in found.reason) == (kind == "lost")
