"""gm-kick, as a real executable below ARC_LOCATION that notes how it was called."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from ce import Ce

from arc_lrms_oar.arex import kick as module
from arc_lrms_oar.arex.controldir import GridJob, jobs_in_lrms
from arc_lrms_oar.arex.kick import find_gm_kick, kick
from arc_lrms_oar.log import Log

FAKE = """\
#!{python}
import json, os, sys
with open({calls!r}, "a") as file:
    file.write(json.dumps([sys.argv[1:], sys.stdin.read()]) + "\\n")
print("noise on stdout")
sys.stderr.write("noise on stderr")
sys.exit({code})
"""


class Kicks:
    """The fake gm-kick below one prefix."""

    def __init__(self, prefix: Path) -> None:
        self.prefix = prefix
        self.calls_file = prefix / "calls"

    def install(self, place: str = "libexec/arc", code: int = 0) -> Path:
        path = self.prefix / place / "gm-kick"
        path.parent.mkdir(parents=True)
        path.write_text(FAKE.format(python=sys.executable, calls=str(self.calls_file), code=code))
        path.chmod(0o755)
        return path

    def calls(self) -> list[list[str]]:
        if not self.calls_file.exists():
            return []
        rows = [json.loads(line) for line in self.calls_file.read_text().splitlines()]
        assert all(stdin == "" for _, stdin in rows)
        return [argv for argv, _ in rows]


@pytest.fixture
def kicks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kicks:
    monkeypatch.setenv("ARC_LOCATION", str(tmp_path / "arc"))
    (tmp_path / "arc").mkdir()
    return Kicks(tmp_path / "arc")


def jobs(ce: Ce, count: int) -> list[GridJob]:
    for number in range(count):
        ce.in_lrms(f"{number:012}", number + 1)
    return sorted(jobs_in_lrms(str(ce.control)), key=lambda job: job.grid_id)


def test_all_jobs_in_one_call(any_ce: Ce, kicks: Kicks, capfd: pytest.CaptureFixture[str]) -> None:
    kicks.install()
    found = jobs(any_ce, 3)
    kick(found, Log("Scan"))
    last = any_ce.control
    if any_ce.layout == 6:
        last = any_ce.control / "job.000000000000.local"
    words = ["-j", "000000000000", "-j", "000000000001", "-j", "000000000002", str(last)]
    assert kicks.calls() == [words]
    assert capfd.readouterr() == ("", "")


def test_no_job_no_call(kicks: Kicks) -> None:
    kicks.install()
    kick([], Log("Scan"))
    assert kicks.calls() == []


def test_many_jobs_go_in_blocks(ce: Ce, kicks: Kicks, monkeypatch: pytest.MonkeyPatch) -> None:
    kicks.install()
    monkeypatch.setattr(module, "_JOBS_IN_ONE_CALL", 2)
    kick(jobs(ce, 5), Log("Scan"))
    assert [argv.count("-j") for argv in kicks.calls()] == [2, 2, 1]


def test_most_jobs_of_one_call_fit_into_a_command_line() -> None:
    longest = "x" * 56
    assert module._JOBS_IN_ONE_CALL * (len(longest) + 1 + 3 + 16) < 1 << 20


@pytest.mark.parametrize("place", ["libexec/arc", "lib/arc", "lib64/arc"])
def test_where_it_is_looked_for(kicks: Kicks, place: str) -> None:
    path = kicks.install(place)
    assert find_gm_kick() == str(path)
    path.chmod(0o644)
    assert find_gm_kick() is None


def test_default_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def access(path: str, mode: int) -> bool:
        asked.append(path)
        return path == "/usr/lib/arc/gm-kick"

    monkeypatch.setattr(os, "access", access)
    assert find_gm_kick() == "/usr/lib/arc/gm-kick"
    assert asked[0] == "/usr/libexec/arc/gm-kick"


def test_none_installed_is_no_trouble(
    ce: Ce, kicks: Kicks, capsys: pytest.CaptureFixture[str]
) -> None:
    kick(jobs(ce, 1), Log("Scan"))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("trouble", ["exit code", "no interpreter", "hangs"])
def test_trouble_is_a_warning(
    ce: Ce,
    kicks: Kicks,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    trouble: str,
) -> None:
    path = kicks.install(code=3)
    if trouble == "no interpreter":
        path.write_text("#!/no/such/interpreter\n")
    if trouble == "hangs":
        path.write_text("#!/bin/sh\nexec sleep 60\n")
        monkeypatch.setattr(module, "_TIMEOUT", 0.1)
    kick(jobs(ce, 1), Log("Scan"))
    (line,) = capsys.readouterr().err.splitlines()
    assert "] [Scan] [WARNING] gm-kick failed, A-REX will look by itself: " in line
