"""share/slurm.py, run as ARC 6's own Python wrappers run it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from standin import Standin
from support.ce import GRID_ID, Ce
from support.isolation import NO_ARC
from support.oar_site import Site

from arc_lrms_oar.local_ids import is_unsubmitted

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
DROP_IN = ROOT / "arc_lrms_oar" / "share" / "slurm.py"
LINE = "joboption_jobid=1\n"


@pytest.fixture
def site(place: Path, oar: Standin) -> Site:
    """A site with slurm.py installed in an otherwise empty `arc.lrms`."""
    package = place / "arc" / "lrms"
    package.mkdir(parents=True)
    for folder in (package, package.parent):
        (folder / "__init__.py").touch()
    (package / "slurm.py").write_bytes(DROP_IN.read_bytes())
    return Site(Ce(place), oar)


def arex(
    site: Site, verb: str, *words: object, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a wrapper as A-REX does: no stdin, hardly any environment."""
    path = os.pathsep.join(map(str, (site.ce.place, ROOT, ROOT / "tests", ROOT / "testbed")))
    return subprocess.run(
        [sys.executable, HERE / "wrappers.py", verb, *(str(word) for word in words)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": path, "PATH": "/usr/bin:/bin", "HOME": "/", **NO_ARC, **variables},
        cwd=site.ce.place,
        check=False,
    )


def submit(site: Site, **variables: str) -> subprocess.CompletedProcess[str]:
    grami = site.ce.control / f"job.{GRID_ID}.grami"
    return arex(site, "submit", site.ce.conf, grami, **variables)


def test_job_is_submitted_from_its_grami_file(site: Site) -> None:
    """The description that the wrapper passes has neither quotes nor arguments."""
    files = site.ce.job(executable="/bin/sh", arguments=["-c", 'echo "it\'s" >here'], walltime=60)
    before = files.file("grami").read_text()
    done = submit(site)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.endswith("OAR job 1 submitted\n")
    assert files.file("grami").read_text() == before + LINE
    assert "/core=1,walltime=0:1:0" in site.submitted()[0]
    site.oar.wait(1)
    assert (files.session / "here").read_text() == "it's\n"


def test_wrapper_killed_after_submit_does_not_submit_twice(site: Site) -> None:
    """The job ID is in the GRAMi file before the wrapper writes it."""
    files = site.ce.job()
    before = files.file("grami").read_text()
    assert submit(site, ARC_OAR_KILLED="yes").returncode == -9
    assert files.file("grami").read_text() == before + LINE
    assert submit(site).returncode == 0
    assert files.file("grami").read_text() == before + 2 * LINE
    assert len(site.submitted()) == 1


def test_refused_job(site: Site) -> None:
    files = site.ce.job(queue="ghost")
    done = submit(site)
    assert done.returncode == 0
    assert done.stderr.endswith("\nOAR refused the job: The queue ghost does not exist\n")
    assert "Traceback" not in done.stderr
    assert is_unsubmitted(files.local_id())
    assert files.file("grami").read_text().count("joboption_jobid=") == 1


@pytest.mark.parametrize("missing", ["gridid", "controldir"])
def test_description_without_grid_id_or_control_directory(site: Site, missing: str) -> None:
    path = site.ce.job().file("grami")
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if f"_{missing}=" not in line))
    done = submit(site)
    assert done.returncode == 1
    assert done.stderr == (
        "The job description has no control directory or grid job ID (joboption_controldir, "
        "joboption_gridid), so its GRAMi file cannot be found\n"
    )
    assert site.commands() == []


@pytest.mark.parametrize("by", ["path", "id"])
def test_cancel(site: Site, by: str) -> None:
    files = site.running()
    target = files.file("grami") if by == "path" else "1"
    assert arex(site, "cancel", site.ce.conf, target).returncode == 0
    assert site.argvs("oardel") == [["oardel", "1"]]


def test_cancel_of_a_job_without_id(site: Site) -> None:
    done = arex(site, "cancel", site.ce.conf, site.ce.job().file("grami"))
    assert done.returncode == 1
    assert done.stderr.endswith(": the job has no OAR id, so there is nothing to cancel\n")
    assert done.stderr.count("\n") == 1


def test_scan(site: Site) -> None:
    files = site.running(exit_code=3 << 8)
    site.oar.update(1, state="Terminated")
    assert arex(site, "scan", site.ce.conf, site.ce.control).returncode == 0
    assert files.done() == "3 Job finished with exit code 3\n"


def test_info_with_the_configuration_of_the_command_line(site: Site) -> None:
    """The configuration is an argument of the provider, the process that calls get_lrms_info."""
    site.running()
    done = arex(site, "info", "--unused", "--config", site.ce.conf)
    schema, info = json.loads(done.stdout)
    assert set(schema) >= {"queues", "jobs"}
    assert info["cluster"]["lrms_version"] == "2.5.9"
    assert set(info["queues"]) == {"default"}
    assert set(info["queues"]["default"]["users"]) == {"/CN=Š�"}
    assert info["jobs"]["1"]["status"] == "R"


def test_info_without_a_configuration_on_the_command_line(site: Site) -> None:
    done = arex(site, "info", "x", ARC_CONFIG=str(site.ce.conf))
    assert json.loads(done.stdout)[1]["cluster"]["lrms_version"] == "2.5.9"
