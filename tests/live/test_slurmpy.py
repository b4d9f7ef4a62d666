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
SAVED = f"{CONTROLDIR}.arc6"
# As A-REX 7 does: each job gets a directory, and the names of its files become shorter.
TO_ARC_7 = """
cd "$1" && touch version2
for file in job.*.*; do
    id=${file#job.} && id=${id%%.*}
    folder=jobs/$(echo "$id" | sed 's#^\\(...\\)\\(...\\)\\(...\\)#\\1/\\2/\\3/#')
    mkdir -p "$folder" && mv "$file" "$folder/${file#job."$id".}"
done
for status in */job.*.status; do mv "$status" "${status%/*}/${status#*/job.}"; done
"""

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
    jobs["success"].wait_until(lambda: slurmpy.root(*newer), "published")
    assert "<ProductName>oar</ProductName>" in slurmpy.read(f"{CONTROLDIR}/info.xml")


def test_no_pickle(slurmpy: Grid, jobs: dict[str, Job]) -> None:
    """ARC's own backend stores its configuration in /tmp and loads any file it finds there."""
    jobs["success"].wait()
    assert "python_lrms" not in slurmpy.root("ls", "/tmp")
    assert slurmpy.root("stat", "-c", "%U", jobs["success"].session_dir).strip() == USER


def test_rollback_from_arc_7(slurmpy: Grid, bed: Bed) -> None:
    """docs/upgrade.md: the saved control directory is restored; a job has ended since."""
    script = "until [ -e go ]; do sleep 0.2; done; echo done"
    kept, ended = slurmpy.submit_all([(shell(script, queue=QUEUE), {})] * 2)
    for job in (kept, ended):
        job.wait_running()
    bed.service("arex", "stop")
    try:
        slurmpy.root("cp", "-a", CONTROLDIR, SAVED)
        slurmpy.root("sh", "-euc", TO_ARC_7, "sh", CONTROLDIR)
        assert "job." not in slurmpy.root("ls", CONTROLDIR)
        slurmpy.user("touch", f"{ended.session_dir}/go")
        ended.wait_until(lambda: ended.oar_state() == "Terminated", "ended in OAR")
        slurmpy.root("rm", "-r", CONTROLDIR)
        slurmpy.root("mv", SAVED, CONTROLDIR)
        slurmpy.root("python3", "-m", "arc_lrms_oar", "install", "--lrms", "SLURMPY", cwd="/")
    finally:
        bed.service("arex", "start")
    finished(ended)
    slurmpy.user("touch", f"{kept.session_dir}/go")
    finished(kept)
