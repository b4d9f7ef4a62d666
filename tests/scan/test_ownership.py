"""Users write other users' OAR job IDs into the files that A-REX gives them; scan runs as root.

Where root runs the tests the job's user is really another one; elsewhere it is the caller.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
from standin import Standin
from support.ce import GRID_ID, NOBODY, Ce, JobFiles
from support.oar_site import Site, oar_name
from support.scan_jobs import OTHER, Hours, ended, noted, said
from support.users import needs_root

from arc_lrms_oar.arex.controldir import read_job
from arc_lrms_oar.oar.job_record import JobRecord
from arc_lrms_oar.scan.job_index import IndexedJob
from arc_lrms_oar.scan.ownership import Ownership

VICTIM = "victim"
USER = NOBODY if os.geteuid() == 0 else None


@pytest.fixture
def hostile(place: Path, oar: Standin, layout: int) -> Site:
    """A site whose grid jobs belong to a user who is not root, with ARC 6 and 7."""
    return Site(Ce(place / "ce", layout, USER), oar)


def canceling(site: Site, job_id: int, grid_id: str = GRID_ID) -> JobFiles:
    files = site.ce.in_lrms(grid_id, job_id, "CANCELING")
    os.utime(files.status, (time.time() - 100, time.time() - 100))
    return files


def test_job_of_another_user_is_not_cancelled(
    hostile: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile.add_job_of(GRID_ID, owner=VICTIM)
    canceling(hostile, 1)
    hostile.add_job_of(OTHER)
    canceling(hostile, 2, OTHER)
    hostile.scan()
    assert hostile.argvs("oardel") == [["oardel", "2"]]
    (line,) = said(capsys)
    assert line.startswith(
        "[WARNING] not cancelled, since OAR has no such job of its user, some of: "
    )
    assert "(OAR job 1)" in line


def test_job_that_does_not_exist_yet_is_not_cancelled(hostile: Site) -> None:
    """By the time of the oardel it could be another user's."""
    canceling(hostile, 4711)
    hostile.scan()
    assert hostile.argvs("oardel") == []


@pytest.mark.parametrize("version", ["2.5.9", "2.6.1", "3.0.2"])
def test_end_of_another_users_job_is_not_reported(
    ce: Ce, version: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with Standin.create(ce.place / "oar", version) as oar:
        site = Site(ce, oar)
        row: dict[str, Any] = {"state": "Terminated", "exit_code": 3 << 8}
        files = noted(site.running(owner=VICTIM, **row), 3)
        own = ended(site, OTHER)
        before = (files.errors(), files.diag.read_bytes())
        assert site.scan() == [OTHER]
        assert (files.done(), files.errors(), files.diag.read_bytes()) == (None, *before)
        assert own.done() == "0 Job finished with exit code 0\n"
        line = f"{GRID_ID}: OAR job 1 belongs to {VICTIM}, not to {ce.user}; it is left alone"
        assert f"[ERROR] {line}" in said(capsys)


@needs_root
def test_id_that_other_users_claim_too(hostile: Site, capsys: pytest.CaptureFixture[str]) -> None:
    """The job of OAR's owner is reported and no other, whatever the order of the listing."""
    thieves = [noted(hostile.ce.in_lrms(letter * 50, 1)) for letter in "0159aAzZ"]
    for files in thieves:
        for kind in ("grami", "local", "errors"):
            os.chown(files.file(kind), 2, 2)
    files = ended(hostile)
    assert hostile.scan() == [GRID_ID]
    assert files.done() == "0 Job finished with exit code 0\n"
    assert {thief.done() for thief in thieves} == {None}
    assert sum("have the same OAR job ID" in line for line in said(capsys)) == 1


def test_successor_of_another_users_job_is_not_deleted(hostile: Site, hours: Hours) -> None:
    hostile.configure("resubmitted=delete")
    files = hostile.running(owner=VICTIM)
    hostile.oar.resubmit(1, 1)
    for _ in range(3):
        assert hostile.scan() == []
        hours.ahead += 400
    assert (hostile.argvs("oardel"), files.done()) == ([], None)


REUSED: dict[str, dict[str, Any]] = {
    "without a name": {"job_name": "", "command": "exit 0"},
    "named by a user": {"job_name": "my-job", "command": "/bin/date"},
    "of another grid job": {"job_name": f"some_name-{OTHER}", "command": "/s/x/.arc_oar/job-1.sh"},
    "with the grid job ID inside": {"job_name": f"a-{GRID_ID}-b", "command": GRID_ID},
    "with a longer grid job ID": {"job_name": f"x{GRID_ID}", "command": ""},
}


@pytest.mark.parametrize("kind", REUSED)
def test_job_id_that_oar_has_assigned_again(
    any_site: Site, hours: Hours, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    """The other job's end is not reported; the grid job is lost, as if OAR did not know it."""
    site = any_site
    site.configure("lost_cycles=2\nlost_time=600")
    files = noted(site.running(state="Terminated", exit_code=0, **REUSED[kind]), 7)
    assert site.scan() == []
    hours.ahead += 500
    assert site.scan() == []
    assert files.done() is None
    hours.ahead += 200
    assert site.scan() == [GRID_ID]
    assert files.done() == "7 Job finished with exit code 7\n"
    lines = [line for line in said(capsys) if "is another job" in line]
    assert len(lines) == 1
    assert lines[0].startswith(f"[ERROR] {GRID_ID}: OAR job 1 is another job, named ")


def test_audit_does_not_restart_the_count_of_an_id_that_oar_has_assigned_again(
    site: Site, hours: Hours
) -> None:
    site.configure("lost_cycles=3\nlost_time=0")
    files = site.running(state="Terminated", exit_code=0, job_name="x")
    for _ in range(3):
        assert files.done() is None
        hours.ahead += 310
        site.scan()
    assert files.done() == "512 Job is lost: OAR does not know it any more\n"


@pytest.mark.parametrize("kind", REUSED)
def test_job_with_an_id_that_oar_has_assigned_again_is_not_deleted(
    hostile: Site, kind: str
) -> None:
    hostile.add_job_of(GRID_ID, **REUSED[kind])
    canceling(hostile, 1)
    hostile.scan()
    assert hostile.argvs("oardel") == []


def test_job_is_known_by_its_command_where_an_admission_rule_renames_it(any_site: Site) -> None:
    command = f"{any_site.ce.sessions}/{GRID_ID}/.arc_oar/job-0123456789ab.sh"
    files = ended(any_site, job_name="renamed", command=command)
    assert any_site.scan() == [GRID_ID]
    assert files.done() == "0 Job finished with exit code 0\n"


@pytest.mark.parametrize("wanted", ["follow", "delete"])
def test_successor_that_is_another_job(site: Site, wanted: str) -> None:
    """It is neither followed nor deleted, and the grid job is reported."""
    site.configure(f"resubmitted={wanted}")
    files = site.running()
    new = site.oar.resubmit(1)
    site.oar.update(new, job_name="my-job", command="/bin/date")
    assert site.scan() == [GRID_ID]
    assert site.argvs("oardel") == []
    assert (files.done() or "").startswith("512 OAR gave up this job")
    assert "\nlocalid=1\n" in files.file("local").read_text()


@needs_root
def test_cancelled_job_of_a_user_who_has_been_deleted_from_the_system(hostile: Site) -> None:
    hostile.add_job_of(GRID_ID, owner="gone")
    files = canceling(hostile, 1)
    for kind in ("grami", "local", "errors"):
        os.chown(files.file(kind), 54321, 54321)
    hostile.scan()
    assert hostile.argvs("oardel") == [["oardel", "1"]]


def test_what_proves_that_an_oar_job_is_the_grid_jobs(site: Site) -> None:
    """Only a job with owner and name is deleted, and only for a grid job that still exists."""
    files = site.ce.in_lrms(GRID_ID, 1)
    job = read_job(str(site.ce.control), files.status.name)
    assert job is not None
    indexed = IndexedJob(files.status.name, 0.0, True)
    proof = Ownership(site.settings(), str(site.ce.control))
    whole = JobRecord(1, "Running", owner=site.ce.user, name=oar_name(GRID_ID))
    assert proof.is_proven(whole, job)
    assert proof.is_own(whole, indexed)
    for part in (whole._replace(owner=""), whole._replace(name="other"), JobRecord(1, "Error")):
        assert not proof.is_proven(part, job)
        assert not proof.is_own(part, indexed)
    assert not proof.is_own(None, indexed)
    files.status.unlink()
    assert not proof.is_own(whole, indexed)
