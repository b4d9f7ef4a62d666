"""`hold`, `resume` and `cancel`: on the selected jobs, after their number has been confirmed."""

from __future__ import annotations

import os
import pty
from pathlib import Path
from typing import Any

import pytest
from support.oar_site import Site
from support.scan_jobs import finished

from arc_lrms_oar.admin import bulk
from arc_lrms_oar.admin.arc_locations import Arc
from arc_lrms_oar.admin.bulk import Request, act
from arc_lrms_oar.admin.job_selection import Selection, selection
from arc_lrms_oar.errors import OarLrmsError, OarUnavailable, SiteError

WAITING = selection(states="Waiting")


@pytest.fixture
def jobs(site: Site) -> Site:
    """Two waiting jobs (1, 2), a running (3), a held (4) and an ended one."""
    for letter in "ab":
        site.running(letter * 12, state="Waiting")
    site.running("c" * 12, state="Running")
    site.running("d" * 12, state="Hold")
    finished(site, "e" * 12)
    return site


def acted(site: Site, name: str, selected: Selection = WAITING, **options: Any) -> int:
    return act(site.settings(), site.client(), name, Request(selected, **options))


def states(site: Site) -> list[str]:
    return list(site.client().states(range(1, 5)).values())


def asked(site: Site) -> list[list[str]]:
    """The commands that change a job in OAR."""
    commands = ("oarhold", "oarresume", "oardel")
    return [call.argv for call in site.oar.calls() if call.command in commands]


def test_hold(jobs: Site, capsys: pytest.CaptureFixture[str]) -> None:
    assert acted(jobs, "hold", confirmed=2) == 0
    assert asked(jobs) == [["oarhold", "1", "2"]]
    assert states(jobs) == ["Hold", "Hold", "Running", "Hold"]
    lines = capsys.readouterr().out.splitlines()
    assert [line[:1] for line in lines[:3]] == ["j", "1", "2"]
    assert lines[-1] == "2 jobs are being held; `jobs` shows their states"


def test_jobs_that_cannot_be_held_are_left_alone(
    jobs: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    assert acted(jobs, "hold", selection(users=jobs.ce.user), confirmed=2) == 0
    assert asked(jobs) == [["oarhold", "1", "2"]]
    out = capsys.readouterr().out
    assert "2 more selected jobs are left alone: they do not wait in OAR\n" in out


def test_running_jobs_are_suspended_by_a_command_of_their_own(jobs: Site) -> None:
    chosen = selection(states="Waiting,Running")
    acted(jobs, "hold", chosen, confirmed=3, running=True)
    assert asked(jobs) == [["oarhold", "1", "2"], ["oarhold", "-r", "3"]]


def test_resume(jobs: Site) -> None:
    assert acted(jobs, "resume", selection(ids=["dddd"]), confirmed=1) == 0
    assert asked(jobs) == [["oarresume", "4"]]
    assert states(jobs) == ["Waiting", "Waiting", "Running", "Waiting"]


@pytest.mark.parametrize("name", ["hold", "resume", "cancel"])
def test_dry_run(jobs: Site, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert acted(jobs, name, Selection(), everything=True, dry_run=True) == 0
    assert asked(jobs) == []
    number = {"hold": "2", "resume": "1", "cancel": "4"}[name]
    assert f"\n{number} jobs would be " in capsys.readouterr().out


@pytest.mark.parametrize("name", ["hold", "resume", "cancel"])
def test_no_condition(jobs: Site, name: str) -> None:
    with pytest.raises(OarLrmsError, match=f"{name}: give job IDs or a filter, or --all"):
        acted(jobs, name, Selection(), confirmed=2)
    assert asked(jobs) == []


def test_number_is_wrong(jobs: Site) -> None:
    with pytest.raises(OarLrmsError, match="hold: not confirmed, nothing was done; 2 jobs match"):
        acted(jobs, "hold", confirmed=3)
    assert asked(jobs) == []


def test_number_is_wrong_and_no_job_matches(jobs: Site, capsys: pytest.CaptureFixture[str]) -> None:
    nothing = selection(queues="other")
    with pytest.raises(OarLrmsError, match="hold: not confirmed, nothing was done; 0 jobs match"):
        acted(jobs, "hold", nothing, confirmed=3)
    assert acted(jobs, "hold", nothing, confirmed=0) == 0
    assert acted(jobs, "hold", nothing, confirmed=3, dry_run=True) == 0
    assert capsys.readouterr().out == "No selected job can be held.\n" * 3


def test_nobody_to_ask(jobs: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    with open(os.devnull) as null:
        monkeypatch.setattr("sys.stdin", null)
        with pytest.raises(OarLrmsError, match="hold: not confirmed; to do it, add --confirm 2"):
            acted(jobs, "hold")


@pytest.mark.parametrize(("typed", "done"), [("2\n", True), ("y\n", False), ("\n", False)])
def test_question(jobs: Site, typed: str, done: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    mine, theirs = pty.openpty()
    with open(theirs) as terminal:
        monkeypatch.setattr("sys.stdin", terminal)
        os.write(mine, typed.encode())
        if done:
            assert acted(jobs, "hold") == 0
        else:
            with pytest.raises(OarLrmsError, match="not confirmed, nothing was done"):
                acted(jobs, "hold")
    os.close(mine)
    assert asked(jobs) == ([["oarhold", "1", "2"]] if done else [])


def test_refused_by_oar(jobs: Site, capsys: pytest.CaptureFixture[str]) -> None:
    jobs.oar.owner = "somebody"
    for command in ("oarhold",):
        (jobs.oar.bin / command).write_text(
            "#!/bin/sh\necho '/!\\ Cannot hold 1: you are not the right user.' >&2\nexit 1\n"
        )
    assert acted(jobs, "hold", confirmed=2) == 1
    output = capsys.readouterr()
    assert output.err.startswith("hold: oarhold: ")
    assert "you are not the right user" in output.err
    assert output.out.endswith("some of the jobs could not be held; `jobs` shows their states\n")


def test_oar_unavailable(jobs: Site) -> None:
    jobs.oar.set("db_down")
    with pytest.raises(OarUnavailable):
        acted(jobs, "hold", Selection(), everything=True, confirmed=2)


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with a stub of gm-jobs, which records its arguments and may fail."""
    program = tmp_path / "gm-jobs"
    program.write_text(
        f'#!/bin/sh\necho "$@" >>{tmp_path}/calls\n[ -e {tmp_path}/message ] || exit 0\n'
        f"cat {tmp_path}/message >&2\nexit 1\n"
    )
    program.chmod(0o755)
    arc = Arc("6.17.0", "", str(tmp_path), "", "")
    monkeypatch.setattr(bulk, "find_arc", lambda: arc)
    return tmp_path


def calls(tools: Path) -> list[list[str]]:
    return [line.split() for line in (tools / "calls").read_text().splitlines()]


def test_cancel_goes_through_arex(jobs: Site, tools: Path) -> None:
    jobs.running("f" * 12, "CANCELING")
    assert acted(jobs, "cancel", selection(users=jobs.ce.user), confirmed=4) == 0
    (words,) = calls(tools)
    assert words[:6] == ["-d", str(jobs.ce.control), "-J", "-S", "-x", "ERROR"]
    assert words[6::2] == ["-k"] * 4
    assert sorted(words[7::2]) == [letter * 12 for letter in "abcd"]
    assert asked(jobs) == []


def test_cancel_while_oar_is_unavailable(jobs: Site, tools: Path) -> None:
    jobs.oar.set("db_down")
    assert acted(jobs, "cancel", selection(ids=["a" * 12]), confirmed=1) == 0
    assert calls(tools)[0][6:] == ["-k", "a" * 12]


def test_many_jobs_take_several_commands(
    jobs: Site, tools: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "_IN_ONE_COMMAND", 3)
    acted(jobs, "cancel", Selection(), everything=True, confirmed=4)
    assert [words.count("-k") for words in calls(tools)] == [3, 1]


def test_refused_by_gm_jobs(jobs: Site, tools: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tools / "message").write_text("There is no such job\n")
    assert acted(jobs, "cancel", confirmed=2) == 1
    assert capsys.readouterr().err == "cancel: gm-jobs: There is no such job\n"


def test_no_gm_jobs(jobs: Site, tools: Path) -> None:
    (tools / "gm-jobs").unlink()
    with pytest.raises(SiteError, match="gm-jobs: No such file or directory"):
        acted(jobs, "cancel", confirmed=2)
