"""A-REX run by an ordinary user, with jobs through the internal interface and without root."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from bed import Bed
from bed.grid import Job, shell
from bed.internal import InternalGrid

pytestmark = pytest.mark.live

# Number of jobs that are submitted together. An aCT submits 200; use that if there is time.
MANY = int(os.environ.get("ARC_OAR_INTERNAL_JOBS", "20"))


@pytest.fixture(scope="module")
def internal(bed: Bed) -> Iterator[InternalGrid]:
    grid = InternalGrid(bed)
    grid.start()
    yield grid
    grid.stop()


@pytest.fixture(scope="module")
def fed(internal: InternalGrid) -> list[Job]:
    """Many jobs, submitted together; every tenth fails."""
    failing = [number % 10 == 9 for number in range(MANY)]
    return internal.submit_all([(shell(f"echo $0; exit {int(fails)}"), {}) for fails in failing])


def test_all_jobs_come_back(fed: list[Job]) -> None:
    for number, job in enumerate(fed):
        job.wait(seconds=600)
        (held,) = job.oar_jobs()
        fails = number % 10 == 9
        assert held["exit_code"] == (256 if fails else 0)
        assert ("exit code 1" in job.failure()) is fails, job.diagnostics()
        assert job.output("out.txt") == "/bin/sh\n"


def test_cancelled_job(internal: InternalGrid) -> None:
    job = internal.submit(shell("sleep 300"))
    job.wait_running()
    internal.client("arckill", "-k", job.url)
    job.wait()
    assert job.failure().startswith("Job is canceled by external request"), job.diagnostics()
    (held,) = job.oar_jobs()
    assert (held["state"], held["owner"]) == ("Error", internal.owner)


def test_reason_of_a_refusal(internal: InternalGrid) -> None:
    job = internal.submit(shell("echo never", count="999"))
    job.wait()
    reason = "OAR refused the job: There are not enough resources for your request"
    assert job.failure() == f"LRMS error: (512) {reason}", job.diagnostics()


@pytest.mark.usefixtures("fed")
def test_no_root_anywhere(internal: InternalGrid) -> None:
    """All files belong to the user, and A-REX and its child processes run as the user."""
    assert internal.root("find", internal.place, "!", "-user", internal.owner) == ""
    daemon = str(internal.arex.pid())
    owners = internal.root("ps", "-o", "user:20=", "-p", daemon, "--ppid", daemon).split()
    assert set(owners) == {internal.owner}
