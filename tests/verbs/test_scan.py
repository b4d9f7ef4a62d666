"""Scan: the jobs that have ended are reported, once, and everything else is left as it is."""

from __future__ import annotations

import os
import re
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from ce import GRID_ID, NOBODY, Ce, JobFiles
from kicks import Kicks
from oarsite import Site, listing
from standin import Standin
from users import needs_root

from arc_lrms_oar.arex.memory import Memory
from arc_lrms_oar.errors import OarUnavailable
from arc_lrms_oar.log import Log
from arc_lrms_oar.verbs.scan import scan

OTHER = "b" * 50


class Hours:
    """The wall clock, which a test moves on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ahead = 0.0
        real = time.time
        monkeypatch.setattr(time, "time", lambda: real() + self.ahead)


@pytest.fixture
def hours(monkeypatch: pytest.MonkeyPatch) -> Hours:
    return Hours(monkeypatch)


def noted(files: JobFiles, code: int = 0) -> JobFiles:
    """The job script has come to its end and noted that in the diag."""
    with open(files.diag, "a") as diag:
        diag.write(
            "nodename=scripts-node\nProcessors=9\nUserTime=1.5s\nMaxResidentMemory=77kB\n"
            "LRMSStartTime=20200101000000Z\nLRMSEndTime=20200101000001Z\nWallTime=1s\n"
            f"exitcode={code}\n"
        )
    return files


def ended(site: Site, grid_id: str = GRID_ID, code: int = 0, **columns: object) -> JobFiles:
    """A job that has come to its own end."""
    row = {"state": "Terminated", "exit_code": code << 8, **columns}
    return noted(site.running(grid_id, **row), code)


def said(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What scan has logged, without the time."""
    lines = capsys.readouterr().err.splitlines()
    return [re.sub(r"^\[[0-9: -]+\] \[Scan\] ", "", line) for line in lines]


def test_whole_way_of_a_job(any_site: Site, kicks: Kicks) -> None:
    site = any_site
    kicks.install()
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
    assert kicks.calls() == [["-j", GRID_ID, str(last)]]


def test_job_is_reported_once(any_site: Site) -> None:
    ended(any_site)
    assert any_site.scan() == [GRID_ID]
    before = listing(any_site.ce.control, any_site.ce.sessions)
    assert any_site.scan() == []
    assert listing(any_site.ce.control, any_site.ce.sessions) == before


@needs_root
def test_users_files_stay_the_users(place: Path, oar: Standin, layout: int) -> None:
    site = Site(Ce(place, layout, owner=NOBODY), oar)
    files = ended(site)
    (files.session / ".arc_oar").mkdir()
    site.ce.give(files.session / ".arc_oar")
    assert site.scan() == [GRID_ID]
    for path in (files.diag, files.comment, files.file("errors"), files.file("local")):
        assert (path.stat().st_uid, path.stat().st_gid) == (NOBODY, NOBODY), path
    assert files.accounting()["exitcode"] == ["0"]
    assert not (files.session / ".arc_oar").exists()


ENDS: list[tuple[dict[str, object], list[tuple[str, str]], str]] = [
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
    site: Site, columns: dict[str, object], events: list[tuple[str, str]], line: str
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


def test_state_that_nobody_knows(
    site: Site, hours: Hours, capsys: pytest.CaptureFixture[str]
) -> None:
    files = noted(site.running())
    site.oar.update(1, state="Teleporting")
    for _ in range(3):
        assert site.scan() == []
        hours.ahead += 400
    assert files.done() is None
    assert "[WARNING] OAR job 1 has the unknown state 'Teleporting'" in said(capsys)


BLIND: dict[str, Callable[[Standin], object]] = {
    "database down": lambda oar: oar.set("db_down"),
    "garbage": lambda oar: oar.set("garbage", "oarstat:no such thing"),
    "nothing": lambda oar: oar.set("garbage", "oarstat:"),
    "fails": lambda oar: oar.set("fail_times", "oarstat:99:1:Segmentation fault"),
}


@pytest.mark.parametrize("how", BLIND)
def test_nothing_changes_where_oar_cannot_be_asked(
    any_site: Site, hours: Hours, kicks: Kicks, how: str
) -> None:
    site = any_site
    kicks.install()
    ended(site)
    site.running(OTHER, "CANCELING")
    os.utime(site.ce.job("c" * 12).status, (0, 0))
    BLIND[how](site.oar)
    before = listing(site.ce.control, site.ce.sessions)
    for _ in range(2):
        with pytest.raises(OarUnavailable):
            site.scan()
        hours.ahead += 400
    assert listing(site.ce.control, site.ce.sessions) == before
    assert kicks.calls() == []


def test_trouble_leaves_no_trace(site: Site, hours: Hours) -> None:
    """However long OAR was away: a job is not nearer to being lost for it."""
    site.configure("lost_cycles=2\nlost_time=1")
    files = ended(site)
    site.oar.set("db_down")
    for _ in range(3):
        with pytest.raises(OarUnavailable):
            site.scan()
        hours.ahead += 400
    site.oar.clear("db_down")
    assert site.scan() == [GRID_ID]
    assert files.done() == "0 Job finished with exit code 0\n"


@pytest.mark.parametrize("nth", [2, 3])
def test_details_that_cannot_be_asked(site: Site, hours: Hours, nth: int) -> None:
    """Each of scan's questions may be the one that fails."""
    files = ended(site)
    script = site.oar.bin / "oarstat"
    real = script.with_name("real-oarstat")
    script.rename(real)
    count = site.ce.place / "count"
    script.write_text(
        f'#!/bin/sh\necho >>{count}\n[ $(wc -l <{count}) -ne {nth} ] || exit 25\nexec {real} "$@"\n'
    )
    script.chmod(0o755)
    with pytest.raises(OarUnavailable, match="exit code 25"):
        site.scan()
    assert files.done() is None
    assert site.scan() == [GRID_ID]


def test_hanging_oarstat(site: Site) -> None:
    site.configure("command_timeout=1")
    files = ended(site)
    site.oar.set("hang", "oarstat")
    with pytest.raises(OarUnavailable, match="oarstat: no answer in 1 s"):
        site.scan()
    assert files.done() is None


def test_warning_before_the_answer(site: Site) -> None:
    ended(site)
    site.oar.set("warn_before", "oarstat:perl: warning: Setting locale failed.")
    assert site.scan() == [GRID_ID]


def lost(site: Site, hours: Hours, scans: int, seconds: float) -> None:
    """Scans again and again; the first two let OAR be asked for all jobs at least once."""
    for _ in range(scans):
        site.scan()
        hours.ahead += seconds


def test_job_that_oar_does_not_know_is_kept_for_a_while(site: Site, hours: Hours) -> None:
    site.configure("lost_cycles=3\nlost_time=600")
    files = site.ce.in_lrms(GRID_ID, 4711)
    lost(site, hours, 5, 100)
    assert files.done() is None, "not long enough"
    lost(site, hours, 2, 5000)
    assert files.done() == "512 Job is lost: OAR does not know it any more\n"
    assert files.errors().startswith("Job is lost: OAR does not know it any more\n")


def test_job_that_is_unknown_only_a_few_times_is_kept(site: Site, hours: Hours) -> None:
    site.configure("lost_cycles=4\nlost_time=0")
    files = site.ce.in_lrms(GRID_ID, 4711)
    lost(site, hours, 4, 5000)
    assert files.done() is None
    lost(site, hours, 2, 5000)
    assert files.done() is not None


@pytest.mark.parametrize(("code", "line"), [(0, "0 Job finished"), (7, "7 Job finished")])
def test_diag_decides_about_a_job_that_oar_has_forgotten(
    site: Site, hours: Hours, code: int, line: str
) -> None:
    site.configure("lost_cycles=1\nlost_time=0")
    files = noted(site.ce.in_lrms(GRID_ID, 4711), code)
    lost(site, hours, 3, 1000)
    assert (files.done() or "").startswith(line)
    found = files.accounting()
    assert found["lrmsendtime"] == ["20200101000001Z"]
    assert (found["processors"], found["nodename"]) == (["9"], ["scripts-node"])


def test_job_that_oar_knows_again_starts_anew(site: Site, hours: Hours) -> None:
    site.configure("lost_cycles=3\nlost_time=0")
    files = site.ce.in_lrms(GRID_ID, 4711)
    lost(site, hours, 3, 1000)
    site.oar.add_jobs(1, first_id=4711)
    lost(site, hours, 2, 1000)
    with sqlite3.connect(site.oar.state) as database:
        database.execute("DELETE FROM jobs WHERE job_id = 4711")
    lost(site, hours, 2, 1000)
    assert files.done() is None


def test_clock_that_jumps_forward_loses_no_job(site: Site, hours: Hours) -> None:
    site.configure("lost_cycles=5\nlost_time=600")
    files = site.ce.in_lrms(GRID_ID, 4711)
    lost(site, hours, 2, 400)
    hours.ahead += 1e6
    site.scan()
    assert files.done() is None


RESUBMISSIONS = [1, 2, 3, 4, 5]


@pytest.mark.parametrize("style", RESUBMISSIONS)
def test_job_that_oar_has_submitted_again(any_site: Site, hours: Hours, style: int) -> None:
    site = any_site
    files = noted(site.running(), 1)
    new = site.oar.resubmit(1, style)
    assert site.scan() == []
    assert files.done() is None
    assert f"\nlocalid={new}\n" in files.file("local").read_text()
    assert "localid=1\n" not in files.file("local").read_text()


def cancelling(site: Site, *ids: int, age: float = 100) -> list[JobFiles]:
    """Jobs that A-REX has cancelled `age` seconds ago and that still run."""
    found = []
    for job_id in ids:
        site.oar.add_jobs(1, first_id=job_id)
        files = site.ce.in_lrms(f"{job_id:050}", job_id, "CANCELING")
        os.utime(files.status, (time.time() - age, time.time() - age))
        found.append(files)
    return found


def test_cancelled_jobs_that_live_on_are_deleted(any_site: Site, hours: Hours) -> None:
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


def test_fresh_cancel_is_left_to_the_cancel_script(site: Site) -> None:
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
    assert any("cancel" in line and "[WARNING]" in line for line in said(capsys))


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


def test_end_of_the_diag_is_not_waited_for_without_end(site: Site, hours: Hours) -> None:
    files = site.running(state="Terminated", exit_code=768, stop_time=int(time.time()))
    hours.ahead = 100
    assert site.scan() == [GRID_ID]
    assert files.done() == "3 Job finished with exit code 3\n"
    found = files.accounting()
    assert (found["exitcode"], found["lrmsexitcode"]) == (["3"], ["3"])
    assert len(found["lrmsendtime"]) == 1


@pytest.mark.parametrize("columns", [{"exit_code": 9}, {"state": "Error", "exit_code": None}])
def test_killed_job_has_no_end_of_the_diag(site: Site, columns: dict[str, object]) -> None:
    site.running(**{"state": "Terminated", "stop_time": int(time.time()), **columns})
    assert site.scan() == [GRID_ID]


ODD_DIAGS: dict[str, Callable[[Path], object]] = {
    "missing": lambda path: None,
    "empty": lambda path: path.touch(),
    "binary": lambda path: path.write_bytes(bytes(range(256)) * 100),
    "huge": lambda path: os.truncate(path, 1 << 40) if path.touch() is None else None,
    "link": lambda path: path.symlink_to("/etc/passwd"),
    "fifo": os.mkfifo,
    "directory": Path.mkdir,
}


@pytest.mark.parametrize("name", ["diag", "comment"])
@pytest.mark.parametrize("kind", ODD_DIAGS)
def test_odd_files_of_the_user(any_site: Site, hours: Hours, name: str, kind: str) -> None:
    site = any_site
    files = ended(site)
    path = files.diag if name == "diag" else files.comment
    path.unlink()
    ODD_DIAGS[kind](path)
    other = ended(site, OTHER, 5)
    hours.ahead = 100
    assert sorted(site.scan()) == sorted([GRID_ID, OTHER])
    assert files.done() == "0 Job finished with exit code 0\n"
    assert other.done() == "5 Job finished with exit code 5\n"
    assert "root:" not in files.errors()
    assert files.file("errors").stat().st_size < 300_000
    if kind in ("fifo", "directory", "link"):
        assert not path.is_file() or path.is_symlink()


@needs_root
def test_nothing_of_others_is_shown_to_the_user(place: Path, oar: Standin) -> None:
    """By a link or by a name of his own for it: what the user cannot read, scan does not."""
    site = Site(Ce(place, owner=NOBODY), oar)
    secret = place / "secret"
    secret.write_text("secret\nexitcode=7\nnodename=secret\n")
    secret.chmod(0o600)
    for make in (os.link, os.symlink):
        files = ended(site, make.__name__ * 10)
        for path in (files.diag, files.comment):
            path.unlink()
            make(secret, path)
    assert len(site.scan()) in (0, 2)
    text = "".join(str(content) for _, content in listing(site.ce.control).values())
    assert "secret\\n" not in text
    assert secret.read_text() == "secret\nexitcode=7\nnodename=secret\n"
    assert secret.stat().st_uid == 0


def test_comment_is_shown_only_in_part(site: Site) -> None:
    files = ended(site)
    files.comment.write_bytes(b"first\n" + b"x" * (1 << 20) + b"\nlast")
    site.scan()
    text = files.errors()
    assert "first" not in text
    assert text.endswith("x\nlast\n----- end of OAR job 1: 0 -----\n")
    assert len(text) < (1 << 18) + 1000


def test_full_disk_reports_nothing_half(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    files = ended(site)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", full)
        assert site.scan() == []
    assert files.done() is None
    assert any("No space left on device" in line for line in said(capsys))
    assert site.scan() == [GRID_ID]


def test_jobs_without_an_id_and_with_the_same(
    any_site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    site = any_site
    none = site.ce.in_lrms("n" * 12, "")
    gone = site.ce.in_lrms("g" * 12, 99)
    gone.file("local").unlink()
    files = ended(site)
    twin = noted(site.ce.in_lrms("t" * 12, 1))
    assert len(site.scan()) == 1
    assert [files.done(), twin.done()].count(None) == 1
    assert (none.done(), gone.done()) == (None, None)
    lines = said(capsys)
    assert sum("no OAR id in " in line for line in lines) == 2
    assert sum("have the same OAR id" in line for line in lines) == 1


def test_job_whose_files_vanish_meanwhile(any_site: Site) -> None:
    site = any_site
    files = ended(site)
    ended(site, OTHER)
    site.oar.set("slow", "oarstat:0.01")
    for kind in ("grami", "local", "errors"):
        files.file(kind).unlink()
    assert site.scan() == [OTHER]


def test_job_that_arex_has_finished_meanwhile(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look at the directory and the report A-REX may have moved on."""
    files = ended(site)
    settings, client = site.settings(), site.client()
    real = client.records

    def records(states: dict[int, str]) -> object:
        files.status.write_text("FINISHING\n")
        return real(states)

    monkeypatch.setattr(client, "records", records)
    assert scan(settings, client, [str(site.ce.control)], Log("Scan")) == []
    assert files.done() is None


def test_two_scans_at_once(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    ended(site)
    with Memory.locked(str(site.ce.control)):
        assert site.scan() == []
    assert said(capsys) == [f"[WARNING] {site.ce.control}: another scan is at work"]
    assert site.scan() == [GRID_ID]


def test_several_control_directories(place: Path, oar: Standin, kicks: Kicks) -> None:
    kicks.install()
    sites = [Site(Ce(place / str(layout), layout), oar) for layout in (6, 7)]
    jobs = [ended(site, letter * 12) for site, letter in zip(sites, "ab")]
    places = [str(site.ce.control) for site in sites]
    reported = scan(sites[0].settings(), sites[0].client(), places, Log("Scan"))
    assert sorted(reported) == ["a" * 12, "b" * 12]
    assert kicks.calls() == [
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
    site.oar.update(2, job_name=forged, message=forged)
    assert site.scan() == [GRID_ID]
    assert files.done() is None


def test_processes_of_one_scan(any_site: Site, hours: Hours) -> None:
    """A few for all jobs together, and none for each."""
    site = any_site
    site.oar.add_jobs(30, state="Running")
    site.oar.add_jobs(30, state="Terminated", exit_code=0)
    for number in range(1, 61):
        noted(site.ce.in_lrms(f"{number:050}", number))
    assert len(site.scan()) == 30
    counts = [len(site.commands())]
    for _ in range(2):
        hours.ahead += 301
        assert site.scan() == []
        counts.append(len(site.commands()) - sum(counts))
    assert max(counts) <= 4


def test_accounting_is_oars_first(site: Site, paris: None) -> None:
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


def test_accounting_of_a_job_that_never_ran(site: Site) -> None:
    files = site.running(state="Error", start_time=0, stop_time=0, exit_code=None)
    site.oar.add_event(1, "FRAG_JOB_REQUEST", "User root requested to frag the job 1")
    site.scan()
    found = files.accounting()
    assert "lrmsstarttime" not in found
    assert "walltime" not in found
    assert found["exitcode"] == ["265"]


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
    allowed = r"-[A-Za-z]+|--[a-z]+|\d+|state IN \('Terminated','Error'\) AND \([A-Za-z_ (),0-9]+\)"
    assert [word for word in words if not re.fullmatch(allowed, word)] == []
