"""A submission that fails: the grid user reads the reason, by way of scan."""

from __future__ import annotations

import os
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from support.ce import GRID_ID, JobFiles
from support.kill_at_step import killed_before
from support.oar_site import Site
from support.scan_jobs import OTHER, Hours, said

from arc_lrms_oar import Submit, entrypoint
from arc_lrms_oar.commands.cancel import CancelOutcome, cancel
from arc_lrms_oar.errors import GramiError, OarRefused
from arc_lrms_oar.job import failed_submission, grami
from arc_lrms_oar.local_ids import is_unsubmitted, new_unsubmitted_id
from arc_lrms_oar.scan import by_name, unsubmitted

TOO_MANY = "OAR refused the job: There are not enough resources for your request"


def refused(site: Site, grid_id: str = GRID_ID) -> JobFiles:
    """A job that OAR has refused, as A-REX has it then: INLRMS."""
    files = site.ce.job(grid_id, count=99)
    assert attempt(site, files) == 0
    site.ce.accepted(files, files.local_id())
    return files


def attempt(site: Site, files: JobFiles) -> int:
    return entrypoint.run("submit", str(site.ce.conf), str(files.file("grami")))


def claimed(site: Site, files: JobFiles, state: str = "INLRMS") -> None:
    """As the user: mark the job as not submitted."""
    site.ce.accepted(files, new_unsubmitted_id(), state)


def finish(files: JobFiles) -> None:
    """A-REX has finished with the job."""
    folder = files.ce.control / "finished"
    folder.mkdir(exist_ok=True)
    files.status.rename(folder / files.status.name)


def test_reason_reaches_the_user(any_site: Site) -> None:
    site = any_site
    files = refused(site)
    commands = site.commands()
    assert is_unsubmitted(files.local_id())
    assert site.scan() == [GRID_ID]
    assert files.done() == f"512 {TOO_MANY}\n"
    assert files.accounting() == {
        "benchmark": ["HEPSPEC:1.0"],
        "lrmsexitcode": ["512"],
        "lrmsmessage": [TOO_MANY],
    }
    assert files.local_id() == ""
    assert commands == ["oarsub"]
    assert site.scan() == []


def test_api_raises_and_writes_no_job_id(site: Site) -> None:
    files = site.ce.job(count=99)
    with pytest.raises(OarRefused, match="not enough resources"):
        Submit(str(site.ce.conf), str(files.file("grami")))
    assert files.local_id() == ""


def test_resumed_job_is_submitted_anew(any_site: Site) -> None:
    site = any_site
    files = refused(site)
    site.scan()
    files.file("lrms_done").unlink()
    files.status.write_text("SUBMIT\n")
    files.file("grami").write_text(files.file("grami").read_text().replace("_count=99", "_count=1"))
    assert attempt(site, files) == 0
    assert files.local_id() == "1"
    site.ce.accepted(files, 1)
    site.oar.wait(1)
    assert site.scan() == [GRID_ID]
    assert files.done() == "0 Job finished with exit code 0\n"
    assert site.argvs("oardel") == []


def test_reported_while_oar_is_unavailable(site: Site) -> None:
    files = refused(site)
    site.oar.set("fail_times", "oarstat:99:25:DB connection error, exiting.")
    with pytest.raises(Exception, match="DB connection error"):
        site.scan()
    assert files.done() == f"512 {TOO_MANY}\n"


def test_oar_unavailable_for_the_whole_budget(site: Site) -> None:
    site.configure("submit_budget=0")
    site.oar.set("fail_times", "oarsub:99:25:DB connection error, exiting.")
    files = site.ce.job()
    assert attempt(site, files) == 0
    site.ce.accepted(files, files.local_id())
    site.scan()
    done = files.done() or ""
    assert done.startswith("512 The batch system OAR did not answer for 1 min, so the job was not")


def test_malformed_grami_file(site: Site) -> None:
    files = site.ce.job()
    site.ce.accepted(files, "")
    files.file("grami").write_text("joboption_arg_0='x\n")
    assert attempt(site, files) == 0
    site.ce.accepted(files, files.local_id())
    assert site.scan() == [GRID_ID]
    assert "malformed GRAMi file" in (files.done() or "")
    assert files.local_id() == ""


def test_session_directory_that_does_not_exist(site: Site) -> None:
    files = site.ce.job()
    shutil.rmtree(files.session)
    assert attempt(site, files) == 0
    site.ce.accepted(files, files.local_id())
    assert site.scan() == [GRID_ID]
    assert "is in the job's errors (arccat -l)" in (files.done() or "")


def test_grami_file_that_cannot_be_written(site: Site, tmp_path: Path) -> None:
    """A-REX itself reports the failure then."""
    assert entrypoint.run("submit", str(site.ce.conf), str(tmp_path / "none")) == 1


def test_reason_is_removed_where_the_job_id_cannot_be_written(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A-REX itself reports the failure then, and nothing of ours stays with the user's files."""

    def full(path: str, local_id: object) -> None:
        raise GramiError(f"{path}: cannot write the job ID {local_id}: No space left on device")

    monkeypatch.setattr(grami, "append_local_id", full)
    files = site.ce.job(count=99)
    assert attempt(site, files) == 1
    assert not (files.session / ".arc_oar").exists()


@pytest.mark.parametrize("state", ["INLRMS", "CANCELING"])
def test_cancelled_before_the_report(any_site: Site, state: str) -> None:
    site = any_site
    files = refused(site)
    result = cancel(site.settings(), site.client(), str(files.file("grami")))
    assert (result.outcome, result.job_id) == (CancelOutcome.GONE, None)
    files.status.write_text(f"{state}\n")
    assert site.scan() == [GRID_ID]
    assert site.argvs("oardel") == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"refused\n",
        b"\xff" * 5000,
        b"refused\n\x1b[2J\n",
        b"refused",
        b"success\nJob finished\n",
        b"\n" * 4096,
    ],
)
def test_forged_reason(content: bytes) -> None:
    kind, reason = failed_submission.parse(content)
    assert kind in failed_submission.KINDS
    assert reason.isprintable()
    assert 0 < len(reason) <= 1000


def test_long_reason_is_cut() -> None:
    kind, reason = failed_submission.parse(b"refused\n" + b"x" * 4000)
    assert (kind, len(reason), reason[-4:]) == ("refused", 1000, "x...")


def test_reason_that_is_a_link_or_a_fifo(site: Site) -> None:
    for grid_id in (GRID_ID, OTHER):
        files = refused(site, grid_id)
        path = files.session / ".arc_oar" / files.local_id()
        path.unlink()
        if grid_id == OTHER:
            os.mkfifo(path)
        else:
            path.symlink_to("/etc/passwd")
    assert sorted(site.scan()) == sorted([GRID_ID, OTHER])
    for grid_id in (GRID_ID, OTHER):
        assert "could not be kept" in (JobFiles(site.ce, grid_id).done() or "")


def test_job_that_its_user_marks_as_not_submitted_is_followed(
    any_site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    """Scan has seen its job ID; the accounting of hours must not be lost."""
    site = any_site
    files = site.running()
    site.scan()
    claimed(site, files)
    os.utime(files.status, (1, 1))
    assert site.scan() == []
    assert files.done() is None
    assert "\nlocalid=1\n" in files.file("local").read_text()
    assert any("no longer names its OAR job 1" in line for line in said(capsys))
    site.oar.update(1, state="Terminated", exit_code=3 << 8)
    files.diag.write_text("exitcode=3\nLRMSEndTime=20200101000001Z\n")
    claimed(site, files)
    os.utime(files.status, (2, 2))
    site.scan()
    site.scan()
    assert (files.done() or "").startswith("3 ")


def test_oar_job_of_a_job_marked_from_the_start_is_deleted(any_site: Site) -> None:
    site = any_site
    files = site.running()
    site.add_job_of(OTHER, state="Running")
    claimed(site, files)
    assert site.scan() == [GRID_ID]
    assert site.argvs("oardel") == []
    finish(files)
    site.scan()
    assert site.argvs("oardel") == [["oardel", "1"]]
    site.oar.update(1, state="Error")
    site.scan()
    assert site.argvs("oardel") == [["oardel", "1"]]


def test_oar_job_of_a_resumed_job_is_left_alone(site: Site) -> None:
    files = refused(site)
    site.scan()
    job_id = site.add_job_of(GRID_ID, state="Running")
    files.file("lrms_done").unlink()
    site.ce.accepted(files, job_id)
    os.utime(files.status, (1, 1))
    site.scan()
    assert site.argvs("oardel") == []


def test_oar_is_not_asked_before_a_rex_has_finished(site: Site) -> None:
    refused(site)
    assert site.scan() == [GRID_ID]
    before = site.commands()
    site.scan()
    assert site.commands() == before


def test_oar_job_of_a_job_resumed_during_the_query_is_left_alone(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = site.running()
    claimed(site, files)
    assert site.scan() == [GRID_ID]
    finish(files)

    def resumed_meanwhile(*arguments: Any) -> dict[str, int]:
        found = by_name.find(*arguments)
        assert list(found.values()) == [1]
        files.status.write_text("SUBMIT\n")
        return found

    monkeypatch.setattr(unsubmitted, "find", resumed_meanwhile)
    site.scan()
    assert site.argvs("oardel") == []


def test_metrics(site: Site, tmp_path: Path, hours: Hours) -> None:
    file = tmp_path / "arc_oar.prom"
    site.configure(f"metrics_file={file}")
    refused(site)
    site.scan()
    text = file.read_text()
    assert 'arc_oar_failed_submissions_total{reason="refused"} 1\n' in text
    assert 'arc_oar_failed_submissions_total{reason="unavailable"} 0\n' in text
    assert 'arc_oar_verdicts_total{reason="not_submitted"} 1\n' in text
    assert "arc_oar_submissions_total 0\n" in text


@pytest.mark.parametrize("first", range(1, 5))
def test_killed_at_every_step(site: Site, first: int) -> None:
    """The next attempt ends as the first one would have: one local job ID, with its reason."""
    step, kills = first, 0
    while True:
        files = site.ce.job(f"{step:04}".ljust(20, "k"), count=99)
        killed = killed_before(step, partial(attempt, site, files))
        assert attempt(site, files) == 0
        assert files.file("grami").read_text().count("joboption_jobid=") == 1, f"step {step}"
        reason = files.session / ".arc_oar" / files.local_id()
        assert reason.read_text() == f"refused\n{TOO_MANY}\n", f"step {step}"
        if not killed:
            break
        kills += 1
        step += 4
    assert kills > 3
