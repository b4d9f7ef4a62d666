"""Jobs that OAR resubmits by itself: the successor is followed or deleted, never left alone."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from standin import Standin
from support.ce import GRID_ID, Ce, JobFiles
from support.oar_site import Site
from support.scan_jobs import OTHER, Hours, ended, noted, said

from arc_lrms_oar.commands.cancel import cancel
from arc_lrms_oar.job import grami


@pytest.mark.parametrize("style", [1, 2, 3, 4, 5])
def test_successor_is_followed(any_site: Site, style: int) -> None:
    """To its end; its job ID is written where A-REX and cancel read it."""
    site = any_site
    files = noted(site.running(), 1)
    grami.append_local_id(str(files.file("grami")), 1)
    site.scan()
    new = site.oar.resubmit(1, style)
    assert site.scan() == []
    assert files.done() is None
    assert f"\nlocalid={new}\n" in files.file("local").read_text()
    assert "localid=1\n" not in files.file("local").read_text()
    site.oar.update(new, state="Terminated", exit_code=3 << 8)
    assert site.scan() == [GRID_ID]
    assert files.done() == "3 Job finished with exit code 3\n"
    assert f"----- end of OAR job {new}: 3 -----" in files.errors()


def put_back(files: JobFiles, job_id: int) -> None:
    """Write `.local` anew with the old job ID, as A-REX does when a job is cancelled."""
    files.ce.accepted(files, job_id, "CANCELING")


def test_cancel_finds_the_successor(any_site: Site) -> None:
    site = any_site
    files = site.running()
    grami.append_local_id(str(files.file("grami")), 1)
    new = site.oar.resubmit(1)
    site.scan()
    site.scan()
    put_back(files, 1)
    cancel(site.settings(), site.client(), str(files.file("grami")), site.clock.retry(60, 2.0))
    assert site.argvs("oardel") == [["oardel", str(new)]]
    assert files.file("grami").read_text().count(f"joboption_jobid={new}\n") == 1


def test_scan_finds_the_successor_of_a_cancelled_job(site: Site, hours: Hours) -> None:
    files = site.running()
    new = site.oar.resubmit(1)
    put_back(files, 1)
    hours.ahead = 61
    site.scan()
    site.scan()
    assert site.argvs("oardel") == [["oardel", str(new)]]


def test_successor_is_followed_without_a_valid_grami_file(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    files = site.running()
    files.file("grami").write_text("'")
    new = site.oar.resubmit(1)
    site.scan()
    assert f"\nlocalid={new}\n" in files.file("local").read_text()
    assert any("[WARNING]" in line and "grami" in line for line in said(capsys))


def test_error_is_not_reported_while_a_successor_may_come(site: Site, hours: Hours) -> None:
    """OAR writes Error first and the event later; until then nothing is reported."""
    now = int(time.time())
    files = noted(site.running(state="Error", exit_code=None, stop_time=now))
    site.oar.add_event(1, "PROLOGUE_ERROR", "x")
    assert site.scan() == []
    assert files.done() is None
    hours.ahead = 40
    assert site.scan() == [GRID_ID]
    assert (files.done() or "").startswith("512 Job was lost to a failure of its nodes")


def test_idempotent_job_of_oar_3_without_an_event(place: Path, ce: Ce) -> None:
    with Standin.create(place / "oar3", "3.0.2") as oar:
        site = Site(ce, oar)
        files = ended(site, code=99)
        other = ended(site, OTHER, 99)
        new = oar.resubmit(1, event=False)
        assert site.scan() == [OTHER]
        assert files.done() is None
        assert other.done() == "99 Job finished with exit code 99\n"
        assert f"\nlocalid={new}\n" in files.file("local").read_text()


def deleting(site: Site) -> tuple[JobFiles, int]:
    site.configure("resubmitted=delete")
    files = site.running()
    return files, site.oar.resubmit(1)


def test_successor_is_deleted_if_the_site_wants_it(any_site: Site) -> None:
    """The grid job is reported only after the successor has ended."""
    site = any_site
    site.oar.set("delay_frag", 1000)
    files, new = deleting(site)
    other = ended(site, OTHER)
    assert site.scan() == [OTHER]
    assert site.argvs("oardel") == [["oardel", str(new)]]
    assert site.scan() == []
    assert files.done() is None
    site.oar.update(new, state="Error")
    assert site.scan() == [GRID_ID]
    reason = f"OAR gave up the job and submitted it again as OAR job {new}, which was deleted"
    assert (files.done() or "").startswith(f"512 {reason}")
    assert other.done() == "0 Job finished with exit code 0\n"


def test_successor_of_a_successor_is_deleted(site: Site) -> None:
    files, second = deleting(site)
    site.oar.set("delay_frag", 1000)
    third = site.oar.resubmit(second)
    site.scan()
    assert site.argvs("oardel") == [["oardel", str(third)]]
    site.oar.update(third, state="Terminated", exit_code=0)
    assert site.scan() == [GRID_ID]
    assert (files.done() or "").startswith("512 ")


@pytest.mark.parametrize("failure", ["oardel:1:25:DB connection error", "oardel:1:3:x"])
def test_deletion_that_fails_is_tried_again(site: Site, failure: str) -> None:
    files, new = deleting(site)
    other = ended(site, OTHER)
    site.oar.set("fail_times", failure)
    assert site.scan() == [OTHER]
    assert (files.done(), other.done() is None) == (None, False)
    site.scan()
    assert site.argvs("oardel") == [["oardel", str(new)]] * 2


def test_deletion_that_is_refused_leaves_no_orphan(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    files, new = deleting(site)
    site.oar.set("refuse_del")
    for _ in range(3):
        assert site.scan() == []
    assert files.done() is None
    refused = f"{GRID_ID}: OAR refuses to delete some of [{new}]"
    assert any(refused in line for line in said(capsys))


def test_successor_that_oar_does_not_know(site: Site) -> None:
    site.configure("resubmitted=delete")
    files = site.running(state="Error", exit_code=None)
    site.oar.add_event(1, "RESUBMIT_JOB_AUTOMATICALLY", "Resubmiting job 1 => 4711) (due to x)")
    assert site.scan() == [GRID_ID]
    assert (files.done() or "").startswith("512 OAR gave up the job")
