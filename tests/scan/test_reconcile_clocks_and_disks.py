"""Scan with late diags, changes of the clock, and full disks."""

from __future__ import annotations

import calendar
import errno
import os
import time

import pytest
from standin import Standin
from support.ce import GRID_ID, Ce, JobFiles
from support.oar_site import Site
from support.scan_jobs import OTHER, Hours, ended, noted, said

from arc_lrms_oar.commands.cancel import cancel


@pytest.fixture(name="site", params=[False, True], ids=["new process", "same process"])
def _site(ce: Ce, oar: Standin, request: pytest.FixtureRequest) -> Site:
    """A CE on which each cycle has a process of its own, then one on which all share one."""
    return Site(ce, oar, request.param)


@pytest.mark.parametrize(("delay", "reported"), [(1, 4), (10, 12), (100, 60)])
@pytest.mark.parametrize("code", [0, 3])
def test_diag_that_comes_late(
    site: Site, hours: Hours, delay: int, reported: int, code: int
) -> None:
    """The diag comes late over a slow file system: scan waits for it, for up to a minute."""
    site.configure("lost_cycles=1\nlost_time=0")
    now = int(time.time())
    hours.stop(now)
    files = site.running(state="Terminated", exit_code=code << 8, stop_time=now)
    for seconds in range(0, 104, 4):
        hours.stop(now + seconds)
        if seconds >= delay and files.done() is None and not files.diag.read_bytes():
            noted(files, code)
        if site.scan():
            break
    assert (seconds, files.done()) == (reported, f"{code} Job finished with exit code {code}\n")
    found = files.accounting()
    assert (found["exitcode"], "usertime" in found) == ([str(code)], delay < 60)


def no_room(monkeypatch: pytest.MonkeyPatch, files: JobFiles, number: int) -> None:
    """Let writes to the job's diag fail because the disk or the quota is full."""
    real = os.write

    def write(descriptor: int, data: bytes) -> int:
        if os.readlink(f"/proc/self/fd/{descriptor}") == str(files.diag):
            raise OSError(number, os.strerror(number))
        return real(descriptor, data)

    monkeypatch.setattr("os.write", write)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_disk_full_for_the_accounting(
    site: Site,
    hours: Hours,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    number: int,
) -> None:
    """The job waits, delays no other job, and is reported once the diag can be written."""
    files = ended(site, code=3, stop_time=int(time.time()))
    other = ended(site, OTHER)
    with monkeypatch.context() as patched:
        no_room(patched, files, number)
        assert site.scan() == [OTHER]
        hours.ahead = 500
        assert site.scan() == []
    assert (files.done(), other.done()) == (None, "0 Job finished with exit code 0\n")
    assert any(os.strerror(number) in line and "[ERROR]" in line for line in said(capsys))
    assert site.scan() == [GRID_ID]
    assert (files.done(), files.accounting()["exitcode"]) == (
        "3 Job finished with exit code 3\n",
        ["3"],
    )


def test_disk_full_for_the_accounting_for_long(
    site: Site, hours: Hours, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = ended(site, code=3, stop_time=int(time.time()))
    no_room(monkeypatch, files, errno.EDQUOT)
    assert site.scan() == []
    hours.ahead = 700
    assert site.scan() == [GRID_ID]
    assert files.done() == "3 Job finished with exit code 3\n"
    assert files.errors().count("Job finished with exit code 3") == 1


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("call", ["write", "fsync", "replace"])
def test_disk_full_in_the_control_directory(
    site: Site, monkeypatch: pytest.MonkeyPatch, call: str, number: int
) -> None:
    files = ended(site, code=3)

    def refuse(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        patched.setattr(f"os.{call}", refuse)
        assert site.scan() == []
    assert files.done() is None
    assert site.scan() == [GRID_ID]
    assert files.errors().count("Job finished with exit code 3") == 1
    assert files.accounting()["exitcode"] == ["3"]


@pytest.mark.parametrize("day", [(2026, 3, 29), (2026, 10, 25)], ids=["begins", "ends"])
def test_summer_time(site: Site, paris: None, day: tuple[int, int, int]) -> None:
    """Local time jumps at 01:00 UTC, in the middle of the job."""
    start = calendar.timegm((*day, 0, 30, 0))
    files = ended(site, start_time=start, stop_time=start + 3600)
    assert site.scan() == [GRID_ID]
    found = files.accounting()
    date = "{:04}{:02}{:02}".format(*day)
    assert found["walltime"] == ["3600s"]
    assert found["lrmsstarttime"] == [f"{date}003000Z"]
    assert found["lrmsendtime"] == [f"{date}013000Z"]


@pytest.mark.parametrize("version", ["2.5.9", "3.0.2"])
def test_a_job_with_an_id_beyond_31_bits_from_submission_to_report(
    site: Site, version: str
) -> None:
    big = 2**33 + 7
    with Standin.create(site.ce.place / version, version, first_id=big) as oar:
        site = Site(site.ce, oar)
        files = site.ce.job(executable="/bin/sleep", arguments=["600"])
        assert site.submit(files) == big
        assert files.local_id() == str(big)
        site.ce.accepted(files, big, "CANCELING")
        said = cancel(site.settings(), site.client(), str(files.file("grami")))
        assert str(said) == f"OAR job {big} is being deleted"
        oar.wait(big)
        site.scan()
        assert (files.done() or "").startswith("265 Job was deleted in OAR by user ")
