"""Scan while OAR is unavailable, does not know a job, or the user's files are unusual."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from standin import Standin
from support.ce import GRID_ID, NOBODY, Ce
from support.fake_gm_kick import FakeGmKick
from support.oar_site import Site, listing
from support.scan_jobs import OTHER, Hours, ended, noted, said
from support.users import needs_root

from arc_lrms_oar.errors import OarUnavailable
from arc_lrms_oar.log import Log
from arc_lrms_oar.oar.transport import Completed
from arc_lrms_oar.scan.reconcile import scan

BLIND: dict[str, Callable[[Standin], object]] = {
    "database down": lambda oar: oar.set("db_down"),
    "garbage": lambda oar: oar.set("garbage", "oarstat:no such thing"),
    "nothing": lambda oar: oar.set("garbage", "oarstat:"),
    "fails": lambda oar: oar.set("fail_times", "oarstat:99:1:Segmentation fault"),
}


@pytest.mark.parametrize("how", BLIND)
def test_nothing_changes_while_oar_is_unavailable(
    site: Site, hours: Hours, gm_kick: FakeGmKick, how: str
) -> None:
    gm_kick.install()
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
    assert gm_kick.calls() == []


def test_unavailable_oar_does_not_count_towards_lost(site: Site, hours: Hours) -> None:
    """A job is not lost because OAR was unavailable, however long."""
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
def test_any_query_may_fail(site: Site, hours: Hours, nth: int) -> None:
    """Whichever query fails, nothing is reported, and the next cycle reports the job."""
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
    """Scan repeatedly; among the first two cycles there is an audit."""
    for _ in range(scans):
        site.scan()
        hours.ahead += seconds


def test_job_that_oar_does_not_know_is_kept_for_a_while(site: Site, hours: Hours) -> None:
    site.configure("lost_cycles=1\nlost_time=600")
    files = site.ce.in_lrms(GRID_ID, 4711)
    lost(site, hours, 6, 100)
    assert files.done() is None, "not long enough"
    lost(site, hours, 2, 5000)
    assert files.done() == "512 Job is lost: OAR does not know it any more\n"
    assert files.errors().startswith("Job is lost: OAR does not know it any more\n")


def test_job_missing_for_a_few_cycles_is_kept(site: Site, hours: Hours) -> None:
    site.configure("lost_cycles=4\nlost_time=0")
    files = site.ce.in_lrms(GRID_ID, 4711)
    lost(site, hours, 4, 5000)
    assert files.done() is None
    lost(site, hours, 2, 5000)
    assert files.done() is not None


@pytest.mark.parametrize(("code", "line"), [(0, "0 Job finished"), (7, "7 Job finished")])
def test_diag_decides_about_a_job_that_oar_no_longer_knows(
    site: Site, hours: Hours, code: int, line: str
) -> None:
    site.configure("lost_cycles=1\nlost_time=0")
    files = noted(site.ce.in_lrms(GRID_ID, 4711), code)
    lost(site, hours, 3, 1000)
    assert (files.done() or "").startswith(line)
    found = files.accounting()
    assert found["lrmsendtime"] == ["20200101000001Z"]
    assert (found["processors"], found["nodename"]) == (["9"], ["scripts-node"])


def test_count_of_missing_cycles_restarts_when_oar_knows_the_job_again(
    site: Site, hours: Hours
) -> None:
    site.configure("lost_cycles=3\nlost_time=0")
    files = site.ce.in_lrms(GRID_ID, 4711)
    lost(site, hours, 3, 1000)
    site.add_job_of(GRID_ID, first_id=4711)
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


def huge(path: Path) -> None:
    path.touch()
    os.truncate(path, 1 << 40)


ODD_DIAGS: dict[str, Callable[[Path], object]] = {
    "missing": lambda path: None,
    "empty": lambda path: path.touch(),
    "binary": lambda path: path.write_bytes(bytes(range(256)) * 100),
    "huge": huge,
    "link": lambda path: path.symlink_to("/etc/passwd"),
    "fifo": os.mkfifo,
    "directory": Path.mkdir,
}


@pytest.mark.parametrize("name", ["diag", "comment"])
@pytest.mark.parametrize("kind", ODD_DIAGS)
def test_odd_files_of_the_user(site: Site, hours: Hours, name: str, kind: str) -> None:
    files = ended(site)
    path = files.diag if name == "diag" else files.comment
    path.unlink()
    ODD_DIAGS[kind](path)
    other = ended(site, OTHER, 5)
    reported = site.scan()
    hours.ahead = 61
    assert sorted(reported + site.scan()) == sorted([GRID_ID, OTHER])
    assert files.done() == "0 Job finished with exit code 0\n"
    assert other.done() == "5 Job finished with exit code 5\n"
    assert "root:" not in files.errors()
    assert files.file("errors").stat().st_size < 300_000
    if name == "diag" and kind != "directory" and os.geteuid() == 0:
        assert files.accounting()["exitcode"] == ["0"]
    elif kind in ("fifo", "directory", "link"):
        assert not path.is_file() or path.is_symlink()


@needs_root
def test_files_of_others_are_not_shown_to_the_user(place: Path, oar: Standin) -> None:
    """Scan reads nothing for users that they cannot read themselves, by a link of either kind."""
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


def test_only_the_end_of_a_large_comment_is_shown(site: Site) -> None:
    files = ended(site)
    files.comment.write_bytes(b"first\n" + b"x" * (1 << 20) + b"\nlast")
    site.scan()
    text = files.errors()
    assert "first" not in text
    assert text.endswith("x\nlast\n----- end of OAR job 1: 0 -----\n")
    assert len(text) < (1 << 18) + 1000


def test_full_disk_leaves_no_partial_report(
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


def test_jobs_without_an_id_and_with_a_shared_id(
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
    assert sum("no OAR job ID in " in line for line in lines) == 2
    assert sum("have the same OAR job ID" in line for line in lines) == 1


def test_job_with_files_that_vanish_during_the_cycle(any_site: Site) -> None:
    site = any_site
    files = ended(site)
    ended(site, OTHER)
    site.oar.set("slow", "oarstat:0.01")
    for kind in ("grami", "local", "errors"):
        files.file(kind).unlink()
    assert site.scan() == [OTHER]


def test_id_that_has_changed_since_it_was_cached(site: Site) -> None:
    """The end of the OAR job with the cached ID is not reported."""
    files = noted(site.running())
    site.oar.add_jobs(1)
    site.scan()
    local = files.file("local")
    local.write_text(local.read_text().replace("localid=1\n", "localid=2\n"))
    site.oar.update(1, state="Terminated", exit_code=0)
    assert site.scan() == []
    assert files.done() is None


def test_job_that_arex_moves_on_during_the_cycle(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A-REX may change the state between the listing and the report."""
    files = ended(site)
    settings, client = site.settings(), site.client()
    real = client.records

    def records(states: dict[int, str]) -> object:
        files.status.write_text("FINISHING\n")
        return real(states)

    monkeypatch.setattr(client, "records", records)
    assert scan(settings, client, [str(site.ce.control)], Log("Scan")) == []
    assert files.done() is None


def test_oar_is_not_asked_again_for_a_job_whose_report_arex_has_not_fetched(
    any_site: Site,
) -> None:
    site = any_site
    ended(site)
    assert site.scan() == [GRID_ID]
    before = site.argvs("oarstat")
    assert site.scan() == []
    later = site.argvs("oarstat")[len(before) :]
    assert [argv for argv in later if "-f" in argv or ("--json" in argv and "-j" in argv)] == []


@pytest.mark.parametrize("moment", [2**40, 2**60, 10**30, -5])
def test_odd_times_of_one_job_do_not_stop_the_others(
    site: Site, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    ended(site, "x" * 12)
    other = ended(site, "y" * 12)
    client = site.client()
    real = client.transport.run

    def run(argv: Sequence[str], timeout: float | None = None) -> Completed:
        done = real(argv, timeout)
        if "-f" not in argv:
            return done
        rows = json.loads(done.stdout)
        rows["1"].update(startTime=moment, stopTime=moment + 5)
        return done._replace(stdout=json.dumps(rows))

    monkeypatch.setattr(client.transport, "run", run)
    reported = scan(site.settings(), client, [str(site.ce.control)], Log("Scan"))
    assert "y" * 12 in reported
    assert other.done() == "0 Job finished with exit code 0\n"
