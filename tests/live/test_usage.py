"""CPU time and memory of jobs that OAR kills, and of processes that the program does not wait for.

All jobs run at once. Each one prints its own CPU time, with which its accounting is compared.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

import pytest
from bed import Bed
from bed.grid import USER, Grid, Job, shell, xrsl

pytestmark = pytest.mark.live

BEST_EFFORT = '[ "$1" != 0 ] || joboption_oar_types=besteffort\n'
# Has 100 MB in memory and uses LIMIT seconds of CPU time, which it keeps writing to cpu-NAME. Then
# it sleeps for IDLE seconds: the machine has other work.
BURN = """\
import sys, time
block = b"x" * (100 << 20)
limit, name, idle = sys.argv[1:]
used = 0.0
while used < float(limit):
    sum(range(1000000))
    used = time.process_time()
    with open("cpu-" + name, "a") as file:
        print(used, file=file)
time.sleep(float(idle))
"""
JOBS = {
    "wall time": ("python3 burn.py 10 a 1000", '(walltime="1 minute")'),
    "oardel": ("python3 burn.py 4 a 1000", ""),
    "preempted": ("python3 burn.py 4 a 1000", '(runtimeenvironment="TEST/BESTEFFORT")'),
    "detached": (
        "setsid nohup python3 burn.py 5 a 0 >/dev/null 2>&1 & "
        "until grep -q ^[2-9] cpu-a; do sleep 0.2; done; echo done",
        "",
    ),
    "two": ("python3 burn.py 1 a 0 & python3 burn.py 1 b 0; wait", ""),
}
REASONS = {
    "wall time": "Job exceeded its walltime of 0:01:00 and was killed",
    "oardel": "Job was deleted in OAR by user root",
    "preempted": "Job ran as best-effort and was killed to make room for another job",
}


def burnt(job: Job) -> float:
    """The CPU time that the job's processes have printed, in seconds."""
    texts = [job.output(f"cpu-{name}").splitlines() for name in "ab"]
    return sum(float(lines[-1]) for lines in texts if lines)


def used_cpu(job: Job) -> bool:
    return burnt(job) > 1


def seconds(job: Job) -> float:
    """The CPU time in the accounting of the job."""
    diag = job.diag()
    values = [diag.get(key, ["0s"])[-1] for key in ("usertime", "kerneltime")]
    return sum(float(value.rstrip("s")) for value in values)


def megabytes(job: Job) -> int:
    return int(job.diag()["maxresidentmemory"][-1].removesuffix("kB")) // 1024


@pytest.fixture(scope="module")
def jobs(bed: Bed, grid: Grid) -> dict[str, Job]:
    bed.run(["tee", "/var/spool/arc/jobstatus/rte/enabled/TEST/BESTEFFORT"], input=BEST_EFFORT)
    descriptions = (
        xrsl(
            "/bin/sh",
            "-c",
            script,
            extra=f'(inputfiles=("burn.py" ""))(outputfiles=("/" "")){extra}',
        )
        for script, extra in JOBS.values()
    )
    submitted = grid.submit_all((text, {"burn.py": BURN}) for text in descriptions)
    found = dict(zip(JOBS, submitted))
    for name in ("oardel", "preempted"):
        job = found[name]
        job.wait_until(partial(used_cpu, job), "using CPU time")
    bed.run(["oardel", str(found["oardel"].oar_id())])
    (node,) = found["preempted"].oar_jobs()[0]["assigned_network_address"]
    bed.run(
        ["oarsub", "-l", "/host=1,walltime=0:1:0", "-p", f"network_address='{node}'", "true"],
        user=USER,
        cwd="/tmp",
    )
    for job in found.values():
        job.wait()
    return found


@pytest.mark.parametrize("name", REASONS)
def test_killed_job(jobs: dict[str, Job], bed: Bed, name: str) -> None:
    job = jobs[name]
    assert REASONS[name] in job.failure(), job.diagnostics()
    # Without a cgroup, the last second and a twentieth of the time before can be lost.
    least = burnt(job) * (0.98 if bed.has_cpusets() else 0.5)
    assert least <= seconds(job) <= burnt(job) + 3, job.diagnostics()
    assert 95 <= megabytes(job) <= 150
    assert "watchedusertime" not in job.diag()


def test_detached_process(jobs: dict[str, Job]) -> None:
    job = jobs["detached"]
    assert job.failure() == "", job.diagnostics()
    assert 1.9 <= seconds(job) <= burnt(job) + 3, job.diagnostics()
    assert 95 <= megabytes(job) <= 150


def test_two_processes(jobs: dict[str, Job]) -> None:
    job = jobs["two"]
    assert job.failure() == "", job.diagnostics()
    assert 1.9 <= seconds(job) <= burnt(job) + 3
    assert 195 <= megabytes(job) <= 260


def test_records_of_arex(jobs: dict[str, Job]) -> None:
    """What A-REX has accounted for a killed job, as arcctl prints it."""
    job = jobs["wall time"]
    # A-REX may write the record after the job's last state.
    text = job.wait_until(job.accounting, "accounted")
    used = re.search(r"Used CPUTime: ([0-9]+) ", text)
    # A-REX cuts the times to whole seconds.
    assert used, text
    assert seconds(job) - 2 < int(used[1]) <= seconds(job)
    assert re.search("Max physical memory: [1-9]", text)


def test_no_watcher_is_left(jobs: dict[str, Job], bed: Bed) -> None:
    processes = bed.run(["ps", "-eo", "user,args"]).stdout.splitlines()
    assert not [line for line in processes if line.startswith(USER) and "/job-" in line]


MANAGER = "/etc/oar/job_resource_manager_cgroups.pl"
# OAR makes the directories of its cgroups anew for the next job.
FORGET = "rm -rf /dev/oar_cgroups_links; rmdir /sys/fs/cgroup/*/oar"


@pytest.fixture
def memory_cgroups(bed: Bed, jobs: dict[str, Job]) -> Iterator[None]:
    """OAR makes a memory cgroup for each job, which it does not as shipped."""
    if not bed.has_cpusets():
        pytest.skip("the testbed is up without cpusets: testbed up --cpusets")
    for before, after in (("NO", "YES"), ("YES", "NO")):
        edit = f's/^my .Enable_mem_cg = .{before}.;/my $Enable_mem_cg = "{after}";/'
        bed.run(["sed", "-i", edit, MANAGER])
        bed.run(["sh", "-c", FORGET], check=False)
        if after == "YES":
            yield


@pytest.mark.usefixtures("memory_cgroups")
def test_job_at_its_memory_limit(grid: Grid, bed: Bed) -> None:
    script = "until [ -e go ]; do sleep 0.2; done; exec python3 -c 'b\"x\" * (300 << 20)'"
    job = grid.submit(shell(script))
    cgroup = f"/sys/fs/cgroup/memory/oar/{USER}_{job.wait_running()}"
    bed.run(["tee", f"{cgroup}/memory.limit_in_bytes"], input=str(100 << 20))
    bed.run(["touch", f"{job.session_dir}/go"])
    job.wait()
    assert job.failure().startswith(
        "LRMS error: (137) Job finished with exit code 137, which means that it was killed by "
        "signal 9 (SIGKILL); it had reached its memory limit of 100 MB, and the kernel killed a "
        "process of it"
    ), job.diagnostics()
    # The limit less what OAR's own processes have.
    assert 10 <= megabytes(job) <= 100
