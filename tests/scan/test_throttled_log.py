"""Persistent problems are logged once, counted, repeated each hour, and logged when they clear."""

from __future__ import annotations

import contextlib
import re

import pytest
from support.ce import GRID_ID
from support.oar_site import Site
from support.scan_jobs import OTHER, Hours, ended, said

from arc_lrms_oar.errors import OarUnavailable
from arc_lrms_oar.log import Log
from arc_lrms_oar.scan.state import ScanState
from arc_lrms_oar.scan.throttled_log import ThrottledLog

SILENT = (
    "[ERROR] OAR is unavailable, nothing was changed: "
    "oarstat: exit code 25: DB connection error, exiting."
)


def cycles(site: Site, hours: Hours, number: int, seconds: float) -> None:
    """Run `number` cycles, `seconds` apart, whether OAR is available or not."""
    for _ in range(number):
        with contextlib.suppress(OarUnavailable):
            site.scan()
        hours.ahead += seconds


def test_unavailable_oar_is_logged_once_and_when_it_answers_again(
    site: Site, hours: Hours, capsys: pytest.CaptureFixture[str]
) -> None:
    site.running()
    site.oar.set("db_down")
    cycles(site, hours, 5, 60)
    assert said(capsys) == [SILENT]
    site.oar.clear("db_down")
    cycles(site, hours, 2, 60)
    assert said(capsys) == ["[INFO] OAR answers again after 5 cycles, 5 min"]


def test_unavailable_oar_is_logged_again_each_hour(
    site: Site, hours: Hours, capsys: pytest.CaptureFixture[str]
) -> None:
    site.running()
    site.oar.set("db_down")
    cycles(site, hours, 13, 600)
    assert said(capsys) == [
        SILENT,
        f"{SILENT} (7 cycles, 60 min)",
        f"{SILENT} (13 cycles, 120 min)",
    ]


def test_problem_of_one_job_is_logged_once_and_when_it_clears(
    any_site: Site, hours: Hours, capsys: pytest.CaptureFixture[str]
) -> None:
    files = any_site.ce.in_lrms(GRID_ID, "")
    path = files.file("local")
    cycles(any_site, hours, 4, 10)
    assert said(capsys) == [f"[WARNING] {GRID_ID}: no OAR job ID in {path}"]
    any_site.oar.add_jobs(1, state="Running")
    any_site.ce.accepted(files, 1)
    cycles(any_site, hours, 2, 10)
    assert said(capsys) == [
        f"[INFO] cleared: {GRID_ID}: no OAR job ID in {path}, after 4 cycles, 1 min"
    ]


def test_failed_cycle_clears_no_problem(
    site: Site, hours: Hours, capsys: pytest.CaptureFixture[str]
) -> None:
    files = site.ce.in_lrms(GRID_ID, "")
    site.running(OTHER)
    site.oar.set("db_down")
    cycles(site, hours, 2, 10)
    files.status.write_text("FINISHED\n")
    cycles(site, hours, 2, 10)
    assert [line for line in said(capsys) if "over" in line] == []


def test_failed_report_is_logged_once(
    site: Site,
    hours: Hours,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ended(site)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    called = f"{GRID_ID}: OAR job 1"
    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", full)
        cycles(site, hours, 3, 10)
    (line,) = said(capsys)
    assert line == (f"[ERROR] {called} cannot be reported: [Errno 28] No space left on device")
    cycles(site, hours, 1, 10)
    assert said(capsys) == [
        f"[INFO] {called} ended: 0 Job finished with exit code 0",
        f"[INFO] cleared: {called} cannot be reported, after 3 cycles, 1 min",
    ]


def test_refused_cancel_is_logged_once(
    site: Site, hours: Hours, capsys: pytest.CaptureFixture[str]
) -> None:
    """Scan runs every few seconds and asks OAR to delete once a minute."""
    site.running(status="CANCELING")
    site.oar.set("refuse_del")
    hours.ahead += 100
    cycles(site, hours, 30, 10)
    (line,) = said(capsys)
    assert line.startswith(f"[WARNING] OAR refuses to delete some of: {GRID_ID} (OAR job 1): ")


def test_log_lines_name_both_ids(
    site: Site, hours: Hours, capsys: pytest.CaptureFixture[str]
) -> None:
    ended(site)
    site.ce.in_lrms(OTHER, 4711)
    cycles(site, hours, 4, 310)
    lines = said(capsys)
    assert f"[WARNING] {OTHER}: OAR does not know OAR job 4711" in lines
    assert all(re.match(r"\[[A-Z]+\] \w{50,54}: OAR ", line) for line in lines), lines


def test_clock_that_jumps_back(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    for now, spoken in ((1e9, True), (1e9 + 5, False), (1e6, True), (1e6 + 5, False)):
        with ScanState.locked(str(site.ce.control)) as state:
            assert state is not None
            problems = ThrottledLog(state, Log("Scan"), now)
            problems.say("ERROR", "the disk is full")
            problems.end_cycle()
        assert bool(said(capsys)) is spoken, now


@pytest.mark.parametrize("level", ["WARNING", "ERROR"])
def test_log_level_of_the_site_is_used(
    site: Site, capsys: pytest.CaptureFixture[str], level: str
) -> None:
    with ScanState.locked(str(site.ce.control)) as state:
        assert state is not None
        ThrottledLog(state, Log("Scan", level), 1000.0).say("WARNING", "the disk is full")
        ThrottledLog(state, Log("Scan", level), 2000.0).end_cycle()
    assert said(capsys) == ([] if level == "ERROR" else ["[WARNING] the disk is full"])
