"""OAR jobs whose grid jobs A-REX has ended without them, as after a cancel script that failed."""

from __future__ import annotations

import pytest
from support.ce import GRID_ID, JobFiles
from support.oar_site import Site
from support.scan_jobs import OTHER, Hours, ended, finished, said

from arc_lrms_oar.errors import OarUnavailable
from arc_lrms_oar.oar.client import OarClient

LEFT = f"{GRID_ID}: A-REX has ended the job, but not OAR job 1; it is being deleted"


def end(files: JobFiles, state: str = "FINISHED", folder: str = "finished") -> None:
    """A-REX ends the job, whatever its OAR job does."""
    files.status.write_text(f"{state}\n")
    target = files.ce.control / folder
    target.mkdir(exist_ok=True)
    files.status.rename(target / files.status.name)


def deleted(site: Site) -> list[list[str]]:
    return [argv[1:] for argv in site.argvs("oardel")]


@pytest.mark.parametrize(
    ("state", "folder"), [("FINISHING", "processing"), ("FINISHED", "finished")]
)
def test_oar_job_is_deleted(
    any_site: Site, state: str, folder: str, hours: Hours, capsys: pytest.CaptureFixture[str]
) -> None:
    files = any_site.running(status="CANCELING")
    any_site.scan()
    end(files, state, folder)
    capsys.readouterr()
    for _ in range(2):
        any_site.scan()
        assert deleted(any_site) == [["1"]]
    assert said(capsys) == [f"[WARNING] {LEFT}"]
    any_site.oar.wait(1)
    hours.ahead = 61
    any_site.scan()
    assert deleted(any_site) == [["1"]]
    assert "abandoned" not in (any_site.ce.control / "arc_lrms_oar.scan").read_text()


def test_job_that_scan_has_not_seen_in_the_lrms(any_site: Site) -> None:
    """A-REX has submitted it, and has ended it since it could not write its files."""
    files = any_site.running(status="SUBMIT")
    with files.file("grami").open("a") as grami:
        grami.write("joboption_jobid=1\n")
    any_site.scan()
    end(files, "INLRMS", "restarting")
    any_site.scan()
    (any_site.ce.control / "restarting" / files.status.name).rename(files.status)
    assert deleted(any_site) == []
    end(files)
    for _ in range(2):
        any_site.scan()
        assert deleted(any_site) == [["1"]]


@pytest.mark.parametrize("column", ["job_name", "owner"])
def test_job_of_somebody_else_in_a_grami_file(site: Site, column: str) -> None:
    files = site.running(**{column: "mallory", "command": "x"}, status="SUBMIT")
    with files.file("grami").open("a") as grami:
        grami.write("joboption_jobid=1\n")
    site.scan()
    end(files)
    for _ in range(2):
        site.scan()
    assert deleted(site) == []


def test_nothing_is_asked_about_jobs_that_were_not_submitted(site: Site) -> None:
    files = site.ce.job()
    site.scan()
    end(files)
    before = len(site.commands())
    site.scan()
    assert len(site.commands()) <= before + 1
    assert "abandoned" not in (site.ce.control / "arc_lrms_oar.scan").read_text()


def test_reported_job_that_leaves_finishing(site: Site) -> None:
    """It was in the LRMS, so its GRAMi file is not read."""
    files = ended(site)
    with files.file("grami").open("a") as grami:
        grami.write("joboption_jobid=1\n")
    site.scan()
    end(files, "FINISHING", "processing")
    site.scan()
    end(files)
    site.scan()
    assert "abandoned" not in (site.ce.control / "arc_lrms_oar.scan").read_text()


def test_nothing_is_asked_about_jobs_that_were_reported(site: Site) -> None:
    files = ended(site)
    site.scan()
    end(files)
    before = len(site.commands())
    site.scan()
    assert len(site.commands()) == before + 1


def test_job_that_ended_in_oar_at_the_same_time(site: Site) -> None:
    files = site.running()
    site.scan()
    end(files)
    site.oar.update(1, state="Terminated")
    site.scan()
    assert deleted(site) == []


def test_files_that_the_user_has_removed(site: Site, hours: Hours) -> None:
    """`arckill` cancels a job and removes its files from A-REX."""
    files = site.running()
    site.scan()
    for path in (files.status, *files.ce.control.glob(f"job.{GRID_ID}.*")):
        path.unlink()
    for _ in range(3):
        site.scan()
    assert deleted(site) == []
    hours.ahead += 10
    site.scan()
    assert deleted(site) == [["1"]]


def test_files_that_are_away_twice_for_a_short_time(site: Site, hours: Hours) -> None:
    files = site.running()
    site.scan()
    aside = {path: path.read_bytes() for path in files.ce.control.glob(f"job.{GRID_ID}.*")}
    aside[files.status] = files.status.read_bytes()
    for _ in range(2):
        for path in aside:
            path.unlink()
        site.scan()
        for path, content in aside.items():
            path.write_bytes(content)
        hours.ahead += 10
        files.status.rename(files.ce.control / "aside")
        site.scan()
        (files.ce.control / "aside").rename(files.status)
    assert deleted(site) == []


def test_arex_restarts(any_site: Site) -> None:
    """All jobs are in `restarting` for some time, and then in `processing` again."""
    files = any_site.running()
    any_site.scan()
    end(files, "INLRMS", "restarting")
    for _ in range(3):
        any_site.scan()
    (any_site.ce.control / "restarting" / files.status.name).rename(files.status)
    any_site.scan()
    assert deleted(any_site) == []


def test_upgrade_to_arc_7(site: Site) -> None:
    """All files of the running jobs get other names, by A-REX's `update-controldir`."""
    files = site.running()
    site.scan()
    old = {kind: files.file(kind) for kind in ("grami", "local", "errors")}
    status = files.status
    site.ce.layout = 7
    status.rename(files.status)
    files.file("local").parent.mkdir(parents=True)
    for kind, path in old.items():
        path.rename(files.file(kind))
    for _ in range(3):
        site.scan()
    assert deleted(site) == []
    end(files)
    site.scan()
    assert deleted(site) == [["1"]]


def script_of(grid_id: str) -> str:
    return f"/var/spool/arc/sessiondir/{grid_id}/.arc_oar/job-0123456789ab.sh"


def audited(site: Site, hours: Hours) -> list[list[str]]:
    """What a scan and then an audit delete."""
    site.scan()
    assert deleted(site) == []
    hours.ahead += 301
    site.scan()
    return deleted(site)


def test_audit_finds_what_no_cycle_has_seen(any_site: Site, hours: Hours) -> None:
    """As that of an oarsub whose submission was killed, or of a job in a restored dump."""
    finished(any_site, GRID_ID, local_id="")
    other = any_site.running(OTHER, command=script_of(OTHER))
    job_id = any_site.add_job_of(GRID_ID, state="Waiting", command=script_of(GRID_ID))
    assert audited(any_site, hours) == [[str(job_id)]]
    any_site.oar.wait(job_id)
    hours.ahead += 61
    any_site.scan()
    assert deleted(any_site) == [[str(job_id)]]
    assert "abandoned" not in (any_site.ce.control / "arc_lrms_oar.scan").read_text()
    assert other.status.read_text() == "INLRMS\n"


@pytest.mark.parametrize("status", ["SUBMIT", "INLRMS", "FINISHING"])
def test_audit_leaves_jobs_alone_that_arex_has(site: Site, status: str, hours: Hours) -> None:
    files = site.running(status=status, command=script_of(GRID_ID))
    files.file("local").write_text("")
    site.add_job_of(OTHER, state="Waiting", command=script_of(OTHER))
    assert audited(site, hours) == []
    hours.ahead += 11
    site.scan()
    assert deleted(site) == []


@pytest.mark.parametrize(
    "columns",
    [
        {"job_name": "mallory", "command": "vi x"},
        {"owner": "mallory"},
        {"state": "Terminated"},
        {"command": "/home/mallory/../../.arc_oar/job-1"},
    ],
)
def test_audit_leaves_other_jobs_alone(
    site: Site, columns: dict[str, object], hours: Hours
) -> None:
    finished(site, GRID_ID)
    site.add_job_of(GRID_ID, **{"command": script_of(GRID_ID), **columns})
    assert audited(site, hours) == []


def test_audit_without_an_answer_reports_all_the_same(
    site: Site, hours: Hours, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def unavailable(*_: object) -> None:
        raise OarUnavailable("no database")

    monkeypatch.setattr(OarClient, "alive_with_command", unavailable)
    site.scan()
    files = ended(site)
    hours.ahead += 301
    site.scan()
    assert files.done() is not None
    why = "no OAR job can be found whose grid job A-REX has ended: no database"
    assert f"[WARNING] {why}" in said(capsys)


@pytest.mark.parametrize("column", ["job_name", "owner"])
def test_job_of_somebody_else_is_left_alone(site: Site, column: str) -> None:
    files = site.running(**{column: "mallory", "command": "x"})
    site.scan()
    end(files)
    for _ in range(2):
        site.scan()
    assert deleted(site) == []


def test_suspended_job_is_resumed_to_end(site: Site) -> None:
    files = site.running()
    site.scan()
    end(files)
    site.oar.update(1, state="Suspended")
    site.scan()
    assert site.argvs("oarresume") == [["oarresume", "1"]]


@pytest.mark.parametrize("knob", ["refuse_del", "fail_times"])
def test_failure_is_tried_again(
    site: Site, knob: str, hours: Hours, capsys: pytest.CaptureFixture[str]
) -> None:
    files = site.running()
    site.scan()
    end(files)
    capsys.readouterr()
    site.oar.set(knob, "oardel:1:25:DB connection error" if knob == "fail_times" else True)
    site.scan()
    assert said(capsys)[-1].startswith(
        "[WARNING] cannot delete OAR job 1 of jobs that A-REX has ended: "
    )
    site.oar.clear(knob)
    hours.ahead = 61
    site.scan()
    assert deleted(site) == [["1"], ["1"]]
