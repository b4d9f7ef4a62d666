"""Submit and scan, killed at their steps on the real OAR.

Each grid job must get one OAR job, and the end of every job must be reported. The steps are those
of tests/support/kill_at_step.py, in this package and in oarsub. The tests use some of them, evenly
spaced, or all of them with ARC_OAR_TEST_ALL_STEPS=1 in the environment.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from bed import Bed
from bed.grid import USER, Grid, Job, shell
from support.bed_site import BedJob, BedSite, sample

pytestmark = pytest.mark.live

PLACE = "/var/spool/stepped"
TAG = f"{time.time_ns():x}"[-6:]
ONCE = "echo ran >>ran"


@pytest.fixture(scope="module")
def site(bed: Bed) -> BedSite:
    return BedSite(bed, f"{PLACE}-{TAG}")


def steps_of_submit(site: BedSite, prefix: str, *flags: str) -> int:
    """Return the number of steps of an undisturbed submission."""
    job = site.job(f"{prefix}none", ONCE)
    answer = site.step(0, job.submit_words(), *flags, user=USER)
    assert (answer["code"], len(job.ids())) == (0, 1)
    return int(answer["steps"])


@pytest.mark.parametrize(
    ("how", "flags", "most"),
    [("reboot", ("--tree",), 10), ("killed", (), 5)],
    ids=["with oarsub, as in a reboot", "and oarsub goes on"],
)
def test_submission_killed(site: BedSite, how: str, flags: tuple[str, ...], most: int) -> None:
    prefix = f"{TAG}{how}"
    steps = steps_of_submit(site, prefix, *flags)

    def kill_and_try_again(step: int) -> tuple[BedJob, str]:
        job = site.job(f"{prefix}{step:03}", ONCE)
        answer = site.step(step, job.submit_words(), *flags, user=USER)
        again = job.submit()
        detail = f"step {step} of {steps}, {answer['at']}: {again.stderr}"
        assert again.returncode == 0, detail
        return job, detail

    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(kill_and_try_again, sample(steps, most)))
    held = site.settled(prefix)
    for job, detail in done:
        (job_id,) = job.ids()
        rows = {row["Job_Id"]: row for row in held[job.grid_id]}
        assert rows.pop(job_id)["exit_code"] == 0, detail
        # An incomplete job of a killed oarsub was deleted, and never ran.
        assert all(r["state"] == "Error" and not r["startTime"] for r in rows.values()), detail
        assert site.read(f"{job.session}/ran") == "ran\n", detail


def test_submission_on_a_disk_that_gets_full(site: BedSite) -> None:
    """Either the job is in OAR and A-REX has its job ID, or no job is left in OAR."""
    prefix = f"{TAG}full"
    steps = steps_of_submit(site, prefix)

    def fill(step: int) -> tuple[BedJob, int]:
        job = site.job(f"{prefix}{step:03}", "sleep 200")
        return job, int(site.step(step, job.submit_words(), "--full", user=USER)["code"])

    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(fill, sample(steps, 5)))
    held = site.held(prefix)
    for job, code in done:
        if code == 0:
            assert job.ids() == [row["Job_Id"] for row in held[job.grid_id]]
            site.bed.run(["oardel", str(job.ids()[0])])
        else:
            assert job.ids() == []
    assert {code == 0 for _, code in done} == {True, False}
    assert site.settled(prefix, 100), "what A-REX does not know of was not deleted"


JOBS = {"good": ONCE, "bad": "echo oops >&2; exit 3", "killed": "sleep 300"}


@pytest.fixture(scope="module")
def ended(bed: Bed) -> dict[str, BedJob]:
    """Jobs that have ended in OAR in three ways, with A-REX's files."""
    site = BedSite(bed, f"{PLACE}-{TAG}-scan")
    jobs = {how: site.job(f"{TAG}scan{how}", script) for how, script in JOBS.items()}
    for job in jobs.values():
        assert job.submit().returncode == 0
    bed.run(["oardel", str(jobs["killed"].ids()[0])])
    for job in jobs.values():
        site.in_lrms(job)
    site.settled(f"{TAG}scan")
    bed.run(["cp", "-a", site.place, f"{site.place}.as-it-was"])
    return jobs


def restored(ended: dict[str, BedJob]) -> BedSite:
    """Restore the control and session directory as before any scan."""
    site = ended["good"].site
    site.bed.run(["sh", "-c", f"rm -rf {site.place} && cp -a {site.place}.as-it-was {site.place}"])
    return site


def undisturbed(ended: dict[str, BedJob]) -> tuple[dict[str, tuple[str, bytes]], int]:
    """Run one scan; return the files that it leaves behind, and the number of its steps."""
    site = restored(ended)
    answer = site.step(0, site.scan_words(), "--tree")
    assert answer["code"] == 0
    codes = {how: site.read(job.file("lrms_done")).split()[0] for how, job in ended.items()}
    assert codes == {"good": "0", "bad": "3", "killed": "265"}
    return site.files(), int(answer["steps"])


def test_scan_killed(ended: dict[str, BedJob]) -> None:
    """The next scan completes everything once. No lock remains, even if oarstat still runs."""
    wanted, steps = undisturbed(ended)
    for step in sample(steps, 8):
        site = restored(ended)
        answer = site.step(step, site.scan_words(), *(["--tree"] if step % 2 else []))
        for path in site.path("control").glob("*.lrms_done"):
            assert path.read_bytes().endswith(b"\n"), f"half a file, step {step}, {answer['at']}"
        site.bed.run(site.scan_words())
        assert site.files() == wanted, f"step {step} of {steps}, {answer['at']}"


def test_scan_on_a_disk_that_gets_full(ended: dict[str, BedJob]) -> None:
    """Once there is space again, the next scan leaves the same files as an undisturbed one."""
    wanted, steps = undisturbed(ended)
    for step in sample(steps, 3):
        site = restored(ended)
        answer = site.step(step, site.scan_words(), "--full")
        site.bed.run(site.scan_words())
        assert site.files() == wanted, f"full from step {step} of {steps}, {answer['at']}"


def test_two_scans_at_once(ended: dict[str, BedJob]) -> None:
    wanted, _ = undisturbed(ended)
    site = restored(ended)
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: site.bed.run(site.scan_words()), range(3)))
    assert site.files() == wanted


def waiting(bed: Bed, job: Job) -> bool:
    """Return whether an oarsub of the job is running."""
    lines = bed.run(["ps", "axww", "-o", "args"]).stdout.splitlines()
    return any("oarsub" in line and f"{job.grid_id}/.arc_oar/" in line for line in lines)


def test_arex_killed_while_it_submits(grid: Grid, bed: Bed) -> None:
    """The oarsub of the killed A-REX still waits for the database when the new A-REX submits."""
    bed.service("postgres", "stop")
    try:
        jobs = grid.submit_all([(shell("echo ran"), {})] * 2)
        for job in jobs:
            job.wait_until(partial(waiting, bed, job), "waiting in oarsub")
        bed.service("arex", "kill")
        bed.service("arex", "start")
    finally:
        bed.service("postgres", "start")
        bed.service("oar", "restart")
    for job in jobs:
        job.wait()
        (held,) = job.oar_jobs()
        assert (held["Job_Id"], held["exit_code"]) == (job.oar_id(), 0), job.diagnostics()
        assert job.output("out.txt") == "ran\n"


def test_node_that_dies_under_a_running_job(grid: Grid, bed: Bed) -> None:
    job = grid.submit(shell("sleep 300"))
    job.wait_running()
    (node,) = job.oar_jobs()[0]["assigned_network_address"]
    try:
        bed.run(["oarnodesetting", "-s", "Dead", "-h", node])
        job.wait()
    finally:
        bed.run(["oarnodesetting", "-s", "Alive", "-h", node])
    assert job.failure().startswith("LRMS error: (265) Job was deleted in OAR by user "), (
        job.diagnostics()
    )
    assert job.diag()["exitcode"] == ["265"]
    assert job.diag()["nodename"] == [node]
