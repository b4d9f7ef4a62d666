"""Debian's package beside ARC and OAR: installed by apt, upgraded, removed and purged.

It runs in a testbed of its own, in which nothing else has installed the package. Afterwards the
root is as before.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from bed import Bed
from bed.grid import Grid, Job, shell
from bed.layout import CHECKOUT
from bed.messages import no_progress
from bed.package import build_deb
from live.conftest import LABEL, SUITE
from live.test_disturbed import finished

from arc_lrms_oar.version import __version__

pytestmark = pytest.mark.live

HERE = Path(__file__).parent
OLDER = "0.0.9"
# What changes by itself on a running machine, or is the package manager's own.
CHANGING = ("apt", "arc", "dpkg", "oar", "postgresql", "pam", "nfs")
LISTING = ["find", "/usr", "/etc", "/var/lib", "-printf", r"%p %m %U:%G %y %l\n"]
WAIT = "until [ -e go ]; do sleep 0.2; done; echo done"


@pytest.fixture(scope="module")
def deb_bed(bed: Bed) -> Iterator[Bed]:
    """A testbed without the package; `bed` has checked that there can be one."""
    made = Bed(SUITE, label=f"-deb{LABEL}")
    made.up(conf=HERE / "arc.conf.in", with_cpusets=False, package_kind="none")
    yield made
    made.down()


def listing(bed: Bed) -> set[str]:
    """Path, mode, owner and link of every file that should not change by itself."""
    lines = bed.run(LISTING).stdout.splitlines()
    skipped = tuple(f"/var/lib/{name}" for name in CHANGING)
    return {line for line in lines if not line.startswith((*skipped, "/etc/ld.so.cache"))}


def apt(bed: Bed, *words: str) -> str:
    bed.run(["mkdir", "-p", "/var/lib/apt/lists/partial"])
    install = ["apt-get", "-y", "--no-install-recommends", *words]
    done = bed.run(install, env={"DEBIAN_FRONTEND": "noninteractive"}, cwd="/", timeout=300)
    return done.stdout + done.stderr


def problems(bed: Bed) -> list[str]:
    """What doctor reports of the installation."""
    output = bed.run(["arc-oar", "doctor", "--json"], check=False, cwd="/").stdout
    checks = ("Python", "ARC", "scripts", "permissions", "submit script as griduser")
    found = json.loads(output)["findings"]
    return [row["message"] for row in found if row["check"] in checks and row["level"] != "ok"]


def test_life_of_the_package(deb_bed: Bed) -> None:
    bed, grid = deb_bed, Grid(deb_bed)
    before = listing(bed)
    _, older = build_deb(bed.inside, CHECKOUT, no_progress, OLDER)
    slurmpy, newer = build_deb(bed.inside, CHECKOUT, no_progress)

    apt(bed, "install", older)
    assert bed.run(["arc-oar", "--version"]).stdout == f"{OLDER}\n"
    assert problems(bed) == []
    running = grid.submit(shell(WAIT, walltime="60 minutes"))
    running.wait_running()

    apt(bed, "install", newer)
    assert bed.run(["arc-oar", "--version"]).stdout == f"{__version__}\n"
    assert problems(bed) == []
    grid.user("touch", f"{running.session_dir}/go")
    finished(running)
    succeeds(grid.submit(shell("echo new")))
    back_to_the_older(bed, grid, older)
    apt(bed, "install", newer)
    if bed.suite.python_backends:
        slurmpy_by_diversion(bed, slurmpy)
    else:
        uninstall_of_a_copy(bed)

    # A-REX still starts the scripts while they are removed.
    apt(bed, "remove", "arc-lrms-oar")
    assert listing(bed) ^ before == set()
    apt(bed, "purge", "arc-lrms-oar")
    assert listing(bed) ^ before == set()
    assert "arc-lrms-oar" not in bed.run(["dpkg-divert", "--list"]).stdout


def back_to_the_older(bed: Bed, grid: Grid, older: str) -> None:
    """A rollback, while a job runs that the newer version has submitted."""
    running = grid.submit(shell(WAIT, walltime="60 minutes"))
    running.wait_running()
    apt(bed, "install", "--allow-downgrades", older)
    assert bed.run(["arc-oar", "--version"]).stdout == f"{OLDER}\n"
    assert problems(bed) == []
    grid.user("touch", f"{running.session_dir}/go")
    finished(running)


def succeeds(job: Job) -> None:
    job.wait()
    assert job.failure() == "", job.diagnostics()


def slurmpy_by_diversion(bed: Bed, slurmpy: str) -> None:
    """ARC's module is kept under another name and comes back."""
    module = "/usr/lib/python3/dist-packages/arc/lrms/slurm.py"
    stock = bed.path(module).read_text()
    apt(bed, "install", slurmpy)
    assert "arc_lrms_oar" in bed.path(module).read_text()
    assert bed.path(f"{module}.arc").read_text() == stock
    steps = bed.run(["arc-oar", "install", "--lrms", "SLURMPY"]).stdout
    assert f"unchanged {module}: it belongs to the package arc-lrms-oar-slurmpy" in steps
    apt(bed, "remove", "arc-lrms-oar-slurmpy")
    assert bed.path(module).read_text() == stock


def uninstall_of_a_copy(bed: Bed) -> None:
    """As an admin does who had a copy before: the package keeps its scripts for jobs of ARC 6."""
    steps = bed.run(["arc-oar", "uninstall"], cwd="/").stdout
    cancel = "/usr/share/arc/cancel-SLURMPY-job"
    assert f"leave {cancel}: the package arc-lrms-oar needs it" in steps
    assert bed.path(cancel).exists()
    assert problems(bed) == []
