"""How bench/chaos records faults whose commands fail."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from bed import Bed, BedError
from chaos_faults import Faults, grid_id_of
from chaos_plan import FAULT_KINDS, RESTORE, Fault


class BrokenBed(Bed):
    """A testbed in which only queries of the database work; `refused` are the other commands."""

    def __init__(self) -> None:
        super().__init__()
        self.refused: list[list[str]] = []

    def run(self, argv: Sequence[str], **_more: Any) -> subprocess.CompletedProcess[str]:  # type: ignore[override]
        if argv[0] != "psql":
            self.refused.append(list(argv))
            raise BedError(f"{argv[0]} hangs")
        rows = "12\tchaos-0007-aB3\n" if "job_name" in argv[-1] else "0\n"
        return subprocess.CompletedProcess(argv, 0, rows, "")


def fault(kind: str) -> Fault:
    return Fault(kind, {**FAULT_KINDS, RESTORE.name: RESTORE}[kind].lane, 1.0, 0.0, 0.5)


def test_command_that_hangs_may_have_had_its_effect() -> None:
    faults = Faults(BrokenBed())
    assert faults.begin(fault("node-dead")) == ()
    assert faults.begin(fault("shorter-walltime")) == ("chaos-0007-aB3",)


def test_jobs_left_in_their_launch_are_deleted() -> None:
    bed = BrokenBed()
    happened = Faults(bed).delete_stuck()
    assert (happened.kind, happened.targets) == ("delete-stuck", ("chaos-0007-aB3",))
    assert bed.refused == [["oardel", "12"]]


class RestoredBed(BrokenBed):
    """A testbed whose job ended after the dump was made, and runs again once it is restored."""

    def __init__(self) -> None:
        super().__init__()
        self.state = "Running"

    def run(self, argv: Sequence[str], **_more: Any) -> subprocess.CompletedProcess[str]:  # type: ignore[override]
        if argv[0] == "psql" and f"'{self.state}'" not in argv[-1] and "state IN" in argv[-1]:
            return subprocess.CompletedProcess(argv, 0, "", "")
        if argv[0] == "pg_restore":
            self.state = "Running"
        with suppress(BedError):
            return super().run(argv)
        return subprocess.CompletedProcess(argv, 0, "", "")

    def service(self, _name: str, _action: str) -> None:
        pass


def test_jobs_that_a_restored_dump_has_running_are_deleted() -> None:
    bed = RestoredBed()
    faults = Faults(bed)
    assert faults.begin(fault("restore-dump")) == ()
    assert faults.delete_stuck().targets == ()
    bed.state = "Terminated"
    assert faults.end(fault("restore-dump"), ()) == ("revived chaos-0007-aB3",)
    assert faults.delete_stuck().targets == ("chaos-0007-aB3",)
    assert bed.refused[-1] == ["oardel", "12"]


def test_dump_that_was_not_made_is_not_restored() -> None:
    faults = Faults(BrokenBed())
    assert faults.begin(fault("restore-dump")) == ()
    assert faults.end(fault("restore-dump"), ()) == ()


def test_all_nodes_are_set_alive_by_their_address() -> None:
    """`oarnodes -J` of OAR 2.6.1 lists hosts, and oarnodesetting takes addresses."""
    bed = BrokenBed()
    Faults(bed).end(fault("node-dead"), ())
    assert [argv for argv in bed.refused if "Alive" in argv] == [
        ["oarnodesetting", "-s", "Alive", "-h", f"127.0.0.{number}"] for number in range(1, 5)
    ]


def test_killed_submission_is_known_by_its_grid_job() -> None:
    control = "/var/spool/arc/jobstatus"
    assert grid_id_of(f"{control}/job.aB3.grami") == "aB3"
    assert grid_id_of(f"{control}/jobs/295/00b/842/3c6/grami") == "29500b8423c6"
