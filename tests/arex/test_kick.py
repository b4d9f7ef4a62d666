"""gm-kick, a real executable below ARC_LOCATION that records its arguments."""

from __future__ import annotations

import os

import pytest
from support.ce import Ce
from support.fake_gm_kick import FakeGmKick

from arc_lrms_oar.arex import kick as module
from arc_lrms_oar.arex.controldir import GridJob, read_job
from arc_lrms_oar.arex.kick import find_gm_kick, kick
from arc_lrms_oar.log import Log


def jobs(ce: Ce, count: int) -> list[GridJob]:
    files = [ce.in_lrms(f"{number:012}", number + 1) for number in range(count)]
    found = (read_job(str(ce.control), one.status.name) for one in files)
    return [job for job in found if job is not None]


def test_all_jobs_in_one_call(
    any_ce: Ce, gm_kick: FakeGmKick, capfd: pytest.CaptureFixture[str]
) -> None:
    gm_kick.install()
    found = jobs(any_ce, 3)
    kick(found, Log("Scan"))
    last = any_ce.control
    if any_ce.layout == 6:
        last = any_ce.control / "job.000000000000.local"
    words = ["-j", "000000000000", "-j", "000000000001", "-j", "000000000002", str(last)]
    assert gm_kick.calls() == [words]
    assert capfd.readouterr() == ("", "")


def test_no_call_without_jobs(gm_kick: FakeGmKick) -> None:
    gm_kick.install()
    kick([], Log("Scan"))
    assert gm_kick.calls() == []


def test_many_jobs_are_split_into_blocks(
    ce: Ce, gm_kick: FakeGmKick, monkeypatch: pytest.MonkeyPatch
) -> None:
    gm_kick.install()
    monkeypatch.setattr(module, "_JOBS_IN_ONE_CALL", 2)
    kick(jobs(ce, 5), Log("Scan"))
    assert [argv.count("-j") for argv in gm_kick.calls()] == [2, 2, 1]


def test_most_jobs_of_one_call_fit_into_a_command_line() -> None:
    longest = "x" * 56
    assert module._JOBS_IN_ONE_CALL * (len(longest) + 1 + 3 + 16) < 1 << 20


@pytest.mark.parametrize("place", ["libexec/arc", "lib/arc", "lib64/arc"])
def test_locations_of_gm_kick(gm_kick: FakeGmKick, place: str) -> None:
    path = gm_kick.install(place)
    assert find_gm_kick() == str(path)
    path.chmod(0o644)
    assert find_gm_kick() is None


def test_default_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ARC_LOCATION")
    asked = []

    def access(path: str, mode: int) -> bool:
        asked.append(path)
        return path == "/usr/lib/arc/gm-kick"

    monkeypatch.setattr(os, "access", access)
    assert find_gm_kick() == "/usr/lib/arc/gm-kick"
    assert asked[0] == "/usr/libexec/arc/gm-kick"


def test_missing_gm_kick_is_no_problem(
    ce: Ce, gm_kick: FakeGmKick, capsys: pytest.CaptureFixture[str]
) -> None:
    kick(jobs(ce, 1), Log("Scan"))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("failure", ["exit code", "no interpreter", "hangs"])
def test_failure_is_a_warning(
    ce: Ce,
    gm_kick: FakeGmKick,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    failure: str,
) -> None:
    path = gm_kick.install(code=3)
    if failure == "no interpreter":
        path.write_text("#!/no/such/interpreter\n")
    if failure == "hangs":
        path.write_text("#!/bin/sh\nexec sleep 60\n")
        monkeypatch.setattr(module, "_TIMEOUT", 0.1)
    kick(jobs(ce, 1), Log("Scan"))
    (line,) = capsys.readouterr().err.splitlines()
    assert "] [Scan] [WARNING] gm-kick failed, A-REX will notice later: " in line
