"""From version 0.1.0 to this one and back, with jobs in A-REX, as docs/upgrade.md describes.

0.1.0 is a copy of the package; the new version is a copy or Debian's package. It runs in a testbed
of its own. Afterwards the root is as before. The archive beside this file has the package of 0.1.0,
commit 6bc5b5e of this repository, which a shallow clone and the sdist do not have.
"""

from __future__ import annotations

import json
import lzma
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from bed import Bed, package
from bed.grid import Grid, Job, shell
from bed.layout import CHECKOUT
from bed.messages import no_progress
from live.conftest import LABEL, SUITE
from live.test_deb import listing
from live.test_disturbed import GATED, finished, let_go

from arc_lrms_oar.version import __version__

pytestmark = pytest.mark.live

HERE = Path(__file__).parent
OLD = "/root/arc_lrms_oar-0.1.0"
NEW = "/opt/arc_lrms_oar"
DIST = "/usr/lib/python3/dist-packages"
COMMAND = "python3 -m arc_lrms_oar"
COPY = f"cp -r {{}}/arc_lrms_oar {DIST}/; {COMMAND} install"
REMOVE_COPY = f"rm -r {DIST}/arc_lrms_oar"


@pytest.fixture(scope="module")
def old_bed(bed: Bed) -> Iterator[Bed]:
    """A testbed without the package, with 0.1.0 in OLD; `bed` has checked that there can be one."""
    made = Bed(SUITE, label=f"-0.1.0{LABEL}")
    made.up(conf=HERE / "arc.conf.in", with_cpusets=False, package_kind="none")
    archive = lzma.decompress((HERE / "arc_lrms_oar-0.1.0.tar.xz").read_bytes())
    made.run(["mkdir", OLD])
    made.run_bytes(["tar", "-xf", "-", "-C", OLD], input=archive)
    yield made
    made.down()


def install_copy(bed: Bed) -> None:
    sh(bed, COPY.format(NEW))


def install_deb(bed: Bed) -> None:
    package.build_deb(bed.inside, CHECKOUT, no_progress)
    package.serve_debs(bed.inside)
    package.apt_get(bed.inside, "install", "arc-lrms-oar")


def remove_copy(bed: Bed) -> None:
    sh(bed, f"{COMMAND} uninstall; {REMOVE_COPY}")


def remove_deb(bed: Bed) -> None:
    package.apt_get(bed.inside, "purge", "arc-lrms-oar")
    sh(bed, f"rm {package.APT_SOURCE}")


WAYS: dict[str, tuple[Callable[[Bed], None], Callable[[Bed], None]]] = {
    "copy": (install_copy, remove_copy),
    "deb": (install_deb, remove_deb),
}


def sh(bed: Bed, script: str) -> str:
    return bed.run(["sh", "-euc", script], cwd="/", timeout=300).stdout


def version(bed: Bed) -> str:
    return sh(bed, f"{COMMAND} --version").split()[-1]


def problems(bed: Bed) -> list[str]:
    """What doctor reports of the installation."""
    output = bed.run([*COMMAND.split(), "doctor", "--json"], check=False, cwd="/").stdout
    checks = ("Python", "ARC", "scripts", "permissions", "submit script as griduser")
    found = json.loads(output)["findings"]
    return [row["message"] for row in found if row["check"] in checks and row["level"] != "ok"]


def running(grid: Grid, number: int) -> list[Job]:
    """Jobs that run until they are let go."""
    jobs = grid.submit_all([(shell(GATED, walltime="60 minutes"), {})] * number)
    for job in jobs:
        job.wait_running()
    return jobs


def end_in_oar(job: Job) -> None:
    let_go(job)
    job.wait_until(lambda: job.oar_state() == "Terminated", "ended in OAR")


def cancelled(job: Job) -> None:
    job.wait()
    assert job.failure().startswith("Job is canceled by external request"), job.diagnostics()
    assert [held["state"] for held in job.oar_jobs()] == ["Error"]


@pytest.mark.parametrize("way", WAYS)
def test_there_and_back(old_bed: Bed, way: str) -> None:
    bed, grid = old_bed, Grid(old_bed)
    install, remove = WAYS[way]
    before = listing(bed)
    sh(bed, COPY.format(OLD))
    assert version(bed) == "0.1.0"

    kept, ended, first, second = running(grid, 4)
    waiting = grid.submit(shell("echo done", extra="(count=8)"))
    waiting.wait("INLRMS")
    grid.user("arckill", "-k", first.url)
    bed.service("arex", "stop")
    end_in_oar(ended)
    sh(bed, REMOVE_COPY)
    install(bed)
    assert version(bed) == __version__
    assert problems(bed) == []
    log = len(grid.read(grid.helper_log))
    bed.service("arex", "start")
    grid.user("arckill", "-k", second.url)
    cancelled(first)
    cancelled(second)
    finished(ended)
    let_go(kept)
    finished(kept)
    finished(waiting)
    added = grid.read(grid.helper_log)[log:]
    for word in ("internal error", "cannot be imported", "Traceback", "ERROR"):
        assert word not in added

    kept, ended, second = running(grid, 3)
    bed.service("arex", "stop")
    end_in_oar(ended)
    remove(bed)
    assert listing(bed) ^ before == set()
    sh(bed, COPY.format(OLD))
    assert version(bed) == "0.1.0"
    bed.service("arex", "start")
    grid.user("arckill", "-k", second.url)
    cancelled(second)
    finished(ended)
    let_go(kept)
    finished(kept)
    sh(bed, f"{COMMAND} uninstall; {REMOVE_COPY}")
    assert listing(bed) ^ before == set()
