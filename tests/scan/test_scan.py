"""Scan reports each job that has ended once, and changes nothing else."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from standin import Standin
from support.ce import GRID_ID, NOBODY, Ce, JobFiles
from support.fake_gm_kick import FakeGmKick
from support.oar_site import Site, listing
from support.scan_jobs import OTHER, Hours, ended, noted, said
from support.users import needs_root

from arc_lrms_oar.errors import OarUnavailable
from arc_lrms_oar.log import Log
from arc_lrms_oar.oar.local import LocalTransport
from arc_lrms_oar.oar.transport import Completed
from arc_lrms_oar.scan.reconcile import scan
from arc_lrms_oar.scan.state import ScanState


def test_a_job_from_submission_to_report(any_site: Site, gm_kick: FakeGmKick) -> None:
    site = any_site
    gm_kick.install()
    files = site.ce.job(
        executable="/bin/sh", arguments=["-c", "echo out; exit 3"], stdout="o", walltime=60
    )
    site.ce.accepted(files, site.submit(files))
    row = site.oar.wait(1)
    files.comment.write_text("said by the LRMS\n")
    files.file("errors").write_text("said by A-REX\n")
    assert site.scan() == [GRID_ID]
    reason = "Job finished with exit code 3"
    assert files.done() == f"3 {reason}\n"
    assert files.errors() == (
        f"said by A-REX\n{reason}\n----- output of OAR job 1 -----\nsaid by the LRMS\n"
        "----- end of OAR job 1: 3 -----\n"
    )
    found = files.accounting()
    moment = "%Y%m%d%H%M%SZ"
    assert found["lrmsstarttime"] == [time.strftime(moment, time.gmtime(row["start_time"]))]
    assert found["lrmsendtime"] == [time.strftime(moment, time.gmtime(row["stop_time"]))]
    assert found["walltime"] == [f"{row['stop_time'] - row['start_time']}s"]
    assert (found["exitcode"], found["lrmsexitcode"]) == (["3"], ["3"])
    assert (found["lrmsmessage"], found["nodename"]) == ([reason], ["127.0.0.1"])
    assert (found["processors"], found["nodecount"]) == (["1"], ["1"])
    assert (files.session / "o").read_text() == "out\n"
    assert not (files.session / ".arc_oar").exists()
    last = files.file("local") if site.ce.layout == 6 else site.ce.control
    assert gm_kick.calls() == [["-j", GRID_ID, str(last)]]


def test_job_is_reported_once(any_site: Site) -> None:
    ended(any_site)
    assert any_site.scan() == [GRID_ID]
    before = listing(any_site.ce.control, any_site.ce.sessions)
    assert any_site.scan() == []
    assert listing(any_site.ce.control, any_site.ce.sessions) == before


@needs_root
def test_users_files_keep_their_owner(place: Path, oar: Standin, layout: int) -> None:
    site = Site(Ce(place, layout, owner=NOBODY), oar)
    files = ended(site)
    (files.session / ".arc_oar").mkdir()
    site.ce.give(files.session / ".arc_oar")
    assert site.scan() == [GRID_ID]
    for path in (files.diag, files.comment, files.file("errors"), files.file("local")):
        assert (path.stat().st_uid, path.stat().st_gid) == (NOBODY, NOBODY), path
    assert files.accounting()["exitcode"] == ["0"]
    assert not (files.session / ".arc_oar").exists()


ENDS: list[tuple[dict[str, Any], list[tuple[str, str]], str]] = [
    ({"exit_code": 0}, [], "0 Job finished with exit code 0"),
    ({"exit_code": 255 << 8}, [], "255 Job finished with exit code 255"),
    ({"exit_code": 9}, [], "265 Job was killed by signal 9 (SIGKILL)"),
    ({"exit_code": None}, [], "512 OAR does not know the job's exit code"),
    (
        {"state": "Error", "exit_code": None, "walltime": 60},
        [
            ("FRAG_JOB_REQUEST", "User root requested to frag the job 1"),
            ("WALLTIME", "[sarko] Job [1] from 1 with 60; current time=99 (Elapsed)"),
        ],
        "265 Job exceeded its walltime of 0:01:00 and was killed",
    ),
    (
        {"state": "Error", "exit_code": 0},
        [("FRAG_JOB_REQUEST", "User griduser requested to frag the job 1")],
        "265 Job was deleted in OAR by user griduser",
    ),
    (
        {"state": "Error", "exit_code": None},
        [("WORKING_DIRECTORY", "[bipbip 1] Cannot go into the working directory /x")],
        "512 The session directory could not be used on the node",
    ),
    ({"state": "Error", "exit_code": 0}, [], "512 OAR ended the job with an error"),
]


@pytest.mark.parametrize(("columns", "events", "line"), ENDS)
def test_ends(
    site: Site, columns: dict[str, Any], events: list[tuple[str, str]], line: str
) -> None:
    files = site.running(**{"state": "Terminated", "message": "", **columns})
    noted(files)
    for kind, text in events:
        site.oar.add_event(1, kind, text)
    site.scan()
    assert (files.done() or "").startswith(line)
    assert files.errors().startswith(line.partition(" ")[2])


LIVE = [
    *("Waiting", "Hold", "toLaunch", "toError", "toAckReservation", "Launching", "Running"),
    *("Suspended", "Resuming", "Finishing"),
]


def test_jobs_that_have_not_ended_are_left_alone(any_site: Site, hours: Hours) -> None:
    site = any_site
    for number, state in enumerate(LIVE):
        noted(site.running(f"{number:012}", state="Running"))
        site.oar.update(number + 1, state=state, exit_code=0)
    before = listing(site.ce.control, site.ce.sessions)
    for _ in range(3):
        assert site.scan() == []
        hours.ahead += 1000
    assert listing(site.ce.control, site.ce.sessions) == before
    assert "oardel" not in site.commands()


def test_unknown_state_is_logged_once(
    site: Site, hours: Hours, capsys: pytest.CaptureFixture[str]
) -> None:
    files = noted(site.running())
    site.oar.update(1, state="Teleporting")
    for _ in range(3):
        assert site.scan() == []
        hours.ahead += 400
    assert files.done() is None
    line = f"[WARNING] {GRID_ID}: OAR job 1 has the unknown state 'Teleporting'"
    assert said(capsys).count(line) == 1


def cancelling(site: Site, *ids: int, age: float = 100) -> list[JobFiles]:
    """Jobs that A-REX cancelled `age` seconds ago and that still run."""
    found = []
    for job_id in ids:
        grid_id = f"{job_id:050}"
        site.add_job_of(grid_id, first_id=job_id)
        files = site.ce.in_lrms(grid_id, job_id, "CANCELING")
        os.utime(files.status, (time.time() - age, time.time() - age))
        found.append(files)
    return found


def test_cancelled_jobs_that_still_run_are_deleted(any_site: Site, hours: Hours) -> None:
    site = any_site
    site.oar.set("delay_frag", 1000)
    cancelling(site, 5, 3)
    site.running(OTHER)
    site.scan()
    assert [sorted(argv) for argv in site.argvs("oardel")] == [["3", "5", "oardel"]]
    site.scan()
    assert len(site.argvs("oardel")) == 1
    hours.ahead += 61
    site.scan()
    assert len(site.argvs("oardel")) == 2


def test_cancelled_jobs_that_are_deleted_are_reported(site: Site) -> None:
    (files,) = cancelling(site, 5)
    site.scan()
    site.oar.wait(5)
    assert site.scan() == [files.grid_id]
    assert (files.done() or "").startswith("265 Job was deleted in OAR by user ")


def test_recent_cancel_is_left_to_the_cancel_script(site: Site) -> None:
    cancelling(site, 5, age=10)
    site.scan()
    assert site.argvs("oardel") == []


@pytest.mark.parametrize("knob", ["refuse_del", "fail_times"])
def test_cancel_that_fails_does_not_stop_the_others(
    site: Site, capsys: pytest.CaptureFixture[str], knob: str
) -> None:
    cancelling(site, 5)
    files = ended(site)
    site.oar.set(knob, "oardel:1:25:DB connection error" if knob == "fail_times" else True)
    assert site.scan() == [GRID_ID]
    assert files.done() == "0 Job finished with exit code 0\n"
    assert any(
        line.startswith(("[WARNING] OAR refuses to delete", "[WARNING] cannot cancel"))
        for line in said(capsys)
    )


def test_cancelled_job_that_had_ended_by_itself(site: Site) -> None:
    files = noted(site.running(state="Terminated"))
    files.status.write_text("CANCELING\n")
    os.utime(files.status, (0, 0))
    assert site.scan() == [GRID_ID]
    assert "oardel" not in site.commands()


def test_end_of_the_diag_is_waited_for(site: Site, hours: Hours) -> None:
    files = site.running(state="Terminated", exit_code=0, stop_time=int(time.time()))
    assert site.scan() == []
    hours.ahead = 50
    assert site.scan() == []
    assert files.done() is None
    noted(files)
    assert site.scan() == [GRID_ID]
    assert files.accounting()["usertime"] == ["1.5s"]


def test_end_of_the_diag_is_waited_for_with_a_timeout(site: Site, hours: Hours) -> None:
    files = site.running(state="Terminated", exit_code=768, stop_time=int(time.time()))
    assert site.scan() == []
    hours.ahead = 61
    assert site.scan() == [GRID_ID]
    assert files.done() == "3 Job finished with exit code 3\n"
    found = files.accounting()
    assert (found["exitcode"], found["lrmsexitcode"]) == (["3"], ["3"])
    assert len(found["lrmsendtime"]) == 1


@pytest.mark.parametrize("columns", [{"exit_code": 9}, {"state": "Error", "exit_code": None}])
def test_killed_job_has_no_end_of_the_diag(site: Site, columns: dict[str, Any]) -> None:
    site.running(**{"state": "Terminated", "stop_time": int(time.time()), **columns})
    assert site.scan() == [GRID_ID]


def test_two_scans_at_once(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The second one runs while the first one waits for OAR, and leaves everything to it."""
    ended(site)
    run = LocalTransport.run
    second: list[list[str]] = []

    def run_second_scan_first(
        transport: LocalTransport, argv: Sequence[str], timeout: float | None = None
    ) -> Completed:
        if not second:
            before = listing(site.ce.control, site.ce.sessions)
            second.append(["still running"])
            second[0] = site.scan()
            assert listing(site.ce.control, site.ce.sessions) == before
        return run(transport, argv, timeout)

    monkeypatch.setattr(LocalTransport, "run", run_second_scan_first)
    assert site.scan() == [GRID_ID]
    assert second == [[]]
    warning, end = said(capsys)
    assert warning == f"[WARNING] {site.ce.control}: another scan is running"
    assert end == f"[INFO] {GRID_ID}: OAR job 1 ended: 0 Job finished with exit code 0"


def test_scan_after_one_that_was_running(site: Site) -> None:
    ended(site)
    with ScanState.locked(str(site.ce.control)):
        assert site.scan() == []
    assert site.scan() == [GRID_ID]


def test_several_control_directories(place: Path, oar: Standin, gm_kick: FakeGmKick) -> None:
    gm_kick.install()
    sites = [Site(Ce(place / str(layout), layout), oar) for layout in (6, 7)]
    jobs = [ended(site, letter * 12) for site, letter in zip(sites, "ab")]
    places = [str(site.ce.control) for site in sites]
    reported = scan(sites[0].settings(), sites[0].client(), places, Log("Scan"))
    assert sorted(reported) == ["a" * 12, "b" * 12]
    assert gm_kick.calls() == [
        ["-j", "a" * 12, str(jobs[0].file("local"))],
        ["-j", "b" * 12, str(sites[1].ce.control)],
    ]


@pytest.mark.parametrize(
    "forged",
    ["x\n1         T griduser   0:00:01 R=1", "x\n   state = Terminated\nJob_Id: 1", '{"1"'],
)
def test_row_that_another_user_has_forged(site: Site, forged: str) -> None:
    files = site.running(OTHER)
    ended(site)
    site.oar.add_jobs(1, state="Terminated", owner="mallory", job_name=forged, command=forged)
    site.oar.update(2, message=forged)
    assert site.scan() == [GRID_ID]
    assert files.done() is None


def test_processes_of_one_scan(site: Site, hours: Hours) -> None:
    """The number of processes does not depend on the number of jobs."""
    for number in range(1, 61):
        noted(site.running(f"{number:050}", state="Running" if number <= 30 else "Terminated"))
    assert len(site.scan()) == 30
    counts = [len(site.commands())]
    for _ in range(2):
        hours.ahead += 301
        assert site.scan() == []
        counts.append(len(site.commands()) - sum(counts))
    assert max(counts) <= 4


def test_version_is_asked_in_audits_only(site: Site, hours: Hours) -> None:
    site.running()
    for _ in range(3):
        site.scan()
    assert site.argvs("oarstat").count(["oarstat", "-V"]) == 1
    hours.ahead = 301
    site.scan()
    assert site.argvs("oarstat").count(["oarstat", "-V"]) == 2


def test_oar_that_was_upgraded(place: Path, ce: Ce, hours: Hours) -> None:
    """Nothing is reported until the next audit asks for the version."""
    with Standin.create(place / "old", "2.6.1") as old:
        site = Site(ce, old)
        files = ended(site)
        old.update(1, state="Running")
        site.scan()
    with Standin.create(place / "new", "3.0.2") as new:
        site = Site(ce, new)
        site.add_job_of(GRID_ID, state="Terminated", exit_code=0)
        with pytest.raises(OarUnavailable):
            site.scan()
        hours.ahead = 301
        assert site.scan() == [GRID_ID]
        assert files.done() == "0 Job finished with exit code 0\n"


def test_accounting_prefers_oars_record(site: Site, paris: None) -> None:
    files = ended(
        site,
        start_time=1782864000,
        stop_time=1782867661,
        resources=[1, 2, 3],
        assigned_moldable_job=1,
    )
    site.scan()
    found = files.accounting()
    assert found["lrmsstarttime"] == ["20260701000000Z"]
    assert found["lrmsendtime"] == ["20260701010101Z"]
    assert found["walltime"] == ["3661s"]
    assert found["nodename"] == ["127.0.0.1", "127.0.0.2"]
    assert (found["processors"], found["nodecount"]) == (["3"], ["2"])
    assert (found["usertime"], found["maxresidentmemory"]) == (["1.5s"], ["77kB"])


def test_usage_of_a_job_that_oar_killed(any_site: Site) -> None:
    """The job script has not reached its end; its watcher has measured the job."""
    files = any_site.running(state="Error", exit_code=None)
    files.diag.write_text("WatchedUserTime=7.25s\nWatchedKernelTime=0.50s\nWatchedMemory=9kB\n")
    any_site.scan()
    found = files.accounting()
    assert (found["usertime"], found["kerneltime"]) == (["7.25s"], ["0.50s"])
    assert found["maxresidentmemory"] == found["averagetotalmemory"] == ["9kB"]
    assert not [key for key in found if key.startswith("watched")]


def test_suspended_time_is_no_wall_time(site: Site) -> None:
    now = int(time.time())
    files = ended(site, start_time=now - 100, stop_time=now + 100)
    site.oar.add_event(1, "HOLD_RUNNING_JOB", "User root launched oarhold on the job 1")
    (event,) = site.oar.job(1)["events"]
    site.scan()
    assert files.accounting()["walltime"] == [f"{event['date'] - (now - 100)}s"]


def test_accounting_of_a_job_that_never_ran(site: Site) -> None:
    files = site.running(state="Error", start_time=0, stop_time=0, exit_code=None)
    site.oar.add_event(1, "FRAG_JOB_REQUEST", "User root requested to frag the job 1")
    site.scan()
    found = files.accounting()
    assert "lrmsstarttime" not in found
    assert "walltime" not in found
    assert "exitcode" not in found
    assert found["lrmsexitcode"] == ["265"]


@pytest.mark.parametrize("version", ["2.6.1", "3.0.2"])
def test_other_versions_of_oar(place: Path, ce: Ce, version: str) -> None:
    with Standin.create(place / "other oar", version) as oar:
        site = Site(ce, oar)
        first = ended(site, "a" * 12, 3)
        second = site.running("b" * 12, state="Error", exit_code=None)
        oar.add_event(2, "FRAG_JOB_REQUEST", "User griduser requested to frag the job 2")
        third = site.running("c" * 12)
        assert len(site.scan()) == 2
        assert first.done() == "3 Job finished with exit code 3\n"
        assert second.done() == "265 Job was deleted in OAR by user griduser\n"
        assert third.done() is None


def test_job_that_oar_3_hides(place: Path, ce: Ce) -> None:
    with Standin.create(place / "oar3", "3.0.2") as oar:
        site = Site(ce, oar)
        files = site.running(state="Error", hidden=1, exit_code=None, start_time=0)
        oar.add_event(1, "FRAG_JOB_REQUEST", "User griduser requested to frag the job 1")
        assert site.scan() == [GRID_ID]
        assert files.done() == "265 Job was deleted in OAR by user griduser\n"


def test_command_lines_hold_only_ids(site: Site, hours: Hours) -> None:
    ended(site)
    site.running(OTHER)
    for _ in range(2):
        site.scan()
        hours.ahead += 400
    words = {word for argv in site.argvs("oarstat") for word in argv[1:]}
    ids, script = r"\([A-Za-z_ (),0-9]+\)", r"command LIKE '%/\.arc_oar/job-%'"
    ended_ones = rf"state IN \('Terminated','Error'\) AND {ids}"
    others = rf"\(state NOT IN \('Terminated','Error'\) AND {script} AND NOT {ids}\)"
    allowed = rf"-[A-Za-z]+|--[a-z]+|\d+|{ended_ones}|{others}"
    assert [word for word in words if not re.fullmatch(allowed, word)] == []
