"""Grid jobs that are disturbed: the job is cancelled, A-REX is restarted, OAR is stopped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from bed import Bed
from bed.grid import USER, Grid, Job, shell

pytestmark = pytest.mark.live


def cancelled(job: Job, state: str) -> None:
    """Check that the job is FINISHED in A-REX, and that OAR has deleted its only job for it."""
    job.wait()
    assert job.failure().startswith("Job is canceled by external request"), job.diagnostics()
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
    assert job.failure() == "", job.diagnostics()
    (held,) = job.oar_jobs()
    assert held["exit_code"] == 0
    assert job.output("out.txt") == "done\n"


GATED = "until [ -e go ]; do sleep 0.2; done; echo done"


@contextmanager
def stopped(bed: Bed, *services: str) -> Iterator[None]:
    """Stop these daemons for the block, and start them again even if the test fails."""
    for name in services:
        bed.service(name, "stop")
    try:
        yield
    finally:
        for name in reversed(services):
            bed.service(name, "start")


def two_running(grid: Grid) -> list[Job]:
    """Return two jobs, each of which runs in OAR until `let_go` is called for it."""
    jobs = grid.submit_all([(shell(GATED), {})] * 2)
    for job in jobs:
        job.wait_running()
    return jobs


def let_go(job: Job) -> None:
    job.grid.user("touch", f"{job.session_dir}/go")


def test_arex_restarted_while_jobs_run(grid: Grid, bed: Bed) -> None:
    """One job ends while A-REX is stopped, the other one after A-REX has started again."""
    early, late = two_running(grid)
    with stopped(bed, "arex"):
        let_go(early)
        early.wait_until(lambda: early.oar_state() == "Terminated", "terminated in OAR")
        assert early.state() == "INLRMS"
    let_go(late)
    finished(early)
    finished(late)


def test_oar_stopped_and_started_while_jobs_run(grid: Grid, bed: Bed) -> None:
    """While OAR's server and database are stopped, no job is reported or lost."""
    early, late = two_running(grid)
    before = len(grid.read("/var/log/arc/job.helper.errors"))

    def complained() -> bool:
        log = grid.read("/var/log/arc/job.helper.errors")[before:]
        return "OAR is unavailable, nothing was changed: " in log

    with stopped(bed, "oar", "postgres"):
        let_go(early)
        early.wait_until(complained, "noticed by scan")
        assert (early.state(), late.state()) == ("INLRMS", "INLRMS")
    let_go(late)
    finished(early)
    finished(late)


def test_submitted_while_oar_is_stopped(grid: Grid, bed: Bed) -> None:
    """The submission waits for OAR and creates exactly one job."""
    with stopped(bed, "oar", "postgres"):
        job = grid.submit(shell("echo done"))
        job.wait_until(lambda: job.grid_id in grid.root("ps", "axww"), "trying")
    finished(job)
