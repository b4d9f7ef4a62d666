"""The table of decisions: what the facts about one job lead to."""

from __future__ import annotations

from typing import Any

import pytest

from arc_lrms_oar.arex.diag import Diag
from arc_lrms_oar.oar.job_record import Event, JobRecord
from arc_lrms_oar.scan.decide import Decision, Follow, Lost, Policy, Report, Wait, decide

NOW = 1_800_000_000.0
FOLLOW = Policy(lost_cycles=3, lost_time=600, delete_resubmitted=False)
DELETE = FOLLOW._replace(delete_resubmitted=True)
COMPLETE = Diag({"exitcode": "0", "lrmsendtime": "20270115080000Z"})
PARTIAL = Diag({"processors": "1"})
RUNNING = Wait("is not reported: job 7 has not ended: Running")
NO_RECORD = Wait("has ended, but OAR gives no record of it")


def record(age: float, state: str = "Terminated", **values: Any) -> JobRecord:
    """The record of a job that stopped `age` seconds ago, after 30 s."""
    stop = int(NOW - age)
    return JobRecord(7, state, **{"start_time": stop - 30, "stop_time": stop, **values})


def failed(age: float, event: str) -> JobRecord:
    return record(age, "Error", events=(Event(event, "x", int(NOW - age), 1),))


def code(decision: Decision) -> object:
    """The decision with only the code of its outcome, which has a table of its own."""
    if isinstance(decision, (Report, Lost)):
        return type(decision), decision.outcome.code
    return decision


FRESH = {"ended_for": 0.0}
WAITED = {"ended_for": 60.0}
TABLE: dict[str, tuple[JobRecord | None, Diag, Policy, dict[str, Any], object]] = {
    "ended": (record(5, exit_code=0), COMPLETE, FOLLOW, FRESH, (Report, 0)),
    "ended, exit code 3": (record(5, exit_code=768), COMPLETE, FOLLOW, FRESH, (Report, 3)),
    "diag not complete": (record(5, exit_code=0), PARTIAL, FOLLOW, FRESH, Wait()),
    "OAR's clock ahead": (record(-300, exit_code=0), PARTIAL, FOLLOW, FRESH, Wait()),
    "OAR's clock behind": (record(300, exit_code=0), PARTIAL, FOLLOW, FRESH, Wait()),
    "waited, clock ahead": (record(-300, exit_code=0), PARTIAL, FOLLOW, WAITED, (Report, 0)),
    "ended long ago": (record(7200, exit_code=0), PARTIAL, FOLLOW, FRESH, (Report, 0)),
    "waited, diag not complete": (record(60, exit_code=0), PARTIAL, FOLLOW, WAITED, (Report, 0)),
    "waited, no diag": (record(99, exit_code=768), Diag(), FOLLOW, WAITED, (Report, 3)),
    "killed, no diag": (record(5, exit_code=9), Diag(), FOLLOW, FRESH, (Report, 265)),
    "no exit code, no diag": (record(5), Diag(), FOLLOW, FRESH, (Report, 512)),
    "deleted": (failed(5, "FRAG_JOB_REQUEST"), Diag(), FOLLOW, FRESH, (Report, 265)),
    "may be resubmitted": (failed(5, "PROLOGUE_ERROR"), Diag(), FOLLOW, FRESH, Wait()),
    "the same, clock ahead": (failed(-300, "PROLOGUE_ERROR"), Diag(), FOLLOW, FRESH, Wait()),
    "the same, clock behind": (failed(300, "PROLOGUE_ERROR"), Diag(), FOLLOW, FRESH, Wait()),
    "not resubmitted": (
        failed(40, "PROLOGUE_ERROR"),
        Diag(),
        FOLLOW,
        {"ended_for": 30.0},
        (Report, 512),
    ),
    "may be resubmitted without an event": (
        record(5, exit_code=99 << 8, start_time=int(NOW - 100)),
        COMPLETE,
        FOLLOW,
        FRESH,
        Wait(),
    ),
    "the same, not resubmitted": (
        record(40, exit_code=99 << 8, start_time=int(NOW - 140)),
        COMPLETE,
        FOLLOW,
        {"ended_for": 30.0},
        (Report, 99),
    ),
    "too short for a resubmission": (
        record(5, exit_code=99 << 8, start_time=int(NOW - 65)),
        COMPLETE,
        FOLLOW,
        FRESH,
        (Report, 99),
    ),
    "resubmitted": (failed(5, "PROLOGUE_ERROR"), Diag(), FOLLOW, {"successor": 8}, Follow(8)),
    "successor to delete": (failed(5, "CPUSET_ERROR"), Diag(), DELETE, {"successor": 8}, Wait()),
    "successor deleted": (
        failed(5, "CPUSET_ERROR"),
        Diag(),
        DELETE,
        {"successor": 8, "successor_deleted": True},
        (Report, 512),
    ),
    "still running": (record(0, "Running"), COMPLETE, FOLLOW, FRESH, RUNNING),
    "no record": (None, COMPLETE, FOLLOW, FRESH, NO_RECORD),
    "missing, few cycles": (None, COMPLETE, FOLLOW, {"missing": (2, NOW - 9000)}, Wait()),
    "missing, short time": (None, COMPLETE, FOLLOW, {"missing": (9, NOW - 599)}, Wait()),
    "lost": (None, PARTIAL, FOLLOW, {"missing": (3, NOW - 600)}, (Lost, 512)),
    "lost after its script ended": (None, COMPLETE, FOLLOW, {"missing": (3, NOW - 600)}, (Lost, 0)),
}


@pytest.mark.parametrize("case", TABLE)
def test_decision(case: str) -> None:
    facts, diag, policy, more, expected = TABLE[case]
    assert code(decide(facts, diag, NOW, policy, **more)) == expected


OUT_OF_MEMORY = Diag({"exitcode": "137", "outofmemorykills": "2", "memorylimit": "524288kB"})
KILLED = "it had reached its memory limit of 512 MB, and the kernel killed 2 of its processes"


@pytest.mark.parametrize(
    ("ended", "code", "reason"),
    [
        (record(5, exit_code=0), 0, "Job finished with exit code 0"),
        (record(5, exit_code=256), 1, f"Job finished with exit code 1; {KILLED}"),
        (record(5, exit_code=9), 265, f"Job was killed by signal 9 (SIGKILL); {KILLED}"),
        (failed(5, "FRAG_JOB_REQUEST"), 265, f"Job was deleted in OAR; {KILLED}"),
    ],
)
def test_job_at_its_memory_limit(ended: JobRecord, code: int, reason: str) -> None:
    """The code is OAR's: the user can write the diag."""
    decision = decide(ended, OUT_OF_MEMORY, NOW, FOLLOW, ended_for=60.0)
    assert isinstance(decision, Report)
    assert decision.outcome[:2] == (code, reason)
