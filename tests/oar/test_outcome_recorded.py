"""How jobs end: the outcome of every recorded end, in one table."""

from __future__ import annotations

import pytest
from oar.recorded import Call, records

from arc_lrms_oar.oar.job_record import JobRecord
from arc_lrms_oar.oar.outcome import outcome_of
from arc_lrms_oar.oar.states import BY_WORD
from arc_lrms_oar.oar.successor import resubmitted_to

SUCCESS = (0, "success", "Job finished with exit code 0")
BY_OWNER = (265, "deleted", "Job was deleted in OAR by user griduser")
BY_ROOT = (265, "deleted", "Job was deleted in OAR by user root")
AGAIN = (512, "resubmitted", "and submitted it again")
OUTPUT = (512, "output", "The output files could not be written on the node")
DIRECTORY = (512, "directory", "The session directory could not be used on the node")
WALLTIME_60 = (265, "walltime", "Job exceeded its walltime of 0:01:00 and was killed")
WALLTIME_20 = (265, "walltime", "Job exceeded its walltime of 0:00:20 and was killed")


def exited(code: int) -> tuple[int, str, str]:
    return (code, "exit_code", f"Job finished with exit code {code}")


def node(event: str) -> tuple[int, str, str]:
    return (512, "node", f"Job was lost to a failure of its nodes ({event})")


# By scenario (see `testbed/record --list`): code, label, part of the reason.
EXPECTED = {
    "array": exited(4),
    "be-idem": AGAIN,
    "be-idem:normal": SUCCESS,
    "be-idem:resubmitted": SUCCESS,
    "be-kill": (265, "preempted", "Job ran as best-effort and was killed to make room"),
    "be-kill:normal": SUCCESS,
    "besteffort": SUCCESS,
    "bulk": BY_OWNER,
    "cgroup-delrun": BY_OWNER,
    "cgroup-exit3": exited(3),
    "cgroup-spawn": SUCCESS,
    "cgroup-walltime": WALLTIME_20,
    "changed-deleted": BY_OWNER,
    "changed-exit3": exited(3),
    "changed-preempted": (265, "preempted", "Job ran as best-effort and was killed to make room"),
    "changed-preempted:normal": SUCCESS,
    "changed-walltime": WALLTIME_60,
    "checkpoint": exited(42),
    "cmd-json": exited(127),
    "cmd-newline": exited(7),
    "cmdnotfound": exited(127),
    "delbyroot": BY_ROOT,
    "delhold": BY_OWNER,
    "dellaunching": BY_OWNER,
    "delnoop": (512, "noop", "the type noop: job was deleted in OAR by user griduser"),
    "delrunning": BY_OWNER,
    "delwaiting": BY_OWNER,
    "epilogue-fail": exited(4),
    "error-exit61": node("EXIT_VALUE_OAREXEC"),
    "exit0": SUCCESS,
    "exit137": (137, "exit_code", "exit code 137, which means that it was killed by signal 9"),
    "exit255": exited(255),
    "exit3": exited(3),
    "finishing": exited(6),
    "forged": SUCCESS,
    "formats": WALLTIME_20,
    "hold": SUCCESS,
    "idem-short": exited(99),
    "idempotent99": exited(99),
    "idempotent99:resubmitted": SUCCESS,
    "kill15self": (271, "signal", "Job was killed by signal 15 (SIGTERM)"),
    "kill9self": (265, "signal", "Job was killed by signal 9 (SIGKILL)"),
    "multi": SUCCESS,
    "name-100": SUCCESS,
    "name-newline": SUCCESS,
    "name-slash": OUTPUT,
    "name-space": SUCCESS,
    "name-utf8": SUCCESS,
    "node-absent": BY_ROOT,
    "node-dead": BY_ROOT,
    "nodir": DIRECTORY,
    "nonode": AGAIN,
    "nonode-cpuset": AGAIN,
    "nonode-cpuset:resubmitted": BY_OWNER,
    "nonode:resubmitted": BY_OWNER,
    "nostdout": OUTPUT,
    "outputs-gone": SUCCESS,
    "project": SUCCESS,
    "prologue-fail": AGAIN,
    "prologue-fail:resubmitted": SUCCESS,
    "reservation": SUCCESS,
    "segv": (267, "signal", "Job was killed by signal 11 (SIGSEGV)"),
    "server-down": exited(5),
    "server-down:held": BY_OWNER,
    "server-epilogue-fail": SUCCESS,
    "server-prologue-fail": AGAIN,
    "server-prologue-fail:resubmitted": SUCCESS,
    "server-unreachable": (
        *BY_OWNER[:2],
        "griduser; OAR ended it by force, because its node did not answer",
    ),
    "signal": (271, "signal", "Job was killed by signal 15 (SIGTERM)"),
    "suspend": BY_OWNER,
    "suspended-deleted": (
        *BY_OWNER[:2],
        "griduser; OAR ended it by force, because it was suspended",
    ),
    "suspended-deleted-resumed": BY_OWNER,
    "transient": exited(5),
    "waiting": SUCCESS,
    "walltime": WALLTIME_20,
}
# What one version does otherwise, or where its recording was made otherwise.
EXCEPTIONS = {
    ("2.6.1", "nonode"): node("EXIT_VALUE_OAREXEC"),
    ("2.6.1", "server-prologue-fail"): node("SERVER_PROLOGUE_EXIT_CODE_ERROR"),
    ("3.0.2", "array"): SUCCESS,
    ("3.0.2", "bulk:exit0"): SUCCESS,
    ("3.0.2", "bulk:nodir"): DIRECTORY,
    ("3.0.2", "server-down"): SUCCESS,
    ("3.0.2", "walltime"): WALLTIME_60,
    ("3.0.3dev", "walltime"): WALLTIME_60,
    ("3.0.3dev", "named"): SUCCESS,
}


def situation(asked: Call, record: JobRecord) -> str:
    """The key of `EXPECTED`: a scenario may hold more than one job."""
    if "resubmitted" in asked.step:
        return f"{asked.scenario}:resubmitted"
    if record.name.endswith("normal"):
        return f"{asked.scenario}:normal"
    if record.name.endswith("-held"):
        return f"{asked.scenario}:held"
    if asked.scenario == "bulk" and record.name != "bulk":
        return f"bulk:{record.name}"
    return asked.scenario


ENDED = [(asked, record) for asked, record in records() if BY_WORD[record.state].ended]


@pytest.mark.parametrize(
    ("version", "scenario"), sorted({(asked.version, asked.scenario) for asked, _ in ENDED})
)
def test_every_recorded_end(version: str, scenario: str) -> None:
    for asked, record in ENDED:
        if (asked.version, asked.scenario) == (version, scenario):
            key = situation(asked, record)
            code, label, reason = EXCEPTIONS.get((version, key)) or EXPECTED[key]
            found = outcome_of(record)
            assert (found.code, found.cause.label) == (code, label), asked.where
            assert reason in found.reason
            assert "\n" not in found.reason


def test_table_has_recorded_ends_only() -> None:
    seen = {situation(asked, record) for asked, record in ENDED}
    assert set(EXPECTED) - seen == set()
    versions = {(asked.version, situation(asked, record)) for asked, record in ENDED}
    assert set(EXCEPTIONS) - versions == set()


# The job IDs of resubmitted jobs, from their own rows.
SUCCESSORS = {
    (asked.version, asked.scenario, record.resubmitted_from): record.job_id
    for asked, record in records()
    if record.resubmitted_from
}
# OAR 3 writes no event for this one.
SILENT = {("3.0.2", "idempotent99")}


def test_successors_are_recorded() -> None:
    assert len(SUCCESSORS) >= 10


def test_every_recorded_resubmission_is_followed() -> None:
    for asked, record in ENDED:
        expected = SUCCESSORS.get((asked.version, asked.scenario, record.job_id))
        if (asked.version, asked.scenario) in SILENT:
            expected = None
        if asked.version == "3.0.2" and record.name == "beidem":
            # The new job itself was not asked for.
            expected = record.job_id + 2
        assert resubmitted_to(record) == expected, asked.where


def test_no_recorded_job_has_an_outcome_before_its_end() -> None:
    alive = [record for _, record in records() if not BY_WORD[record.state].ended]
    assert {record.state for record in alive} >= {"Waiting", "Hold", "Launching", "Running"}
    for record in alive:
        with pytest.raises(ValueError, match=f"job {record.job_id} has not ended: {record.state}"):
            outcome_of(record)
