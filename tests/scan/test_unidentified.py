"""A job in the LRMS whose `.local` holds no job ID: its OAR job is found, or the job is lost."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
from support.ce import GRID_ID, JobFiles
from support.oar_site import Site
from support.scan_jobs import OTHER, Hours, noted, said

from arc_lrms_oar.errors import OarUnavailable
from arc_lrms_oar.oar.client import OarClient
from arc_lrms_oar.oar.job_record import JobRecord

LOST = "512 Job is lost: OAR does not know it any more\n"


def without_id(files: JobFiles) -> JobFiles:
    """As the user: remove the job ID from `.local`."""
    path = files.file("local")
    path.write_text("".join(x for x in path.open() if not x.startswith("localid=")))
    return files


def emptied(files: JobFiles) -> JobFiles:
    """As the user, or as A-REX on a full disk."""
    files.file("local").write_text("")
    return files


def scans(site: Site, number: int = 3) -> list[str]:
    return [grid_id for _ in range(number) for grid_id in site.scan()]


def queries_by_name(site: Site) -> int:
    return sum("job_name LIKE" in argv[-1] for argv in site.argvs("oarstat"))


@pytest.mark.parametrize("spoil", [without_id, emptied])
def test_job_that_scan_has_seen_keeps_its_job_id(
    any_site: Site, spoil: Callable[[JobFiles], JobFiles], capsys: pytest.CaptureFixture[str]
) -> None:
    files = any_site.running()
    any_site.scan()
    noted(spoil(files), 3)
    any_site.oar.update(1, state="Terminated", exit_code=3 << 8)
    assert scans(any_site) == [GRID_ID]
    assert f"[ERROR] {GRID_ID}: no longer names its OAR job 1" in said(capsys)
    assert "localid=1\n" in files.file("local").read_text()
    assert files.done() == "3 Job finished with exit code 3\n"
    assert queries_by_name(any_site) == 0


def test_files_that_arex_is_writing_are_left_alone(site: Site) -> None:
    """A-REX empties `.local` before it writes it anew."""
    files = site.running()
    site.scan()
    content = files.file("local").read_text()
    for when, text in enumerate(("", content, "")):
        files.file("local").write_text(text)
        os.utime(files.status, (when, when))
        site.scan()
        assert files.file("local").read_text() == text


@pytest.mark.parametrize("spoil", [without_id, emptied])
def test_job_that_scan_has_not_seen_is_found_by_name(
    any_site: Site, spoil: Callable[[JobFiles], JobFiles], capsys: pytest.CaptureFixture[str]
) -> None:
    files = spoil(any_site.running())
    assert scans(any_site) == []
    assert f"[WARNING] {GRID_ID}: its job ID was missing; it is OAR job 1" in said(capsys)
    assert "localid=1\n" in files.file("local").read_text()
    noted(files)
    any_site.oar.update(1, state="Terminated", exit_code=0)
    assert scans(any_site, 1) == [GRID_ID]
    assert files.done() == "0 Job finished with exit code 0\n"
    assert queries_by_name(any_site) == 1


def test_cancelled_job(site: Site, hours: Hours) -> None:
    without_id(site.running(status="CANCELING"))
    hours.ahead = 61
    scans(site)
    assert site.argvs("oardel") == [["oardel", "1"]]


def test_job_that_oar_does_not_have_is_lost(site: Site, hours: Hours) -> None:
    site.configure("lost_cycles=3\nlost_time=100")
    files = without_id(site.ce.in_lrms(GRID_ID, 4711))
    assert scans(site, 5) == []
    hours.ahead += 101
    assert site.scan() == [GRID_ID]
    assert files.done() == LOST
    assert files.local_id() == ""
    assert site.scan() == []
    assert queries_by_name(site) == 2


def test_job_of_another_user_is_not_taken(site: Site) -> None:
    site.configure("lost_cycles=1\nlost_time=0")
    files = without_id(site.running(owner="victim"))
    assert scans(site) == [GRID_ID]
    assert files.done() == LOST


def test_other_jobs_are_reported_while_the_query_fails(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    files, other = without_id(site.running()), noted(site.running(OTHER), 0)

    def unavailable(client: OarClient, endings: list[str]) -> list[JobRecord]:
        raise OarUnavailable("no answer")

    with monkeypatch.context() as patched:
        patched.setattr(OarClient, "named_like", unavailable)
        site.scan()
        site.oar.update(2, state="Terminated", exit_code=0)
        assert site.scan() == [OTHER]
    assert (files.done(), other.done()) == (None, "0 Job finished with exit code 0\n")
    line = f"[ERROR] no OAR job can be found by name for {GRID_ID}: no answer"
    assert line in said(capsys)
    assert site.scan() == []
    assert "localid=1\n" in files.file("local").read_text()
