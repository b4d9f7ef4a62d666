"""A wrong OAR job ID in the user's own `.local`: the OAR job is found by its name, not lost."""

from __future__ import annotations

import os

import pytest
from standin import Standin
from support.ce import GRID_ID, Ce, JobFiles
from support.oar_site import Site
from support.scan_jobs import OTHER, Hours, noted, said

from arc_lrms_oar.errors import OarUnavailable
from arc_lrms_oar.oar.client import OarClient
from arc_lrms_oar.oar.job_record import JobRecord

FORGED = 4711


def forge(files: JobFiles, job_id: int = FORGED) -> JobFiles:
    """Write another OAR job ID into both files of the user that name it."""
    for kind, key in (("local", "localid"), ("grami", "joboption_jobid")):
        path = files.file(kind)
        kept = [line for line in path.read_text().splitlines() if not line.startswith(f"{key}=")]
        path.write_text("\n".join([*kept, f"{key}={job_id}", ""]))
    return files


@pytest.fixture
def strict(any_site: Site) -> Site:
    """A site that gives a job up in the first cycle in which OAR does not know it."""
    any_site.configure("lost_cycles=1\nlost_time=0")
    return any_site


def audit(site: Site, hours: Hours) -> list[str]:
    """Scan, and scan again once it is time to ask for the states of all jobs."""
    reported = site.scan()
    hours.ahead += 301
    return reported + site.scan()


def test_job_is_reported_with_the_end_of_its_own_oar_job(
    strict: Site, hours: Hours, capsys: pytest.CaptureFixture[str]
) -> None:
    files = forge(strict.running())
    assert audit(strict, hours) == []
    assert "\nlocalid=1\n" in files.file("local").read_text()
    assert str(FORGED) not in files.file("local").read_text()
    assert f"[INFO] {GRID_ID}: OAR job {FORGED} is now 1" in said(capsys)
    strict.oar.update(1, state="Terminated", exit_code=3 << 8)
    assert strict.scan() == [GRID_ID]
    assert files.done() == "3 Job finished with exit code 3\n"


def test_id_of_another_grid_job(
    strict: Site, hours: Hours, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both grid jobs keep their own OAR jobs, although one of them names the other's."""
    files, other = strict.running(), noted(strict.running(OTHER), 5)
    forge(files, 2)
    strict.oar.update(2, state="Terminated", exit_code=5 << 8)
    assert strict.scan() == [OTHER]
    assert other.done() == "5 Job finished with exit code 5\n"
    assert files.done() is None
    assert "\nlocalid=1\n" in files.file("local").read_text()
    assert f"[WARNING] {GRID_ID}: OAR has OAR job 1 for it, not OAR job 2" in said(capsys)


def test_cancelled_job_is_deleted(strict: Site, hours: Hours) -> None:
    files = forge(strict.running(status="CANCELING"))
    os.utime(files.status, (1, 1))
    strict.scan()
    assert strict.argvs("oardel") == [["oardel", "1"]]
    assert "\nlocalid=1\n" in files.file("local").read_text()
    strict.oar.update(1, state="Error")
    assert audit(strict, hours) == [GRID_ID]


def test_cancelled_job_that_names_a_running_job_of_the_same_account(
    strict: Site, hours: Hours
) -> None:
    """The other job, which A-REX may not know either, is left alone."""
    files = strict.running(status="CANCELING")
    (other,) = strict.oar.add_jobs(1)
    os.utime(forge(files, other).status, (1, 1))
    strict.scan()
    assert strict.argvs("oardel") == [["oardel", "1"]]


def test_cancelled_job_that_names_the_job_of_another_grid_job(strict: Site, hours: Hours) -> None:
    files = strict.running(status="CANCELING")
    strict.running(OTHER)
    os.utime(forge(files, 2).status, (1, 1))
    strict.scan()
    strict.scan()
    assert strict.argvs("oardel") == [["oardel", "1"]]


def test_newest_job_that_has_not_ended_counts(strict: Site, hours: Hours) -> None:
    """An earlier submission of the grid job has ended; a later one may have as well."""
    files = strict.running(state="Error")
    strict.add_job_of(GRID_ID, state="Running")
    strict.add_job_of(GRID_ID, state="Terminated", exit_code=0)
    forge(files)
    assert audit(strict, hours) == []
    assert "\nlocalid=2\n" in files.file("local").read_text()


def test_job_of_another_user_with_the_same_name_is_not_taken(strict: Site, hours: Hours) -> None:
    files = forge(strict.running(owner="victim"))
    assert audit(strict, hours) == [GRID_ID]
    assert files.done() == "512 Job is lost: OAR does not know it any more\n"


def test_one_query_for_all_lost_jobs(site: Site, hours: Hours) -> None:
    site.configure("lost_cycles=1\nlost_time=0")
    for letter in "abcd":
        site.ce.in_lrms(letter * 12, 4711 + ord(letter))
    assert len(audit(site, hours)) == 4
    assert len([argv for argv in site.argvs("oarstat") if "job_name LIKE" in argv[-1]]) == 1


def test_nothing_is_lost_while_the_query_fails(
    strict: Site,
    hours: Hours,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """OAR answers for the states and not for the names: the other jobs are reported."""
    files, other = forge(strict.running()), noted(strict.running(OTHER), 0)
    strict.oar.update(2, state="Terminated", exit_code=0)

    def unavailable(client: OarClient, endings: list[str]) -> list[JobRecord]:
        raise OarUnavailable("no answer")

    monkeypatch.setattr(OarClient, "named_like", unavailable)
    assert audit(strict, hours) == [OTHER]
    assert (files.done(), other.done()) == (None, "0 Job finished with exit code 0\n")
    line = f"[ERROR] no OAR job can be found by name for {GRID_ID}: no answer"
    assert line in said(capsys)


def test_oar_3(ce: Ce, hours: Hours) -> None:
    with Standin.create(ce.place / "oar", "3.0.2") as oar:
        site = Site(ce, oar)
        site.configure("lost_cycles=1\nlost_time=0")
        files = forge(site.running())
        assert audit(site, hours) == []
        assert files.done() is None
        assert "\nlocalid=1\n" in files.file("local").read_text()
