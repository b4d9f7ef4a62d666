"""Submit: one OAR job is made of one grid job, and its job ID is written for A-REX."""

from __future__ import annotations

import os
import re
import stat
import subprocess
from pathlib import Path

import pytest
from standin import Standin
from support.ce import GRID_ID, NOBODY, Ce
from support.job_script import printed_script
from support.oar_site import Site
from support.submission_checks import private_files, refused, script_of
from support.users import needs_root, run_as

from arc_lrms_oar.errors import GramiError, JobError
from arc_lrms_oar.job import grami


def test_job_is_submitted_and_runs(any_site: Site) -> None:
    site = any_site
    files = site.ce.job(
        executable="/bin/sh",
        arguments=["-c", "echo $A $OAR_JOB_ID; exit 3"],
        environment={"A": 'it\'s\n"so"'},
        stdout="out",
        walltime=60,
        name="my job",
    )
    assert site.submit(files) == 1
    assert files.local_id() == "1"
    assert private_files(files) == ["script"]
    assert site.commands() == ["oarsub"]
    assert site.submitted() == [
        [
            *("--name", f"my_job-{GRID_ID}", "-q", "default", "-l", "/core=1,walltime=0:1:0"),
            *("-d", str(files.session), "-O", str(files.comment), "-E", str(files.comment)),
            str(script_of(files)),
        ]
    ]
    ended = site.oar.wait(1)
    assert (ended["state"], ended["exit_code"]) == ("Terminated", 3 << 8)
    assert (files.session / "out").read_text() == 'it\'s "so" 1\n'
    assert files.comment.read_text() == ""
    assert files.accounting()["exitcode"] == ["3"]


def test_environment_of_oarsub(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OAR_SECRET", "of the CE")
    monkeypatch.setenv("X509_USER_PROXY", "/proxy")
    site.submit(site.ce.job())
    (call,) = site.oar.calls("oarsub")
    assert set(call.env) - {"PWD", "_", "SHLVL", "TZ", "OLDPWD"} == {
        "PATH",
        "HOME",
        "LC_ALL",
        "COLUMNS",
    }


def test_script_is_private_whatever_the_umask(site: Site) -> None:
    os.umask(0)
    files = site.ce.job(environment={"SECRET": "token"})
    site.submit(files)
    assert stat.S_IMODE(script_of(files).stat().st_mode) == 0o700
    assert stat.S_IMODE(script_of(files).parent.stat().st_mode) == 0o700
    (row,) = site.oar.jobs()
    assert "token" not in row["command"] + row["initial_request"]


def test_session_directory_with_a_blank(place: Path, oar: Standin) -> None:
    site = Site(Ce(place / "with blank"), oar)
    files = site.ce.job(executable="/bin/sh", arguments=["-c", "echo ran"], stdout="o")
    site.submit(files)
    oar.wait(1)
    assert (files.session / "o").read_text() == "ran\n"


@pytest.mark.parametrize(
    "name", ["'; DELETE FROM jobs; --", 'a"b', "$(id)", "two\nlines", "-q admin", "ü" * 60, "a/b"]
)
def test_hostile_name(site: Site, name: str) -> None:
    site.submit(site.ce.job(name=name))
    (row,) = site.oar.jobs()
    assert row["job_name"].endswith(GRID_ID)
    assert set(row["job_name"]) <= set(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
    )
    assert row["queue_name"] == "default"


def test_job_that_has_its_id_is_not_submitted_again(site: Site) -> None:
    files = site.ce.job()
    grami.append_local_id(str(files.file("grami")), 4711)
    assert site.submit(files) == 4711
    assert (site.commands(), os.listdir(files.session)) == ([], [])
    files.session.rmdir()
    assert site.submit(files) == 4711


@needs_root
def test_as_the_mapped_user(place: Path, oar: Standin, layout: int) -> None:
    """The control directory is root's: the user may append to the GRAMi file and create nothing."""
    site = Site(Ce(place, layout, owner=NOBODY), oar)
    oar.set("autorun", 0)
    files = site.ce.job(executable="/usr/bin/id", arguments=["-u"], stdout="o", rtes=[("R",)])
    site.ce.rte("R", "true\n")
    before = sorted(os.listdir(site.ce.control))
    assert run_as(NOBODY, lambda: site.submit(files)) == 1
    (call,) = oar.calls("oarsub")
    assert (call.uid, call.gid) == (NOBODY, NOBODY)
    assert files.local_id() == "1"
    assert sorted(os.listdir(site.ce.control)) == before
    assert script_of(files).stat().st_uid == NOBODY
    # By hand: this user's login shell runs nothing.
    subprocess.run([script_of(files)], user=NOBODY, group=NOBODY, check=True, env={})
    assert (files.session / "o").read_text() == f"{NOBODY}\n"


@pytest.mark.parametrize("version", ["2.6.1", "3.0.2"])
def test_other_versions_of_oar(place: Path, ce: Ce, version: str) -> None:
    with Standin.create(place / "other oar", version) as oar:
        site = Site(ce, oar)
        files = ce.job(executable="/bin/sh", arguments=["-c", "echo ran"], stdout="o", name="a b")
        assert site.submit(files) == 1
        assert oar.wait(1)["exit_code"] == 0
        assert (files.session / "o").read_text() == "ran\n"
        error = refused(site, ce.job("x" * 12, queue="nosuch"))
        assert str(error).startswith("OAR refused the job: ")
        assert "nosuch" in str(error)


def test_rte_that_changes_the_job(site: Site) -> None:
    site.ce.rte("MPI", "joboption_count=4; joboption_countpernode=2; joboption_queue=admin\n")
    site.configure("", queue="", **{"custom:oar/admin": "node_level=host"})
    files = site.ce.job(rtes=[("MPI",)])
    site.submit(files)
    (line,) = site.submitted()
    assert line[line.index("-l") + 1] == "/host=2/core=2"
    assert line[line.index("-q") + 1] == "admin"


def test_rte_that_refuses(site: Site) -> None:
    site.ce.rte("R", "echo why >&2; return 3\n")
    error = refused(site, site.ce.job(rtes=[("R",)]))
    assert str(error) == "the runtime environment R refused the job at submission (exit code 3)"
    assert isinstance(error, JobError)
    assert error.details == "why\n"
    assert site.commands() == []


def test_rte_with_both_stages_in_a_real_job(site: Site) -> None:
    site.ce.rte("R", '[ "$1" != 1 ] || export FROM_RTE="$2 $P"\n', params="P=param\n")
    files = site.ce.job(
        executable="/bin/sh",
        arguments=["-c", "echo $FROM_RTE"],
        stdout="o",
        rtes=[("R", "an option")],
    )
    site.submit(files)
    site.oar.wait(1)
    assert (files.session / "o").read_text() == "an option param\n"


def test_nodes_of_a_parallel_job(site: Site) -> None:
    files = site.ce.job(count=4, countpernode=2, numnodes=2)
    site.submit(files)
    site.oar.wait(1)
    found = files.accounting()
    assert len(found["nodename"]) == 2
    assert (found["processors"], found["nodecount"]) == (["4"], ["2"])


def test_missing_session_directory(site: Site) -> None:
    files = site.ce.job()
    files.session.rmdir()
    with pytest.raises(JobError) as caught:
        site.submit(files)
    assert str(caught.value) == f"the session directory '{files.session}' does not exist"


def test_site_without_a_shared_file_system(site: Site) -> None:
    site.configure("", arex="shared_filesystem=no")
    error = refused(site, site.ce.job())
    assert str(error).startswith("the site has shared_filesystem=no, but OAR brings no files")
    assert site.commands() == []


def test_malformed_grami(site: Site) -> None:
    files = site.ce.job()
    files.file("grami").write_text("joboption_arg_0='/bin/true\n")
    with pytest.raises(GramiError, match="line 1: malformed GRAMi file: a ' is opened"):
        site.submit(files)
    files.file("grami").unlink()
    with pytest.raises(GramiError, match="cannot read the GRAMi file: No such file"):
        site.submit(files)
    assert site.commands() == []


def test_start_time(site: Site) -> None:
    site.submit(site.ce.job(starttime="20990101000000Z"))
    (line,) = site.submitted()
    kind = line[line.index("-t") + 1]
    assert kind.startswith(("postpone=2099-01-01 ", "postpone=2098-12-31 "))
    assert site.oar.job(1)["state"] == "Waiting"


def test_scratch_of_the_site(site: Site, tmp_path: Path) -> None:
    site.configure("", arex=f"scratchdir={site.ce.place}/scratch")
    files = site.ce.job(
        executable="/bin/sh", arguments=["-c", "pwd; touch a b"], stdout="o", outputs=["/a", "/o"]
    )
    site.submit(files)
    site.oar.wait(1)
    assert (files.session / "o").read_text() == f"{site.ce.place}/scratch/{GRID_ID}\n"
    assert sorted(p.name for p in files.session.iterdir()) == [".arc_oar", "a", "o"]


def test_options_of_the_lrms_block(site: Site) -> None:
    site.configure("", lrms="gnu_time=/no/such\nbenchmark=HEPSPEC 7\nnodename=/bin/echo x")
    files = site.ce.job()
    site.submit(files)
    site.oar.wait(1)
    found = files.accounting()
    assert set(found["benchmark"]) == {"HEPSPEC:7"}
    assert "maxresidentmemory" not in found


def test_script_for_arcctl(site: Site, capfd: pytest.CaptureFixture[str]) -> None:
    """Case: `arcctl job script ID` found no script; values of the user are not shown."""
    files = site.ce.job(
        executable="./run",
        arguments=["secret 1"],
        environment={"TOKEN": "secret 2", "MY-TOKEN": "secret 3"},
        name="\x1b[31mred",
    )
    site.submit(files)
    printed = printed_script(capfd.readouterr().err)
    script = script_of(files).read_text()
    for hidden in ("secret 1", "secret 2", "secret 3", GRID_ID):
        assert hidden in script
    values = re.sub("'secret [12]'", "'(not shown)'", script)
    values = values.replace("'MY-TOKEN=secret 3'", "'MY-TOKEN=(not shown)'")
    values = values.replace(f"GRID_GLOBAL_JOBID='{GRID_ID}'", "GRID_GLOBAL_JOBID='(not shown)'")
    assert printed == values


def test_command_of_an_rte_is_not_shown(site: Site, capfd: pytest.CaptureFixture[str]) -> None:
    site.ce.rte("R", 'joboption_args="nice $joboption_args"\n')
    site.submit(site.ce.job(arguments=["secret"], rtes=[("R",)]))
    printed = printed_script(capfd.readouterr().err)
    assert "secret" not in printed
    assert "arc_oar_command='(not shown)'\n" in printed
