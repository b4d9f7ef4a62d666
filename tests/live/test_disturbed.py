"""Grid jobs that somebody or something disturbs: cancelled, A-REX restarted, OAR stopped."""

from __future__ import annotations

from pathlib import Path

import pytest
from bed import Bed
from bed.grid import USER, Grid, Job, shell

pytestmark = pytest.mark.live

HERE = Path(__file__).parent


def cancelled(job: Job, state: str) -> None:
    """The job is FINISHED in A-REX, and OAR has deleted its only job for it."""
    job.wait()
    assert job.failure().startswith("Job is canceled by external request"), job.story()
    (held,) = job.oar_jobs()
    assert held["state"] == state
    assert "FRAG_JOB_REQUEST" in [event["type"] for event in held["events"]]
    log = job.grid.read("/var/log/arc/job.helper.errors")
    reason = f"265 Job was deleted in OAR by user {USER}"
    assert f"{job.grid_id}: OAR job {job.oar_id()} ended: {reason}\n" in log
    assert job.diag()["lrmsexitcode"] == ["265"]
    assert job.private_files() == ""


def test_cancelled_while_running(grid: Grid) -> None:
    job = grid.submit(shell("sleep 300"))
    job.wait_running()
    grid.user("arckill", "-k", job.url)
    cancelled(job, "Error")


def test_cancelled_while_waiting(grid: Grid) -> None:
    job = grid.submit(shell("true", extra='(runtimeenvironment="TEST/LATER")'))
    job.wait("INLRMS")
    assert job.oar_state() == "Waiting"
    (held,) = job.oar_jobs()
    assert held["types"] == ["postpone=2037-01-01 00:00:00"]
    grid.user("arckill", "-k", job.url)
    cancelled(job, "Error")


def finished(job: Job) -> None:
    job.wait()
    assert job.failure() == "", job.story()
    (held,) = job.oar_jobs()
    assert held["exit_code"] == 0
    assert job.output("out.txt") == "done\n"


def test_arex_restarted_while_jobs_run(grid: Grid, bed: Bed) -> None:
    """One job ends while A-REX is away, the other one after it has come back."""
    short, long = grid.submit_all([(shell(f"sleep {n}; echo done"), {}) for n in (5, 25)])
    short.wait_running()
    long.wait_running()
    bed.service("arex", "stop")
    short.wait_until(lambda: short.oar_state() == "Terminated", "terminated in OAR")
    assert short.state() == "INLRMS"
    bed.service("arex", "start")
    finished(short)
    finished(long)


def test_oar_stopped_and_started_while_jobs_run(grid: Grid, bed: Bed) -> None:
    """With OAR's server and database away nothing is concluded, and nothing is lost."""
    short, long = grid.submit_all([(shell(f"sleep {n}; echo done"), {}) for n in (5, 25)])
    short.wait_running()
    long.wait_running()
    before = len(grid.read("/var/log/arc/job.helper.errors"))
    bed.service("oar", "stop")
    bed.service("postgres", "stop")

    def complained() -> bool:
        said = grid.read("/var/log/arc/job.helper.errors")[before:]
        return "OAR could not be asked, nothing was changed: " in said

    short.wait_until(complained, "noticed by scan", 60)
    assert (short.state(), long.state()) == ("INLRMS", "INLRMS")
    bed.service("postgres", "start")
    bed.service("oar", "start")
    finished(short)
    finished(long)


def test_submitted_while_oar_is_stopped(grid: Grid, bed: Bed) -> None:
    """The submission waits for OAR, and there is one job in the end."""
    bed.service("oar", "stop")
    bed.service("postgres", "stop")
    job = grid.submit(shell("echo done"))
    job.wait_until(lambda: job.grid_id in grid.root("ps", "axww"), "trying", 60)
    bed.service("postgres", "start")
    bed.service("oar", "start")
    finished(job)
