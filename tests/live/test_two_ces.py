"""Two A-REX with one account and one OAR: neither touches the other's jobs.

The second one is the account's own, with its own control directory, session directory and
arc.conf. All jobs have the same name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from bed import Bed
from bed.grid import USER, Grid, Job, shell
from bed.internal import InternalGrid

pytestmark = pytest.mark.live

NAME = "same name"


@pytest.fixture(scope="module")
def second(bed: Bed) -> Iterator[InternalGrid]:
    grid = InternalGrid(bed, USER)
    grid.start()
    yield grid
    grid.stop()


def both(grid: Grid, second: InternalGrid, script: str) -> tuple[Job, Job]:
    """Submit a job of this shell script to each A-REX, and wait until both run."""
    jobs = (
        grid.submit(shell(script, jobname=NAME)),
        second.submit(shell(script, jobname=NAME)),
    )
    for job in jobs:
        job.wait_running()
    return jobs


def only(job: Job) -> dict[str, object]:
    """Return the one OAR job of a grid job."""
    (held,) = job.oar_jobs()
    return dict(held)


def test_each_reports_its_own_jobs(grid: Grid, second: InternalGrid) -> None:
    firsts = [grid.submit(shell(f"exit {code}", jobname=NAME)) for code in (0, 3)]
    seconds = second.submit_all([(shell(f"exit {code}", jobname=NAME), {}) for code in (0, 4)])
    for job, code in zip([*firsts, *seconds], (0, 3, 0, 4)):
        job.wait()
        held = only(job)
        assert (held["exit_code"], held["owner"]) == (code << 8, USER)
        assert (f"exit code {code}" in job.failure()) is bool(code), job.diagnostics()


@pytest.mark.parametrize("cancelled", [0, 1])
def test_cancelled_job_is_deleted_alone(grid: Grid, second: InternalGrid, cancelled: int) -> None:
    jobs = both(grid, second, "sleep 60; echo done")
    killed, other = jobs[cancelled], jobs[1 - cancelled]
    kill = (grid.user, second.client)[cancelled]
    kill("arckill", "-k", killed.url)
    killed.wait()
    assert only(killed)["state"] == "Error"
    other.wait()
    assert other.failure() == "", other.diagnostics()
    assert other.output("out.txt") == "done\n"


def test_cancelled_job_that_names_the_others_oar_job(grid: Grid, second: InternalGrid) -> None:
    """The user has written it into the files of the first A-REX; the job's own is deleted."""
    first, other = both(grid, second, "sleep 100; echo done")
    forge(first, other.oar_id())
    grid.user("arckill", "-k", first.url)
    first.wait(seconds=240)
    assert only(first)["state"] == "Error"
    other.wait()
    assert other.failure() == "", other.diagnostics()
    assert only(other)["state"] == "Terminated"


def forge(job: Job, job_id: int) -> None:
    """As the user, write another OAR job ID into the two files of the job that name it."""
    for kind, key in (("local", "localid"), ("grami", "joboption_jobid")):
        text = re.sub(rf"(?m)^{key}=.*\n", "", job.control(kind)) + f"{key}={job_id}\n"
        for path in job.control_paths(kind):
            if job.grid.read(path):
                job.grid.bed.run(["tee", path], user=USER, input=text)
