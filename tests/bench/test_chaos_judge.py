"""The checker of bench/chaos finds planted violations, and explains only what it should."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from chaos_judge import (
    LOST,
    NO_RECORD,
    NO_SPACE,
    NOTHING_RAN,
    REVIVED,
    STUCK,
    STUCK_DELETED,
    Finding,
    judge,
)
from chaos_plan import Plan, PlannedJob
from chaos_records import Account, GridJob, Happened, OarJob, Records
from chaos_saved import Saved

START = 1_795_674_145
BEGUN = START - 5
CANCELED = "Job is canceled by external request"
NOT_SUBMITTED = "Job submission to LRMS failed"
FOLLOWED = ("RESUBMIT_JOB_AUTOMATICALLY so we resubmit it (new id = 12)",)
OVER = ("WALLTIME [sarko] Job [12] from 1795674145 with 60; current time=1795674155 (Elapsed)",)
BY_USER = ("FRAG_JOB_REQUEST User griduser requested to frag the job 12",)
BY_ROOT = ("FRAG_JOB_REQUEST User root requested to frag the job 12",)
LAUNCH = ("EXIT_VALUE_OAREXEC [bipbip 12] error of oarexec, exit value = 255",)


class Case(NamedTuple):
    """A job that has ended as it should, and what the faults and its program did."""

    planned: PlannedJob
    job: GridJob
    held: tuple[OarJob, ...]
    notes: tuple[str, ...]
    faults: tuple[Happened, ...] = ()

    def findings(self) -> list[Finding]:
        plan = Plan(1.0, 1, (self.planned,), ())
        notes = {self.planned.name: self.notes}
        return judge(plan, self.faults, Records([self.job], self.held, notes))

    def with_job(self, **changes: Any) -> Case:
        return self._replace(job=replace(self.job, **changes))

    def with_oar(self, **changes: Any) -> Case:
        return self._replace(held=(*self.held[:-1], replace(self.held[-1], **changes)))

    def with_account(self, **changes: Any) -> Case:
        assert self.job.account is not None
        return self.with_job(account=replace(self.job.account, **changes))

    def with_fault(self, kind: str, *targets: str, at: int = START) -> Case:
        return self._replace(faults=(*self.faults, Happened(kind, at, at + 5, targets)))


def case(
    kind: str, failure: str, code: int, status: int | None, events: Sequence[str] = ()
) -> Case:
    planned = PlannedJob(7, kind, 1.0, 10, 5.0 if kind == "killed" else None)
    account = Account(True, code, 10, 1, 1, START, START + 10)
    job = GridJob("aB3", 7, "FINISHED", failure, "12", account, (), BEGUN, START + 20)
    state = "Error" if status is None else "Terminated"
    held = OarJob(12, "aB3", state, status, START, START + 10, 0, tuple(events), 1, 1)
    ended = (f"end 12 {status >> 8}",) if status is not None else ()
    return Case(planned, job, (held,), ("begin 12", *ended))


def failed(code: int, text: str) -> str:
    return f"LRMS error: ({code}) {text}"


GOOD = case("short", "", 0, 0)
FAILING = case("failing", failed(3, "Job finished with exit code 3"), 3, 768)
KILLED = case("killed", CANCELED, 265, None, BY_USER)
TOO_LONG = case("over", failed(265, "Job exceeded its walltime of 0:01:00"), 265, None, OVER)
PREEMPTED = case(
    "besteffort", failed(265, "Job ran as best-effort"), 265, None, ("BESTEFFORT_KILL x",)
)
NODE = case(
    "short",
    failed(512, "Job was lost to a failure of its nodes (EXIT_VALUE_OAREXEC); this is not"),
    512,
    None,
    LAUNCH,
).with_fault("sshd-kill")
DELETED = case(
    "long", failed(265, "Job was deleted in OAR by user root"), 265, None, BY_ROOT
).with_fault("node-dead", "127.0.0.3")
AGAIN = case("again", "", 0, 0)._replace(
    held=(
        OarJob(11, "aB3", "Terminated", 25344, START - 70, START - 5, 0, FOLLOWED, 1, 1),
        OarJob(12, "aB3", "Terminated", 0, START, START + 10, 11, (), 1, 1),
    ),
    notes=("begin 11", "end 11 99", "begin 12", "end 12 0"),
)
REFUSED = GOOD._replace(held=(), notes=()).with_job(
    failure=NOT_SUBMITTED, local_id="", account=None
)
SUBMIT_KILLED = REFUSED.with_fault("submit-kill", "/var/spool/arc/jobstatus/job.aB3.grami")
FORGOTTEN = GOOD._replace(held=()).with_fault("restore-dump", "lost chaos-0007-aB3")
GIVEN_UP = case("long", failed(512, "Job is lost: OAR does not know it"), 512, None)._replace(
    held=()
)
UNSUBMITTED = GOOD._replace(held=(), notes=()).with_job(
    failure=failed(512, "the session directory cannot be written at submission: No space left"),
    local_id="not-submitted-0123456789ab",
    account=Account(True, 1, 0, 0, 0, 0, 0),
)
NO_ROOM = case(
    "short", failed(512, "The session directory could not be used on the node"), 512, None
).with_fault("session-full")


@pytest.mark.parametrize(
    "right",
    [
        *(GOOD, FAILING, KILLED, TOO_LONG, PREEMPTED, NODE, DELETED, AGAIN, SUBMIT_KILLED),
        *(NO_ROOM, UNSUBMITTED.with_fault("session-full")),
        UNSUBMITTED.with_job(failure=failed(512, "OAR did not answer for 30 min")).with_fault(
            "database-kill"
        ),
        # Killed while it waited: neither start nor end.
        KILLED._replace(notes=())
        .with_oar(start=0, stop=0)
        .with_account(exit_code=1, start=0, end=0, wall=0),
        # Killed before its submission.
        KILLED._replace(held=(), notes=()).with_job(local_id="", account=None),
        # An incomplete OAR job of a killed oarsub, which never ran.
        GOOD._replace(held=(replace(GOOD.held[0], job_id=11, state="Error", start=0), *GOOD.held)),
        GOOD.with_oar(start=START - 60, stop=START - 50).with_fault("clock-jump", "-60 s"),
        TOO_LONG._replace(planned=GOOD.planned).with_fault("shorter-walltime", "chaos-0007-aB3"),
    ],
)
def test_nothing_wrong(right: Case) -> None:
    assert right.findings() == []


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        (GOOD.with_job(state="INLRMS"), "is in INLRMS"),
        # One OAR job for one submission.
        (GOOD.with_job(local_id="13"), "OAR does not have its job 13"),
        (GOOD._replace(held=()), "OAR does not have its job 12"),
        (
            GOOD._replace(held=(replace(GOOD.held[0], job_id=11), *GOOD.held)),
            "OAR job 11 ran beside 12",
        ),
        (
            AGAIN._replace(held=(AGAIN.held[0], replace(AGAIN.held[1], resubmits=0))),
            "OAR job 11 ran beside 12",
        ),
        (AGAIN.with_job(local_id="11"), "OAR job 12 ran beside 11"),
        (SUBMIT_KILLED._replace(held=GOOD.held), "OAR job 12 ran beside none"),
        (GOOD.with_oar(state="Running", status=None), "OAR job 12 is left as Running"),
        (KILLED.with_oar(state="Waiting", start=0), "OAR job 12 is left as Waiting"),
        # The program runs once.
        (GOOD._replace(notes=("begin 12", "begin 12", "end 12 0")), "ran 2 times in OAR job 12"),
        (GOOD._replace(notes=("begin 9", *GOOD.notes)), "ran in OAR job 9, which is not its own"),
        # No success without a program that exited with 0.
        (FAILING.with_job(failure=""), "succeeded, but its program exits with 3"),
        (KILLED.with_job(failure=""), "succeeded, but it ends by being killed"),
        (GOOD._replace(notes=("begin 12",)), "succeeded, but its program did not come to its end"),
        (GOOD._replace(notes=("begin 12", "end 12 3")), "its program did not come to its end"),
        (GOOD._replace(notes=("begin 12", "end 9 0")), "its program did not come to its end"),
        (GOOD.with_oar(status=768), "succeeded, but OAR says Terminated with status 768"),
        (GOOD.with_oar(state="Error"), "succeeded, but OAR says Error with status 0"),
        (GOOD.with_oar(status=None), "succeeded, but OAR says Terminated with status None"),
        # No failure with a wrong cause.
        (GOOD.with_job(unexplained=True), "failed without a reason"),
        (GOOD.with_job(failure=CANCELED), "nobody killed it"),
        (GOOD.with_job(failure=FAILING.job.failure), "its program exits with 0"),
        (FAILING.with_oar(status=0), "OAR has the status 0"),
        (
            FAILING.with_job(failure=failed(4, "Job finished with exit code 4")),
            "its program exits with 3",
        ),
        (
            FAILING.with_job(failure=failed(3, "Job finished with exit code 4")),
            "its program exits with 3",
        ),
        (TOO_LONG.with_oar(events=BY_ROOT), "OAR has no event of the end of its wall time"),
        (
            TOO_LONG.with_oar(events=("WALLTIME Walltime changed: 0:1:0 -> 1:1:0",)),
            "OAR has no event of the end of its wall time",
        ),
        (TOO_LONG._replace(planned=GOOD.planned), "its wall time was not over"),
        (
            TOO_LONG.with_job(failure=TOO_LONG.job.failure.replace("265", "512")),
            "the code should be 265",
        ),
        (PREEMPTED.with_oar(events=BY_ROOT), "OAR did not end it as a best-effort job"),
        (PREEMPTED._replace(planned=GOOD.planned), "OAR did not end it as a best-effort job"),
        (NODE._replace(faults=()), "no fault of nodes or servers happened"),
        (NODE._replace(faults=()).with_fault("sshd-kill", at=START - 500), "no fault of nodes"),
        (NODE._replace(faults=()).with_fault("sshd-kill", at=START + 500), "no fault of nodes"),
        (NODE.with_oar(events=()), "OAR has no such event"),
        (DELETED._replace(faults=()), "nobody deleted it"),
        (DELETED.with_oar(events=BY_USER), "OAR has no such event"),
        (
            DELETED.with_job(
                failure=failed(265, "Job was deleted in OAR by user griduser")
            ).with_oar(events=BY_USER),
            "nobody deleted it",
        ),
        (DELETED._replace(faults=()).with_fault("control-full"), "nobody deleted it"),
        (GIVEN_UP, "OAR has lost no such job"),
        (GIVEN_UP.with_fault("restore-dump", "lost chaos-0008-xY4"), "OAR has lost no such job"),
        (REFUSED, "nothing disturbed its submission"),
        (REFUSED.with_fault("submit-kill", "job.xY4.grami"), "nothing disturbed its submission"),
        (UNSUBMITTED, "nothing disturbed its submission"),
        (UNSUBMITTED.with_fault("oar-kill"), "nothing disturbed its submission"),
        (
            UNSUBMITTED.with_job(failure=failed(512, "OAR refused the job: no queue")),
            "the reason is unknown to the checker",
        ),
        (
            UNSUBMITTED.with_job(failure=failed(3, "the session directory")),
            "the code should be 512",
        ),
        (UNSUBMITTED.with_fault("session-full")._replace(held=GOOD.held), "ran beside none"),
        (UNSUBMITTED.with_job(account=None), "has no complete accounting record"),
        (UNSUBMITTED.with_account(exit_code=0), "has exit code 0 in the accounting, not 1"),
        (NO_ROOM._replace(faults=()), "its session directory was in order"),
        (GOOD.with_job(failure="Something else"), "the reason is unknown to the checker"),
        (GOOD.with_job(failure=failed(512, "Oh")), "the reason is unknown to the checker"),
        # The accounting is OAR's.
        (GOOD.with_job(account=None), "has no complete accounting record"),
        (GOOD.with_account(complete=False), "has no complete accounting record"),
        (GOOD.with_account(exit_code=3), "has exit code 3 in the accounting, not 0"),
        (KILLED.with_account(exit_code=0), "has exit code 0 in the accounting, not 265"),
        (KILLED.with_account(exit_code=1), "has exit code 1 in the accounting, not 265"),
        (KILLED.with_oar(start=0), "has exit code 265 in the accounting, not 1"),
        (GOOD.with_account(start=START - 60), f"has start {START - 60} in the accounting"),
        (GOOD.with_account(end=0), "has end 0 in the accounting"),
        (GOOD.with_account(wall=0).with_oar(stop=START + 100), "has wall time 0"),
        (
            GOOD.with_account(wall=40).with_fault("suspend", "chaos-0007-aB3"),
            "has wall time 40 in the accounting, 10 in OAR",
        ),
        (GOOD.with_account(nodes=2), "has nodes 2 in the accounting, 1 in OAR"),
        (GOOD.with_account(cores=2), "has cores 2 in the accounting, 1 in OAR"),
        (
            GOOD.with_oar(start=START - 60).with_fault("clock-jump", "+3 s"),
            f"has start {START} in the accounting, {START - 60} in OAR",
        ),
        # Nothing is left.
        (GOOD.with_job(left=("job-0.sh",)), "has left job-0.sh"),
    ],
)
def test_planted_violation(wrong: Case, what: str) -> None:
    errors = [str(one) for one in wrong.findings() if not one.excuse]
    assert any(what in error for error in errors), errors


def test_violations_beside_the_jobs() -> None:
    plan = Plan(1.0, 1, (GOOD.planned,), ())
    other = replace(GOOD.held[0], job_id=13, grid_id="unknown")
    nameless = replace(GOOD.job, grid_id="cD4", number=None)
    records = Records([nameless], [other], {}, ["/proc/1: oarsub"])
    assert [str(one) for one in judge(plan, (), records)] == [
        "left behind: /proc/1: oarsub",
        "OAR job 13: belongs to no grid job",
        "chaos-0007: A-REX has no such job",
        "cD4: is no job of the plan",
    ]


def test_lost_by_the_restored_dump() -> None:
    (found,) = (
        FORGOTTEN._replace(notes=())
        .with_job(failure=GIVEN_UP.job.failure)
        .with_account(exit_code=512)
        .findings()
    )
    assert (found.what, found.excuse) == ("OAR does not have its job 12", LOST)


def test_success_of_a_lost_job_needs_its_program() -> None:
    assert {one.excuse for one in FORGOTTEN.findings()} == {LOST}
    wrong = FORGOTTEN._replace(notes=("begin 12",)).findings()
    assert any(not one.excuse and "did not come to its end" in one.what for one in wrong)


def test_revived_by_the_restored_dump() -> None:
    revived = GOOD.with_fault("restore-dump", "revived chaos-0007-aB3")
    again = revived.with_oar(state="Running", status=None).findings()
    assert {one.excuse for one in again} == {REVIVED}
    assert revived.findings() == []


def test_given_up_in_a_full_control_directory() -> None:
    full = GOOD.with_fault("control-full").with_job(unexplained=True, account=None)
    (found,) = full.findings()
    assert (found.what, found.excuse) == ("failed without a reason", NO_SPACE)
    left = full.with_oar(state="Running", status=None).findings()
    assert [one.what for one in left if not one.excuse] == ["OAR job 12 is left as Running"]


def test_record_that_a_killed_arex_has_not_made() -> None:
    missing = GOOD.with_job(account=None)
    assert [one.excuse for one in missing.findings()] == [""]
    (found,) = missing.with_fault("arex-kill", at=BEGUN).findings()
    assert (found.what, found.excuse) == ("has no complete accounting record", NO_RECORD)
    later = missing.with_fault("arex-kill", at=BEGUN + 60)
    assert [one.excuse for one in later.findings()] == [""]
    incomplete = GOOD.with_account(complete=False).with_fault("arex-kill", at=BEGUN)
    assert [one.excuse for one in incomplete.findings()] == [""]


def test_end_of_another_job_that_had_the_id() -> None:
    never_ran = case("short", failed(512, "OAR does not know the job's exit code"), 512, None)
    ended = never_ran.with_oar(state="Terminated", start=0, stop=0)._replace(notes=())
    ended = ended.with_account(exit_code=1, start=0, end=0, wall=0)
    assert [one.excuse for one in ended.findings()] == [""]
    assert ended.with_fault("restore-dump").findings() == []
    assert never_ran.with_fault("restore-dump").findings()


def test_no_fault_explains_a_second_run() -> None:
    """OAR may start a job ID again; the job script does not run the program again."""
    twice = GOOD._replace(notes=GOOD.notes * 2)
    for fault in ("restore-dump", "database-kill"):
        (found,) = twice.with_fault(fault, "revived chaos-0007-aB3", at=START - 2).findings()
        assert (found.what, found.excuse) == ("ran 2 times in OAR job 12", "")


def test_deleted_by_the_run() -> None:
    """A job that OAR left in its launch is deleted as an admin would do it."""
    nobody = DELETED._replace(faults=())
    assert [one.excuse for one in nobody.findings()] == [""]
    stuck = nobody.with_fault("delete-stuck", "chaos-0007-aB3")
    assert [one.excuse for one in stuck.findings()] == [""]
    stuck = stuck.with_fault("oar-kill")
    assert [one.excuse for one in stuck.findings()] == [STUCK_DELETED]
    revived = stuck.with_fault("restore-dump", "revived chaos-0007-aB3")
    assert [one.excuse for one in revived.findings()] == [REVIVED]


def test_nothing_ran_in_the_job_of_an_orphaned_oarsub() -> None:
    orphan = SUBMIT_KILLED._replace(held=(replace(GOOD.held[0], status=32512),))
    assert [one.excuse for one in orphan.findings()] == [NOTHING_RAN]
    waiting = orphan.with_oar(state="Waiting", status=None, start=0, stop=0)
    assert [one.excuse for one in waiting.findings()] == [NOTHING_RAN]
    cancelled = KILLED._replace(held=waiting.held, notes=()).with_job(local_id="", account=None)
    assert [one.excuse for one in cancelled.findings()] == [NOTHING_RAN]
    identified = cancelled.with_job(local_id="12").findings()
    assert "" in {one.excuse for one in identified}
    began = orphan._replace(notes=("begin 12",))
    assert "" in {one.excuse for one in began.findings()}
    assert "" in {one.excuse for one in orphan._replace(faults=()).findings()}


def test_left_in_its_launch_by_a_failed_server() -> None:
    stuck = GOOD.with_job(state="INLRMS").with_oar(state="Launching", status=None)
    assert [one.excuse for one in stuck.with_fault("database-restart").findings()] == [STUCK]
    assert [one.excuse for one in stuck.findings()] == [""]
    running = stuck.with_oar(state="Running").with_fault("database-restart")
    assert [one.excuse for one in running.findings()] == [""]


def test_stored_run_is_checked_again(tmp_path: Path) -> None:
    jobs = {"chaos-0007": AGAIN.notes}
    run = Saved(
        "bookworm",
        Plan(1.0, 1, (AGAIN.planned,), ()),
        NODE.faults,
        Records([AGAIN.with_job(state="INLRMS").job], AGAIN.held, jobs, ["x"]),
    )
    run.store(tmp_path / "records.json")
    again = Saved.load(tmp_path / "records.json")
    assert again.findings() == run.findings()
    assert len(again.findings()) == 2
    assert (again.plan, again.records.jobs) == (run.plan, run.records.jobs)
