"""`jobs --watch`: on a terminal, and in a pipe."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.ce import GRID_ID
from support.oar_site import Site
from support.scan_jobs import OTHER

from arc_lrms_oar.admin.event_rates import EventRates
from arc_lrms_oar.admin.job_output import Listing
from arc_lrms_oar.admin.job_row import JobRow
from arc_lrms_oar.admin.watch_view import View

from .test_job_table import NOW, overview, row

ROOT = Path(__file__).parents[2]


class Watched:
    """`jobs --watch` on a terminal with this many columns and lines."""

    def __init__(self, site: Site, columns: int, lines: int, **environment: str) -> None:
        self.mine, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.before = termios.tcgetattr(theirs)
        self.terminal = theirs
        words = ["jobs", "--watch", "--config", str(site.ce.conf)]
        self.child = subprocess.Popen(
            [sys.executable, "-m", "arc_lrms_oar", *words],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=ROOT,
            env={"PATH": "/usr/bin:/bin", "TERM": "xterm", **environment},
            start_new_session=True,
        )
        self.seen = ""

    def until(self, words: str) -> str:
        """Read until `words` appear; returns everything read so far."""
        deadline = time.monotonic() + 60
        while words not in self.seen and time.monotonic() < deadline:
            if select.select([self.mine], [], [], 1)[0]:
                self.seen += os.read(self.mine, 65536).decode()
        assert words in self.seen
        return self.seen

    def end(self) -> int:
        """Wait for the end; returns the exit status. The terminal must have been restored."""
        self.until("\x1b[?1049l")
        code = self.child.wait(60)
        assert termios.tcgetattr(self.terminal) == self.before
        return code


@pytest.fixture
def screens(site: Site) -> Iterator[list[Watched]]:
    opened: list[Watched] = []
    yield opened
    for watched in opened:
        watched.child.kill()
        watched.child.wait()
        os.close(watched.mine)
        os.close(watched.terminal)


def test_q_ends_it_and_restores_the_terminal(site: Site, screens: list[Watched]) -> None:
    site.running()
    site.ce.in_lrms(OTHER, 4711)
    screens.append(Watched(site, 100, 30))
    shown = screens[0].until("\x1b[J")
    assert shown.startswith("\x1b[?1049h\x1b[?25l\x1b[H")
    assert "per minute: - submitted, - ended, - failed" in shown
    assert "\x1b[31m4711" in shown
    os.write(screens[0].mine, b"xq")
    assert screens[0].end() == 0


def test_ctrl_c_ends_it_and_restores_the_terminal(site: Site, screens: list[Watched]) -> None:
    screens.append(Watched(site, 100, 30, NO_COLOR="1"))
    shown = screens[0].until("\x1b[J")
    assert re.search(r"\x1b\[[0-9]+m", shown) is None
    os.kill(screens[0].child.pid, signal.SIGINT)
    assert screens[0].end() == 0


def test_output_fits_the_screen(site: Site, screens: list[Watched]) -> None:
    for number in range(40):
        site.running(f"{number:050}")
    screens.append(Watched(site, 60, 12, NO_COLOR="1"))
    shown = screens[0].until("\x1b[J").partition("\x1b[H")[2]
    lines = shown.replace("\x1b[K", "").replace("\x1b[J", "").split("\r\n")
    assert len(lines) <= 12
    assert max(map(len, lines)) <= 60
    assert "40 jobs in progress: 40 Running" in shown
    os.write(screens[0].mine, b"q")
    assert screens[0].end() == 0


def test_keys_scroll_sort_and_filter(site: Site, screens: list[Watched]) -> None:
    for number in range(40):
        site.running(f"{number:050}")
    screens.append(Watched(site, 100, 12, NO_COLOR="1"))
    watched = screens[0]
    watched.until("33 more, by problems, oldest ")
    for keys, shown in (
        (b"j", "32 more, 1 above, by problems, oldest "),
        (b"\x1b[6~", "25 more, 8 above, "),
        (b"G", "end, 33 above, "),
        (b"g", "33 more, by problems"),
        (b"s", "33 more, by age "),
        (b"r", "33 more, by age reversed "),
        (b"/", "filter: _  (Enter: apply"),
        (b"00000007", "filter: 00000007_"),
        (b"\r", "end, by age reversed, filter: 00000007 (Esc: none)"),
        (b"\x1b", "33 more, by age reversed "),
    ):
        watched.seen = ""
        os.write(watched.mine, keys)
        watched.until(shown)
    os.write(watched.mine, b"q")
    assert watched.end() == 0


SIZE = (80, 10)


def shown(view: View, rows: list[JobRow], size: tuple[int, int] = SIZE) -> list[str]:
    return view.lines(overview(rows), "title", NOW, size, False)


def test_screen_is_never_longer_or_wider_than_the_terminal() -> None:
    rows = [row(grid_job_id=f"{number}" * 12, note="n" * 300) for number in range(9)]
    for columns in (20, 80, 200):
        for height in range(3, 20):
            lines = shown(View(Listing()), rows, (columns, height))
            assert len(lines) <= height
            assert max(map(len, lines)) <= columns


STATES = ("Running", "Waiting", "Hold")


def test_nothing_is_cut_in_the_middle_at_80_columns() -> None:
    view = View(Listing())
    rows = [row(job_id=number, state=state) for number in range(30) for state in STATES]
    shown(view, rows)
    view.obey(b" ")
    *_, last = lines = shown(view, rows)
    assert re.fullmatch(r"[0-9]+ more, [0-9]+ above, by problems, oldest  q quit  s sort .*", last)
    assert last.endswith("  / filter")
    assert " ".join(lines[1:3]).endswith(" 0 with problems")


def test_filter_finds_any_field_and_q_is_a_letter_of_it() -> None:
    view = View(Listing())
    rows = [row(queue="q1"), row(queue="q2", dn="/CN=Query"), row(queue="x", user="nobody")]
    shown(view, rows)
    assert view.obey(b"/quer\x7f\x7f\r")
    assert [line.split()[3] for line in shown(view, rows)[4:-1]] == ["user", "q2"]
    assert not view.obey(b"q")


def test_scrolling_stays_within_the_jobs() -> None:
    view = View(Listing())
    rows = [row(job_id=number) for number in range(20)]
    shown(view, rows)
    view.obey(b"kk\x1b[5~")
    assert shown(view, rows)[4].startswith("0 ")
    view.obey(b"  " * 9)
    assert shown(view, rows)[-2].startswith("19 ")
    assert shown(view, rows[:3])[4].startswith("0 ")


def test_pipe_gets_plain_tables_until_interrupted(site: Site) -> None:
    site.running()
    words = ["jobs", "--watch", "--config", str(site.ce.conf)]
    with subprocess.Popen(
        [sys.executable, "-m", "arc_lrms_oar", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as child:
        assert child.stdout is not None
        lines = [child.stdout.readline() for _ in range(4)]
        assert "\x1b" not in "".join(lines)
        assert GRID_ID in lines[3]
        child.send_signal(signal.SIGINT)
        assert child.wait(60) == 0
        assert child.stderr is not None
        assert child.stderr.read() == ""


def test_json_is_one_line_per_refresh(site: Site) -> None:
    site.running()
    site.running("w" * 50, state="Waiting")
    words = ["jobs", "--watch", "--json", "--state", "waiting", "--config", str(site.ce.conf)]
    with subprocess.Popen(
        [sys.executable, "-m", "arc_lrms_oar", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as child:
        assert child.stdout is not None
        first, second = (json.loads(child.stdout.readline()) for _ in range(2))
        child.send_signal(signal.SIGINT)
        assert child.wait(60) == 0
    assert [row["grid_job_id"] for row in first["jobs"]] == ["w" * 50]
    assert first["per_minute"] == {"submitted": None, "ended": None, "failed": None}
    assert second["per_minute"] == {"submitted": 0, "ended": 0, "failed": 0}
    assert (first["oar_error"], second["time"] > first["time"]) == ("", True)


def test_rates() -> None:
    """Changes between two overviews, per minute, over the last five minutes."""
    rates = EventRates()
    old = row(grid_job_id="old", arex_state="FINISHED", failed=True)
    rates.add(overview([old, row(grid_job_id="a"), row(grid_job_id="n", job_id=None)]), NOW)
    assert rates.text(NOW) == "per minute: - submitted, - ended, - failed"
    over = row(grid_job_id="a", arex_state="FINISHED")
    bad = row(grid_job_id="b", arex_state="FINISHED", failed=True)
    rates.add(overview([old, over, bad, row(grid_job_id="n")]), NOW + 30)
    assert rates.text(NOW + 30) == "per minute: 2.0 submitted, 4.0 ended, 2.0 failed"
    rates.add(overview([old, over, bad, row(grid_job_id="n")]), NOW + 120)
    assert rates.text(NOW + 120) == "per minute: 0.5 submitted, 1.0 ended, 0.5 failed"
    rates.add(overview([]), NOW + 400)
    assert rates.text(NOW + 400) == "per minute: 0.0 submitted, 0.0 ended, 0.0 failed"
