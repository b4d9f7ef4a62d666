"""A job ID that OAR assigns again, and a failed job that its user resubmits with arcresume."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from bed import Bed
from bed.grid import USER, Grid, Job, shell

pytestmark = pytest.mark.live


def sql(bed: Bed, statement: str) -> None:
    bed.run(["psql", "-q", "-d", "oar", "-c", statement], user="postgres", cwd="/")


def reassign(bed: Bed, job_id: int, *options: str) -> None:
    """Remove a job from OAR's database, and submit a job of the same user that gets its ID."""
    for table in ("jobs", "challenges"):
        sql(bed, f"DELETE FROM {table} WHERE job_id = {job_id}")
    sql(bed, f"SELECT setval('jobs_job_id_seq', {job_id}, false)")
    try:
        output = bed.run(["oarsub", *options], user=USER, cwd="/tmp").stdout
    finally:
        sql(bed, f"SELECT setval('jobs_job_id_seq', {job_id + 1000})")
    assert f"OAR_JOB_ID={job_id}\n" in output


@pytest.fixture
def stranger(grid: Grid, bed: Bed) -> Iterator[tuple[Job, int]]:
    """A grid job and its OAR job ID, which now belongs to another job of the same account."""
    job = grid.submit(shell("sleep 500"))
    job_id = job.wait_running()
    reassign(bed, job_id, "-l", "/core=1,walltime=0:10:0", "sleep 400")
    yield job, job_id
    bed.run(["oardel", str(job_id)], check=False)


def log_has(grid: Grid, text: str) -> bool:
    return text in grid.read(grid.helper_log)


def test_other_jobs_end_is_not_reported(grid: Grid, bed: Bed) -> None:
    job = grid.submit(shell("sleep 500"))
    job_id = job.wait_running()
    reassign(bed, job_id, "-l", "/core=1,walltime=0:10:0", "exit 0")
    line = f"{job.grid_id}: OAR job {job_id} is another job, named "
    job.wait_until(lambda: log_has(grid, line), "scan finds the other job")
    assert job.state() == "INLRMS"


def test_other_job_is_not_cancelled(grid: Grid, bed: Bed, stranger: tuple[Job, int]) -> None:
    job, job_id = stranger
    grid.user("arckill", "-k", job.url)
    line = f"{job.grid_id}: OAR job {job_id} is gone already"
    job.wait_until(lambda: line in job.control("errors"), "cancel leaves the other job alone")
    refused = f"{job.grid_id} (OAR job {job_id})"
    job.wait_until(lambda: log_has(grid, refused), "scan leaves the other job alone")
    record = bed.run(["oarstat", "-J", "-f", "-j", str(job_id)]).stdout
    assert "sleep 400" in record
    assert "FRAG_JOB_REQUEST" not in record


def test_failed_job_runs_again_after_arcresume(grid: Grid) -> None:
    # A-REX empties the session directory of a failed job, and OAR the temporary directories.
    flag = "~griduser/failed-$(basename $PWD)"
    script = f"if [ -e {flag} ]; then rm {flag}; echo again; else touch {flag}; exit 3; fi"
    job = grid.submit(shell(script, rerun="2"))
    job.wait()
    first = job.oar_id()
    assert "LRMS error: (3) " in job.failure()
    assert "joboption_jobid" not in job.control("grami")
    grid.user("arcresume", job.url)
    job.wait_until(lambda: job.oar_id() != first, "A-REX submits the job again")
    job.wait_until(lambda: job.state() == "FINISHED", "the second run ends")
    assert len(job.oar_jobs()) == 2
    assert job.output("out.txt") == "again\n"
    log = grid.read(grid.helper_log)
    assert log.count(f"{job.grid_id}: OAR job {first} ended: 3 ") == 1
    assert log.count(f"{job.grid_id}: OAR job {job.oar_id()} ended: 0 ") == 1
