"""Submit: settings of the site and of runtime environments, and attributes without effect."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.ce import GRID_ID, JobFiles
from support.hostile_text import CANARY, LONG, WORDS
from support.job_script import without_script
from support.oar_site import Site
from support.submission_checks import refused

from arc_lrms_oar.errors import OarLrmsError

RTES = Path(__file__).parent.parent.parent / "arc_lrms_oar" / "share" / "rte"


def sample(site: Site, name: str, params: str = "") -> None:
    site.ce.rte(name, (RTES / name).read_text(), params=params)


def line(site: Site, files: JobFiles) -> list[str]:
    """The arguments of oarsub between the job's name and its directory."""
    site.submit(files)
    (argv,) = site.submitted()
    return argv[2 : argv.index("-d")]


def test_queue_and_project_by_identity(any_site: Site) -> None:
    site = any_site
    site.configure(
        "project = rest\n"
        "identity = voms /atlas/Role=pilot -> project=pilots oar_queue=besteffort\n"
        "identity = vo atlas -> project=atlas\n"
    )
    files = site.ce.job()
    with files.file("local").open("a") as local:
        local.write("subject=/DC=org/CN=Me\nvoms=/atlas/Role=pilot/Capability=NULL\nvoms=/atlas\n")
    assert line(site, files)[:4] == ["--project", "pilots", "-q", "besteffort"]


def test_user_without_a_rule(site: Site) -> None:
    site.configure("project = rest\nidentity = vo atlas -> project=atlas\n")
    assert line(site, site.ce.job())[:4] == ["--project", "rest", "-q", "default"]


def test_missing_local_file(site: Site) -> None:
    site.configure("identity = vo atlas -> project=atlas\n")
    files = site.ce.job()
    files.file("local").unlink()
    assert line(site, files)[:2] == ["-q", "default"]


def test_sample_for_best_effort(site: Site) -> None:
    sample(site, "OAR/BESTEFFORT")
    files = site.ce.job(rtes=[("OAR/BESTEFFORT",)])
    assert line(site, files) == ["-q", "default", "-l", "/core=1", "-t", "besteffort"]


def test_sample_for_best_effort_that_starts_again(site: Site) -> None:
    sample(site, "OAR/BESTEFFORT", params='IDEMPOTENT="yes"\n')
    files = site.ce.job(rtes=[("OAR/BESTEFFORT",)])
    assert line(site, files)[4:] == ["-t", "besteffort", "-t", "idempotent"]


@pytest.mark.parametrize(
    ("params", "options", "words"),
    [
        ("", (), ["-l", "/network_address=1/cpu=1", "-p", "cpu <> '0'"]),
        ('GPUS="2"\n', (), ["-l", "/network_address=1/cpu=2", "-p", "cpu <> '0'"]),
        (
            'GPUS="2"\nCONDITION="mem>1"\n',
            ("1",),
            ["-l", "/network_address=1/cpu=1", "-p", "(mem>1) AND (cpu <> '0')"],
        ),
    ],
)
def test_sample_for_gpus(
    site: Site, params: str, options: tuple[str, ...], words: list[str]
) -> None:
    """The stand-in's nodes have no GPUs, so their CPUs are used."""
    site.configure("gpu_level = cpu")
    sample(site, "OAR/GPU", params)
    request = site.ce.job(rtes=[("OAR/GPU", *options)])
    prepared = site.prepare(request)
    assert prepared[prepared.index("-l") : prepared.index("-d")] == words


def test_sample_for_gpus_refuses_too_many(site: Site) -> None:
    sample(site, "OAR/GPU", 'MAX_GPUS="4"\n')
    error = refused(site, site.ce.job(rtes=[("OAR/GPU", "5")]))
    assert str(error) == (
        "the runtime environment OAR/GPU refused the job at submission (exit code 1)"
    )
    assert "OAR/GPU: 5 GPUs were asked for, and a node has 4\n" in getattr(error, "details", "")


@pytest.mark.parametrize(
    ("options", "nodes"), [((), "3"), (("2",), "2")], ids=["parameter", "option"]
)
def test_sample_for_whole_nodes(site: Site, options: tuple[str, ...], nodes: str) -> None:
    sample(site, "OAR/WHOLE-NODE", 'NODES="3"\n')
    files = site.ce.job(rtes=[("OAR/WHOLE-NODE", *options)], count=4, countpernode=2)
    assert line(site, files)[2:] == ["-l", f"/network_address={nodes}"]


@pytest.mark.parametrize("name", ["OAR/GPU", "OAR/WHOLE-NODE"])
def test_hostile_options_of_the_samples(site: Site, name: str) -> None:
    sample(site, name)
    for number, word in enumerate([*WORDS, LONG]):
        files = site.ce.job(f"{GRID_ID}{number}", rtes=[(name, word)])
        with pytest.raises(OarLrmsError, match=r" wrong: it must be a whole number") as caught:
            site.prepare(files)
        assert len(str(caught.value)) < 400
    assert not os.path.exists(CANARY)


def test_value_of_a_runtime_environment_that_cannot_be_read(site: Site) -> None:
    sample(site, "OAR/WHOLE-NODE")
    error = refused(site, site.ce.job(rtes=[("OAR/WHOLE-NODE", "two")]))
    assert str(error).endswith("joboption_numnodes='two' is wrong: it must be a whole number")


def test_ignored_attributes_are_reported_once(
    site: Site, capfd: pytest.CaptureFixture[str]
) -> None:
    files = site.ce.job(memory=1000, disk=5, priority=70)
    site.submit(files)
    site.submit(files)
    assert without_script(capfd.readouterr().err) == (
        "Without effect on OAR: memory: OAR does not get it, because this queue has no "
        "memory_property\n"
        "Without effect on OAR: disk: OAR has no information about disk space on its nodes\n"
        "Without effect on OAR: priority: only A-REX uses it; users cannot set a "
        "priority in OAR\n"
    )


def test_plain_job_prints_nothing_more(site: Site, capfd: pytest.CaptureFixture[str]) -> None:
    site.submit(site.ce.job(walltime=60))
    assert without_script(capfd.readouterr().err) == ""


def test_signal_before_the_end_of_the_wall_time(site: Site) -> None:
    site.configure("checkpoint = 30\ncheckpoint_signal = 10")
    files = site.ce.job(walltime=60)
    assert line(site, files)[4:] == ["--checkpoint", "30", "--signal", "10"]
    (script,) = (files.session / ".arc_oar").glob("job-*.sh")
    assert "arc_oar_signal='10'\n" in script.read_text()
