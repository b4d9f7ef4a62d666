"""OAR with cpusets, as on real sites: the cgroup of a job, detached processes, suspended jobs."""

from __future__ import annotations

import re

import pytest
from bed import Bed
from bed.cpusets import reason_unavailable
from bed.grid import USER, Grid, Job, shell

pytestmark = pytest.mark.live


@pytest.fixture(autouse=True)
def _cpusets(bed: Bed) -> None:
    reason = reason_unavailable(bed.suite)
    if not bed.has_cpusets():
        pytest.skip(reason or "the testbed is up without cpusets: testbed up --cpusets")


def suspended(job: Job) -> int:
    """Suspend the job once it runs, and return its OAR job ID."""
    job_id = job.wait_running()
    job.grid.root("oarhold", "-r", str(job_id))
    job.wait_until(lambda: job.oar_state() == "Suspended", "suspended in OAR")
    return job_id


def test_job_runs_in_its_own_cpuset(grid: Grid) -> None:
    job = grid.submit(shell("cat /proc/self/cgroup; grep Cpus_allowed_list /proc/self/status"))
    job.wait()
    lines = job.output("out.txt").splitlines()
    cgroups = dict(line.split(":")[1:] for line in lines if line.count(":") == 2)
    for controller in ("cpuset", "cpu", "cpuacct", "devices", "freezer"):
        assert cgroups[controller] == f"/oar/{USER}_{job.oar_id()}"
    assert re.fullmatch(r"Cpus_allowed_list:\s+[01]", lines[-1])


def test_detached_process_ends_with_the_job(grid: Grid, bed: Bed) -> None:
    job = grid.submit(shell("setsid sleep 300 >/dev/null 2>&1 & echo $!"))
    job.wait()
    assert job.failure() == "", job.diagnostics()
    pid = int(job.output("out.txt"))
    assert not bed.path(f"/proc/{pid}").exists()


def test_suspended_job_continues(grid: Grid) -> None:
    job = grid.submit(shell("sleep 5; echo done"))
    job_id = suspended(job)
    assert job.state() == "INLRMS"
    grid.root("oarresume", str(job_id))
    job.wait()
    assert job.failure() == "", job.diagnostics()
    assert job.output("out.txt") == "done\n"


def test_suspended_job_is_cancelled(grid: Grid) -> None:
    job = grid.submit(shell("sleep 300"))
    job_id = suspended(job)
    grid.user("arckill", "-k", job.url)
    job.wait_until(lambda: job.state() in ("CANCELING", "FINISHED"), "being cancelled")
    # OAR cannot kill frozen processes: the deletion takes effect when the job is resumed.
    grid.bed.run(["oarresume", str(job_id)], check=False)
    job.wait()
    assert job.failure().startswith("Job is canceled by external request"), job.diagnostics()
    assert [row["state"] for row in job.oar_jobs()] == ["Error"]
