"""The scan that A-REX starts stays, asks again at short intervals, and leaves in time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from standin import Standin
from support.ce import GRID_ID, Ce, JobFiles
from support.oar_site import Site
from support.scan_jobs import OTHER, Hours, ended, noted, said

from arc_lrms_oar.errors import OarUnavailable
from arc_lrms_oar.log import Log
from arc_lrms_oar.scan.state import ScanState
from arc_lrms_oar.scan.watch import ArexClock, Load, Watch, interval, started_by_arex

ROOT = Path(__file__).resolve().parents[2]
SHARE = ROOT / "arc_lrms_oar" / "share"
CACHE = "arc_lrms_oar.jobs"


class Waits:
    """A clock that only waiting advances; `events` happen one by one, each in one interval.

    After the last one scan is told to end, except with `goes_on`.
    """

    def __init__(self, *events: Callable[[], object], goes_on: bool = False) -> None:
        self.time = 1000.0
        self.slept: list[float] = []
        self._events = list(events)
        self._goes_on = goes_on

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> bool:
        self.slept.append(seconds)
        self.time += seconds
        # An interval is slept through in several parts of at most a second.
        if self._events and len(self.slept) % 12 == 0:
            self._events.pop(0)()
        return bool(self._events) or self._goes_on


def stay(site: Site, *events: Callable[[], object], goes_on: bool = False) -> Waits:
    waits = Waits(*events, goes_on=goes_on)
    settings = site.settings()
    transport = site.client().transport
    Watch(settings, transport, [str(site.ce.control)], Log("Scan", "INFO"), waits).run()
    return waits


def nothing() -> None:
    """An interval in which nothing happens."""


INTERVALS = [
    (Load(10, 0.1, 1), 2),
    (Load(200, 0.25, 60), 2),
    (Load(3000, 0.1, 0), 2),
    (Load(10_000, 0.1, 0), 10_000 / 1500),
    (Load(100_000, 0.1, 0), 10),
    (Load(10, 0.5, 0), 2.5),
    (Load(10, 60, 0), 10),
    (Load(10, 0.1, 120), 4),
    (Load(0, 0, 86400), 10),
]


@pytest.mark.parametrize(("load", "seconds"), INTERVALS)
def test_interval(load: Load, seconds: float) -> None:
    assert interval(2, load) == pytest.approx(seconds)


@pytest.mark.parametrize("load", [load for load, _ in INTERVALS])
def test_interval_of_the_site(load: Load) -> None:
    """It is never shorter than the site wants, nor longer than both that and A-REX's."""
    assert 7 <= interval(7, load) <= 10
    assert interval(30, load) == 30


def test_job_that_ends_is_reported_by_a_later_cycle(any_site: Site) -> None:
    site = any_site
    files = noted(site.running())
    stay(site, lambda: site.oar.update(1, state="Terminated", exit_code=0), nothing, nothing)
    assert files.done() == "0 Job finished with exit code 0\n"


def test_job_that_starts_and_ends_while_scan_stays(any_site: Site) -> None:
    site = any_site
    site.running(OTHER)
    stay(site, lambda: ended(site), nothing, nothing)
    assert JobFiles(site.ce, GRID_ID).done() == "0 Job finished with exit code 0\n"


def test_job_that_is_cancelled_while_scan_stays(site: Site, hours: Hours) -> None:
    """A cancel that the cancel script could not carry out, a minute ago."""
    files = site.running()

    def cancelled() -> None:
        aside = files.status.with_name("aside")
        aside.write_text("CANCELING\n")
        aside.rename(files.status)
        hours.ahead = 70

    stay(site, cancelled, nothing, nothing)
    assert site.argvs("oardel") == [["oardel", "1"]]


def test_one_query_for_each_interval(site: Site) -> None:
    site.running()
    waits = stay(site, *[nothing] * 5)
    queries = [argv for argv in site.argvs("oarstat") if "--sql" in argv]
    assert len(queries) == len([argv for argv in site.argvs("oarstat") if argv[1] != "-V"])
    assert 2 <= len(queries) <= 1 + sum(waits.slept) / 2


def test_other_scans_are_not_held_up_while_it_waits(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    """Their results are those of a scan that is alone, and so are those of the next cycle."""
    first, second = noted(site.running()), noted(site.running(OTHER))
    reported = []

    def other_scan() -> None:
        site.oar.update(1, state="Terminated", exit_code=0)
        reported.append(site.scan())
        site.oar.update(2, state="Terminated", exit_code=0)

    stay(site, other_scan, nothing, nothing)
    assert reported == [[GRID_ID]]
    assert (first.done() or "", second.done() or "") == ("0 Job finished with exit code 0\n",) * 2
    assert not [line for line in said(capsys) if "another scan" in line]


def test_files_that_it_has_open_while_it_waits(site: Site) -> None:
    site.running()
    found: list[str] = []

    def look() -> None:
        paths = [f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd")]
        found.extend(os.readlink(path) for path in paths if os.path.lexists(path))

    stay(site, look, nothing)
    assert found
    assert [
        path for path in found if path.startswith((str(site.ce.control), str(site.ce.sessions)))
    ] == []


def test_another_scan_is_logged_once(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    files = ended(site)
    with ScanState.locked(str(site.ce.control)):
        stay(site, *[nothing] * 4)
    assert files.done() is None
    assert said(capsys) == [f"[WARNING] {site.ce.control}: another scan is running"]


def test_leaves_before_arex_looks_again(site: Site) -> None:
    """A-REX looks every 10 s; a process that overruns a look is started 10 s later."""
    site.running()
    waits = stay(site, goes_on=True)
    assert 57 <= waits.time - 1000 <= 59
    assert max(waits.slept) <= 1


def test_cycle_that_would_not_end_in_time_is_left_to_the_next_process(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = Waits(goes_on=True)
    began = []

    def slow_cycle(*_: object) -> list[str]:
        began.append(waits.time - 1000)
        waits.time += 25
        return []

    monkeypatch.setattr("arc_lrms_oar.scan.watch.run_cycle", slow_cycle)
    transport = site.client().transport
    Watch(site.settings(), transport, [str(site.ce.control)], Log("Scan", "INFO"), waits).run()
    assert began == [0, 25]


def test_cache_is_saved_at_the_end(site: Site) -> None:
    site.running()
    before: list[str] = []
    cache = site.ce.control / CACHE

    def second_job() -> None:
        before.append(cache.read_text().partition("\n")[0])
        site.running(OTHER)

    stay(site, second_job, nothing, nothing)
    assert before == ["1-1"]
    assert cache.read_text().startswith("1-2\n")


def test_oar_that_becomes_unavailable_ends_the_process(site: Site) -> None:
    files = noted(site.running())

    def break_down() -> None:
        site.oar.update(1, state="Terminated", exit_code=0)
        site.oar.set("fail_times", "oarstat:1:25:DB connection error")

    with pytest.raises(OarUnavailable):
        stay(site, break_down, nothing, nothing)
    assert files.done() is None
    assert site.scan() == [GRID_ID]


def test_audits_go_on_and_ask_for_the_version(site: Site, hours: Hours) -> None:
    site.running()

    def later() -> None:
        hours.ahead += 301

    stay(site, later, nothing, nothing)
    words = site.argvs("oarstat")
    assert words.count(["oarstat", "-V"]) == 2
    assert words.count(["oarstat", "-s", "-J", "-j", "1"]) == 1


def test_several_control_directories(place: Path, oar: Standin) -> None:
    sites = [Site(Ce(place / str(layout), layout), oar) for layout in (6, 7)]
    jobs = [noted(site.running(letter * 12)) for site, letter in zip(sites, "ab")]

    def all_end() -> None:
        oar.update(1, state="Terminated", exit_code=0)
        oar.update(2, state="Terminated", exit_code=0)

    settings = sites[0].settings()
    places = [str(site.ce.control) for site in sites]
    waits = Waits(all_end, nothing, nothing)
    Watch(settings, sites[0].client().transport, places, Log("Scan"), waits).run()
    assert [files.done() for files in jobs] == ["0 Job finished with exit code 0\n"] * 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_signal_ends_the_wait_at_once(number: signal.Signals) -> None:
    clock = ArexClock()
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [number])
    try:
        # Only this thread blocks the signal.
        signal.raise_signal(number)
        assert not clock.sleep(60)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def test_wait_without_a_signal() -> None:
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    assert ArexClock().sleep(0)
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == mask


def test_death_of_the_parent_ends_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = ArexClock()
    monkeypatch.setattr("os.getppid", lambda: 1)
    assert not clock.sleep(0)


def test_tests_are_not_started_by_arex() -> None:
    assert not started_by_arex()


PARENT = """
import os, signal, subprocess, sys
child = subprocess.Popen(sys.argv[1:])
signal.signal(signal.SIGTERM, lambda *_: child.terminate())
sys.exit(child.wait())
"""


def test_script_under_arex(site: Site, place: Path) -> None:
    """It stays until A-REX sends SIGTERM, as A-REX does when it stops."""
    site.configure("scan_interval=1")
    files = noted(site.running())
    arex = place / "arched"
    arex.symlink_to(os.path.realpath(sys.executable))
    script = [sys.executable, str(SHARE / "scan-OAR-job"), "--config", str(site.ce.conf)]
    argv = [str(arex), "-c", PARENT, *script, str(site.ce.control)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(argv, env=environment) as process:
        until((site.ce.control / CACHE).exists)
        site.oar.update(1, state="Terminated", exit_code=0)
        until(lambda: files.done() is not None)
        process.terminate()
        process.wait(60)
    assert files.done() == "0 Job finished with exit code 0\n"


def until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_script_of_a_site_that_wants_one_cycle(site: Site, place: Path) -> None:
    site.configure("scan_interval=0")
    files = ended(site)
    arex = place / "arched"
    arex.symlink_to(os.path.realpath(sys.executable))
    script = [sys.executable, str(SHARE / "scan-OAR-job"), "--config", str(site.ce.conf)]
    argv = [str(arex), "-c", PARENT, *script, str(site.ce.control)]
    subprocess.run(argv, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True, timeout=60)
    assert files.done() == "0 Job finished with exit code 0\n"
