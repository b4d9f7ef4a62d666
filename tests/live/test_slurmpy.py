"""`lrms = SLURMPY`: ARC 6's own Python wrappers with our slurm.py instead of ARC's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from bed import Bed
from bed.arcconf import CONTROLDIR
from bed.grid import USER, Grid, Job, shell, xrsl
from live.test_disturbed import cancelled, finished
from live.test_grid_jobs import ADMIN_ONLY, ODD_VALUES, SHOW_ARGUMENTS, End, check

pytestmark = pytest.mark.live

HERE = Path(__file__).parent

# ARC 6.10 does not choose a queue if there are several.
QUEUE = "default"
JOBS = {
    "success": shell("echo hello", queue=QUEUE),
    "exit3": shell("exit 3", queue=QUEUE),
    "refused": shell("echo never", queue="admin"),
    "arguments": xrsl("/bin/sh", "-c", SHOW_ARGUMENTS, "sh", *ODD_VALUES.values(), queue=QUEUE),
    "cancelled": shell("sleep 300", queue=QUEUE),
    "restart": shell("until [ -e go ]; do sleep 0.2; done; echo done", queue=QUEUE),
}


@pytest.fixture(scope="module")
def slurmpy(bed: Bed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grid]:
    """The grid with a CE that uses OAR through ARC's Python wrappers."""
    conf = tmp_path_factory.mktemp("slurmpy") / "arc.conf"
    conf.write_text((HERE / "arc.conf.in").read_text().replace("lrms = OAR\n", "lrms = SLURMPY\n"))
    bed.reconf(conf)
    yield Grid(bed)
    bed.reconf(HERE / "arc.conf.in")


@pytest.fixture(scope="module")
def jobs(slurmpy: Grid) -> dict[str, Job]:
    return dict(zip(JOBS, slurmpy.submit_all((text, {}) for text in JOBS.values())))


def test_arex_restarted(jobs: dict[str, Job], bed: Bed) -> None:
    job = jobs["restart"]
    job.wait_running()
    bed.service("arex", "restart")
    job.grid.user("touch", f"{job.session_dir}/go")
    finished(job)


def test_cancelled_by_a_grami_path(jobs: dict[str, Job]) -> None:
    job = jobs["cancelled"]
    job.wait_running()
    job.grid.user("arckill", "-k", job.url)
    cancelled(job, "Error")


def test_exit_codes(jobs: dict[str, Job]) -> None:
    check(jobs["success"], End(0, "Job finished with exit code 0"))
    assert jobs["success"].local()["lrms"] == "SLURMPY"
    assert jobs["success"].output("out.txt") == "hello\n"
    check(jobs["exit3"], End(3, "Job finished with exit code 3"))


def test_one_id_in_the_grami_file(jobs: dict[str, Job]) -> None:
    """There is one line with the job ID.

    The drop-in writes it at once, and ARC's wrapper later writes the same line at the same place.
    """
    job = jobs["success"]
    job.wait()
    lines = job.control("grami").splitlines()
    assert [line for line in lines if "jobid" in line.lower() and "GLOBAL" not in line] == [
        f"joboption_jobid={job.oar_id()}"
    ]


def test_odd_values_arrive_unchanged(jobs: dict[str, Job]) -> None:
    """ARC's own GRAMi parser, which passes its values to the drop-in, would change them."""
    check(jobs["arguments"], End(0, "Job finished with exit code 0"))
    raw = jobs["arguments"].output("out.txt").encode("utf-8", "surrogateescape").decode()
    assert raw.split("\0")[:-1] == list(ODD_VALUES.values())


def test_refused_by_oar(jobs: dict[str, Job]) -> None:
    job = jobs["refused"]
    job.wait()
    errors = job.control("errors")
    assert f"OAR refused the job: {ADMIN_ONLY}\n" in errors
    assert job.failure() == f"LRMS error: (512) OAR refused the job: {ADMIN_ONLY}"
    assert "Traceback" not in errors
    assert job.oar_jobs() == []


def test_information(slurmpy: Grid, jobs: dict[str, Job]) -> None:
    """SLURMPYmod.pm publishes OAR through Inline::Python; if that fails, no document is written."""
    newer = ["find", f"{CONTROLDIR}/info.xml", "-newer", "/run/arched-arex.cfg"]
    jobs["success"].wait_until(lambda: slurmpy.root(*newer), "published", 150)
    assert "<ProductName>oar</ProductName>" in slurmpy.read(f"{CONTROLDIR}/info.xml")


def test_no_pickle(slurmpy: Grid, jobs: dict[str, Job]) -> None:
    """ARC's own backend stores its configuration in /tmp and loads any file it finds there."""
    jobs["success"].wait()
    assert "python_lrms" not in slurmpy.root("ls", "/tmp")
    assert slurmpy.root("stat", "-c", "%U", jobs["success"].session_dir).strip() == USER
