"""What scan writes for A-REX: accounting that users cannot forge, and a GRAMi file without ID."""

from __future__ import annotations

import grp
import os
import pwd
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from standin import Standin
from support.ce import GRID_ID, NOBODY, Ce, JobFiles
from support.oar_site import Site
from support.scan_jobs import OTHER, Hours, ended, noted, said
from support.users import needs_root

from arc_lrms_oar.arex import userfiles
from arc_lrms_oar.commands.cancel import CancelOutcome, cancel
from arc_lrms_oar.job import grami


def without_session_dir(files: JobFiles) -> None:
    """Remove sessiondir from `.local`, as the user can."""
    local = files.file("local")
    lines = [line for line in local.read_text().splitlines() if not line.startswith("sessiondir=")]
    local.write_text("\n".join(lines) + "\n")


def elsewhere(files: JobFiles) -> None:
    """Let `.local` name another directory of the user."""
    other = files.ce.place / "other"
    other.mkdir()
    local = files.file("local")
    local.write_text(local.read_text().replace(f"={files.session}\n", f"={other}\n"))


def scan_twice(site: Site, hours: Hours) -> list[str]:
    """Scan again when no diag is waited for any more."""
    first = site.scan()
    hours.ahead += 61
    return first + site.scan()


@pytest.mark.parametrize("forge", [without_session_dir, elsewhere])
def test_accounting_goes_where_arex_reads_it(
    any_site: Site, capsys: pytest.CaptureFixture[str], forge: Callable[[JobFiles], None]
) -> None:
    start = int(time.time()) - 100
    files = ended(any_site, start_time=start, stop_time=start + 45)
    forge(files)
    assert any_site.scan() == [GRID_ID]
    assert files.accounting()["walltime"] == ["45s"]
    lines = [line for line in said(capsys) if "sessiondir is " in line]
    assert len(lines) == 1
    assert lines[0].startswith(f"[WARNING] {GRID_ID}: OAR job 1: sessiondir is ")
    assert lines[0].endswith(f" in .local, and {files.session} is used")


def test_session_dir_below_no_root(
    any_site: Site, hours: Hours, capsys: pytest.CaptureFixture[str]
) -> None:
    files = ended(any_site)
    elsewhere(files)
    files.session.rename(any_site.ce.place / "moved")
    assert scan_twice(any_site, hours) == [GRID_ID]
    assert list((any_site.ce.place).glob("other.*")) == []
    assert any("which is not below" in line for line in said(capsys))


def test_session_dir_in_the_users_home(site: Site) -> None:
    """Where a root depends on the user, the path in `.local` is used as it is."""
    files = ended(site)
    site.configure(arex=f"controldir={site.ce.control}\nsessiondir=*")
    assert site.scan() == [GRID_ID]
    assert files.accounting()["exitcode"] == ["0"]


@needs_root
@pytest.mark.parametrize("lease", [True, False])
def test_diag_that_cannot_be_written_as_the_user_is_replaced(
    place: Path, oar: Standin, hours: Hours, layout: int, lease: bool
) -> None:
    site = Site(Ce(place, layout, owner=NOBODY), oar)
    files = ended(site)
    if not lease:
        files.diag.unlink()
        files.diag.symlink_to("/dev/null")
        assert scan_twice(site, hours) == [GRID_ID]
    else:
        descriptor = os.open(files.diag, os.O_RDONLY)
        try:
            set_write_lease(descriptor)
            assert scan_twice(site, hours) == [GRID_ID]
        finally:
            os.close(descriptor)
    assert files.accounting()["exitcode"] == ["0"]
    status = files.diag.lstat()
    assert (status.st_uid, status.st_gid) == (NOBODY, NOBODY)


def set_write_lease(descriptor: int) -> None:
    """Take a write lease, which makes others' open(2) wait for up to 45 s."""
    import fcntl
    import signal

    signal.signal(signal.SIGIO, lambda *_: None)
    fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_WRLCK)


@needs_root
def test_session_dir_that_only_a_supplementary_group_can_reach(
    place: Path, oar: Standin, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = next(entry.gr_gid for entry in grp.getgrall() if entry.gr_gid not in (0, NOBODY))
    monkeypatch.setattr(os, "getgrouplist", lambda name, gid: [gid, group])
    userfiles._groups.cache_clear()
    site = Site(Ce(place, 6, owner=NOBODY), oar)
    files = ended(site)
    os.chown(site.ce.sessions, 0, group)
    site.ce.sessions.chmod(0o750)
    assert site.scan() == [GRID_ID]
    assert files.accounting()["usertime"] == ["1.5s"]
    userfiles._groups.cache_clear()


@needs_root
def test_groups_of_the_user_and_not_of_root() -> None:
    name = pwd.getpwuid(NOBODY).pw_name
    with userfiles.acting_as(userfiles.Owner(NOBODY, NOBODY)):
        assert sorted(os.getgroups()) == sorted(set(os.getgrouplist(name, NOBODY)))


@pytest.mark.parametrize("ahead", [-300, -3, 3, 300])
def test_end_of_the_diag_is_waited_for_whatever_the_difference_of_the_clocks(
    site: Site, hours: Hours, ahead: int
) -> None:
    """`ahead` are the seconds by which OAR's clock is ahead of the CE's."""
    files = site.running(state="Terminated", exit_code=0, stop_time=int(time.time()) + ahead)
    assert site.scan() == []
    hours.ahead = 30
    assert site.scan() == []
    noted(files)
    assert site.scan() == [GRID_ID]
    assert files.accounting()["usertime"] == ["1.5s"]


@pytest.mark.parametrize("ahead", [-300, 300])
def test_resubmission_is_waited_for_whatever_the_difference_of_the_clocks(
    site: Site, hours: Hours, ahead: int
) -> None:
    stop = int(time.time()) + ahead
    files = noted(site.running(state="Error", exit_code=None, stop_time=stop))
    site.oar.add_event(1, "PROLOGUE_ERROR", "x")
    assert site.scan() == []
    new = site.oar.resubmit(1)
    assert site.scan() == []
    assert f"\nlocalid={new}\n" in files.file("local").read_text()


NEVER_STARTED: dict[str, Any] = {"start_time": 0, "stop_time": 0, "exit_code": None}


@pytest.mark.parametrize("queue", ["default", "long"])
def test_accounting_of_a_job_that_was_killed_while_it_waited(any_site: Site, queue: str) -> None:
    """The benchmark of its queue, and neither an exit code nor times, whatever the user writes."""
    site = any_site
    site.configure(lrms="lrms=OAR\nbenchmark=HEPSPEC 11.0")
    conf = site.ce.conf
    conf.write_text(conf.read_text() + "[queue:long]\nbenchmark=HEPscore23 14.5\n")
    files = noted(site.running(state="Error", **NEVER_STARTED))
    local = files.file("local")
    local.write_text(local.read_text().replace("queue=default", f"queue={queue}"))
    site.oar.add_event(1, "FRAG_JOB_REQUEST", "User root requested to frag the job 1")
    site.scan()
    assert files.accounting() == {
        "benchmark": ["HEPSPEC:11.0" if queue == "default" else "HEPscore23:14.5"],
        "lrmsexitcode": ["265"],
        "lrmsmessage": ["Job was deleted in OAR by user root"],
    }


def submitted(files: JobFiles, job_id: int = 1) -> str:
    """Append the job ID as submission does; returns the text before."""
    text = files.file("grami").read_text()
    grami.append_local_id(str(files.file("grami")), job_id)
    return text


def test_grami_file_of_a_failed_job_allows_a_new_submission(any_site: Site) -> None:
    files = ended(any_site, code=3)
    before = submitted(files)
    mode = files.file("grami").stat().st_mode
    assert any_site.scan() == [GRID_ID]
    assert files.file("grami").read_text() == before
    assert files.file("grami").stat().st_mode == mode
    result = cancel(any_site.settings(), any_site.client(), str(files.file("grami")))
    assert result.outcome is CancelOutcome.CANCELLED


def test_grami_file_of_a_job_that_succeeded_is_not_changed(any_site: Site) -> None:
    files = ended(any_site)
    before = submitted(files)
    any_site.scan()
    assert files.file("grami").read_text() == f"{before}joboption_jobid=1\n"


def test_text_of_the_user_that_looks_like_a_job_id_stays(any_site: Site) -> None:
    site = any_site
    files = site.ce.in_lrms(GRID_ID, 1, environment={"A": "x\njoboption_jobid=99\ny"})
    site.add_job_of(GRID_ID, state="Terminated", exit_code=768)
    noted(files, 3)
    before = submitted(files)
    assert site.scan() == [GRID_ID]
    assert files.file("grami").read_text() == before
    assert "joboption_jobid=99" in before


@pytest.mark.parametrize("text", ["'", "joboption_jobid='1", "\0" * 100])
def test_malformed_grami_file_does_not_delay_the_report(any_site: Site, text: str) -> None:
    """A-REX reads its job ID by lines; it writes the file anew when it submits the job again."""
    files = ended(any_site, code=3)
    files.file("grami").write_text(text)
    assert any_site.scan() == [GRID_ID]
    assert files.file("grami").read_text() == ("" if "jobid" in text else text)


def test_old_job_is_not_reported_again_after_arcresume(any_site: Site) -> None:
    """A-REX submits the job anew; the same session directory, another OAR job."""
    site = any_site
    files = site.ce.job(executable="/bin/false")
    site.ce.accepted(files, site.submit(files))
    site.oar.wait(1)
    assert site.scan() == [GRID_ID]
    files.file("lrms_done").unlink()
    files.status.write_text("SUBMIT\n")
    assert site.submit(files) == 2
    site.ce.accepted(files, 2)
    site.oar.wait(2)
    assert site.scan() == [GRID_ID]
    assert files.errors().count("----- end of OAR job 1: 1 -----") == 1
    assert files.errors().count("----- end of OAR job 2: 1 -----") == 1


def test_cancelled_job_that_is_suspended_is_resumed(any_site: Site) -> None:
    """OAR cannot end a suspended job, which would live on for minutes."""
    site = any_site
    site.oar.set("delay_frag", 1000)
    for grid_id, state in ((GRID_ID, "Suspended"), (OTHER, "Running")):
        files = site.running(grid_id, "CANCELING", state=state)
        os.utime(files.status, (0, 0))
    site.scan()
    assert [sorted(argv) for argv in site.argvs("oardel")] == [["1", "2", "oardel"]]
    assert site.argvs("oarresume") == [["oarresume", "1"]]
