"""A submission that is killed and tried again: exactly one OAR job, and A-REX has its job ID."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from standin import Standin
from support.ce import GRID_ID, Ce, JobFiles
from support.oar_site import Site
from support.submission_checks import JOB_NAME_QUERY

from arc_lrms_oar.commands import oarsub_attempts
from arc_lrms_oar.errors import GramiError, OarUnavailable
from arc_lrms_oar.job import grami, script, submit_journal


class Killed(BaseException):
    """A stand-in for SIGKILL: nothing in the package may catch it."""


def kill_at(monkeypatch: pytest.MonkeyPatch, holder: object, name: str, after: bool) -> None:
    real = getattr(holder, name)

    def killed(*arguments: object) -> None:
        if after:
            real(*arguments)
        raise Killed

    monkeypatch.setattr(holder, name, killed)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    ("holder", "name"),
    [
        (script, "write"),
        (submit_journal.SubmitJournal, "record"),
        (oarsub_attempts, "_job_id"),
        (grami, "append_local_id"),
        (submit_journal.SubmitJournal, "clear"),
    ],
    ids=["script", "journal", "oarsub", "id", "clear"],
)
def test_killed_at_a_step_and_tried_again(
    site: Site, monkeypatch: pytest.MonkeyPatch, holder: object, name: str, after: bool
) -> None:
    files = site.ce.job(executable="/bin/sh", arguments=["-c", "echo ran >>ran"])
    with monkeypatch.context() as patched:
        kill_at(patched, holder, name, after)
        with pytest.raises(Killed):
            site.submit(files)
    assert site.submit(files) == 1
    assert site.submit(files) == 1
    assert (files.local_id(), len(site.oar.jobs())) == ("1", 1)
    site.oar.wait(1)
    assert (files.session / "ran").read_text() == "ran\n"


def left_behind(files: JobFiles, pid: int = 0) -> submit_journal.SubmitJournal:
    """The journal of an attempt that was killed after it had started oarsub."""
    journal = submit_journal.open_journal(str(files.session), 0, lambda _: None)
    journal.record(pid)
    journal.close()
    return journal


def test_earlier_attempt_without_a_job(site: Site) -> None:
    files = site.ce.job()
    journal = left_behind(files)
    assert site.submit(files) == 1
    assert site.argvs("oarstat")[-1] == JOB_NAME_QUERY
    assert site.submitted()[0][-1] == journal.script


def test_earlier_attempt_with_a_job(site: Site) -> None:
    files = site.ce.job()
    journal = left_behind(files)
    (mine,) = site.oar.add_jobs(
        1,
        owner=site.ce.user,
        first_id=7,
        job_name=f"some_name-{GRID_ID}",
        command=journal.script,
    )
    assert site.submit(files) == mine == 7
    assert site.submitted() == []


@pytest.mark.parametrize(
    "columns",
    [
        {"owner": "somebody"},
        {"command": "/x/.arc_oar/job-000000000000.sh"},
        {"job_name": "other"},
    ],
)
def test_job_that_only_looks_like_it(site: Site, columns: dict[str, str]) -> None:
    files = site.ce.job()
    journal = left_behind(files)
    row = {
        "owner": site.ce.user,
        "job_name": f"some_name-{GRID_ID}",
        "command": journal.script,
        **columns,
    }
    site.oar.add_jobs(1, first_id=7, **row)
    assert site.submit(files) == 8


def test_earlier_oarsub_that_still_lives(site: Site) -> None:
    files = site.ce.job()
    child = subprocess.Popen(["/bin/sh", "-c", "sleep 60; :", "oarsub"], start_new_session=True)
    try:
        left_behind(files, child.pid)
        with pytest.raises(OarUnavailable, match=r"an earlier oarsub still hangs"):
            site.submit(files, site.clock.retry(30))
        assert site.submitted() == []
    finally:
        os.killpg(child.pid, 9)
        child.wait()


def test_earlier_oarsub_that_ends(site: Site) -> None:
    files = site.ce.job()
    child = subprocess.Popen(["/bin/sh", "-c", "sleep 60; :", "oarsub"], start_new_session=True)
    left_behind(files, child.pid)
    retry = site.clock.retry()

    def sleep(seconds: float) -> None:
        site.clock.sleep(seconds)
        os.killpg(child.pid, 9)
        child.wait()

    retry.sleep = sleep
    assert site.submit(files, retry) == 1
    assert site.clock.pauses == [2.0]


def test_process_id_of_another_program(site: Site) -> None:
    files = site.ce.job()
    child = subprocess.Popen(["/bin/sleep", "60"], start_new_session=True)
    try:
        left_behind(files, child.pid)
        assert site.submit(files) == 1
    finally:
        child.kill()
        child.wait()
    assert site.clock.pauses == []


def test_earlier_attempt_while_oar_is_unavailable(site: Site) -> None:
    files = site.ce.job()
    left_behind(files)
    site.oar.set("fail_times", "oarstat:2:25:DB connection error, exiting.")
    assert site.submit(files) == 1
    assert site.commands().index("oarsub") > 2
    assert len(site.oar.jobs()) == 1


def test_id_that_cannot_be_written_at_once(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    files = site.ce.job()
    real = grami.append_local_id

    def fail(path: str, job_id: int) -> None:
        if len(site.clock.pauses) < 2:
            raise GramiError("disk full")
        real(path, job_id)

    monkeypatch.setattr(grami, "append_local_id", fail)
    assert site.submit(files) == 1
    assert site.clock.pauses == [2.0, 5.0]
    assert (files.local_id(), len(site.oar.jobs())) == ("1", 1)


def test_id_that_cannot_be_written_at_all(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A-REX regards the job as failed and would not cancel the OAR job."""
    files = site.ce.job()
    site.oar.set("autorun", 0)

    def fail(path: str, job_id: int) -> None:
        raise GramiError("disk full")

    monkeypatch.setattr(grami, "append_local_id", fail)
    with pytest.raises(GramiError, match="disk full"):
        site.submit(files)
    assert site.argvs("oardel") == [["oardel", "1"]]
    assert site.oar.wait(1)["state"] == "Error"
    assert os.listdir(files.session) == []


def test_job_id_that_cannot_be_written_while_oar_is_unavailable(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is the cause that the user needs to see. An oardel without its database hangs."""
    site.configure("command_timeout=1")
    files = site.ce.job()

    def fail(path: str, job_id: int) -> None:
        site.oar.set("db_down")
        raise GramiError("disk full")

    monkeypatch.setattr(grami, "append_local_id", fail)
    with pytest.raises(GramiError, match="disk full"):
        site.submit(files)


def test_job_id_that_another_attempt_writes_meanwhile(site: Site) -> None:
    files = site.ce.job()
    other = submit_journal.open_journal(str(files.session), 0, lambda _: None)
    retry = site.clock.retry()

    def sleep(_: float) -> None:
        grami.append_local_id(str(files.file("grami")), 7)
        other.clear()

    retry.sleep = sleep
    assert site.submit(files, retry) == 7
    assert site.submitted() == []


def torn(site: Site, journal: submit_journal.SubmitJournal, state: str = "Hold") -> int:
    """The row of an oarsub that was killed before it had finished."""
    row: dict[str, Any] = {"owner": site.ce.user, "command": journal.script, "start_time": 0}
    row["job_name"] = f"some_name-{GRID_ID}"
    return site.oar.add_jobs(1, state, first_id=7, **row)[0]


def test_incomplete_job(site: Site) -> None:
    files = site.ce.job()
    half = torn(site, left_behind(files))
    assert site.submit(files) == 8
    assert site.argvs("oardel") == [["oardel", str(half)]]
    assert site.oar.wait(half)["state"] == "Error"
    assert site.oar.wait(8)["exit_code"] == 0


def test_incomplete_job_that_an_earlier_attempt_has_deleted(site: Site) -> None:
    files = site.ce.job()
    torn(site, left_behind(files), state="Error")
    assert site.submit(files) == 8
    assert site.argvs("oardel") == []


def test_job_that_oarsub_is_still_creating(site: Site) -> None:
    files = site.ce.job()
    child = subprocess.Popen(["/bin/sh", "-c", "sleep 60; :", "oarsub"], start_new_session=True)
    try:
        torn(site, left_behind(files, child.pid))
        with pytest.raises(OarUnavailable, match=r"an earlier oarsub still hangs"):
            site.submit(files, site.clock.retry(30))
        assert site.argvs("oardel") == []
    finally:
        os.killpg(child.pid, 9)
        child.wait()


@pytest.mark.parametrize("version", ["2.6.1", "3.0.2"])
def test_earlier_job_that_has_ended(place: Path, version: str) -> None:
    """OAR 3 lists ended jobs by name only for a time window: the program would run twice."""
    with Standin.create(place / "oar", version=version) as oar:
        site = Site(Ce(place), oar)
        files = site.ce.job(executable="/bin/sh", arguments=["-c", "echo ran >>ran"])
        with pytest.MonkeyPatch.context() as patched:
            kill_at(patched, oarsub_attempts, "_job_id", after=False)
            with pytest.raises(Killed):
                site.submit(files)
        (row,) = site.oar.jobs()
        site.oar.wait(row["job_id"])
        assert site.submit(files) == row["job_id"]
        assert len(site.oar.jobs()) == 1
        assert (files.session / "ran").read_text() == "ran\n"


def test_earliest_start_on_oar_3(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """OAR 3 refuses the job type; A-REX itself keeps a job until its starttime."""
    with Standin.create(place / "oar", version="3.0.2") as oar:
        site = Site(Ce(place), oar)
        assert site.submit(site.ce.job(starttime="20990101000000Z")) > 0
        (argv,) = site.submitted()
        assert "-t" not in argv
    warning = "Without effect on OAR: starttime: OAR 3 has no earliest start; A-REX delays jobs"
    assert warning in capsys.readouterr().err.splitlines()
