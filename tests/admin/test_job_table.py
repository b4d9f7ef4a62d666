"""The table of jobs: whole in a pipe, cut to a terminal, coloured only where that is wanted."""

from __future__ import annotations

import io
import re
import time

import pytest

from arc_lrms_oar.admin.job_overview import Overview, Row
from arc_lrms_oar.admin.job_table import has_colours, lines_of, plain, summary

NOW = 1_800_000_000.0
JOB = "4J2NDm97woAoPSAtDmVmuSEmABFKDmABFKDmZgFKDmABFKDmQCOyTo"


def row(**changes: object) -> Row:
    values: dict[str, object] = {
        "grid_id": JOB,
        "state": "INLRMS",
        "since": NOW - 100,
        "local_id": 4711,
        "oar_state": "Running",
        "user": "griduser",
        "queue": "default",
        "cores": 4,
        "used": 3723,
        "asked": 7200,
        "start": int(NOW) - 3723,
        "note": "",
        "trouble": False,
        "failed": False,
    }
    return Row(**{**values, **changes})  # type: ignore[arg-type]


ROWS = [
    row(trouble=True, oar_state="unknown", used=None, start=None, note="OAR does not know it"),
    row(),
    row(oar_state="Waiting", used=None, start=int(NOW) + 86400 * 3, note="R=4,W=2:0:0 " * 5),
    row(state="FINISHED", oar_state="", failed=True, note="LRMS error: (3)"),
]


def test_pipe_gets_everything() -> None:
    lines = lines_of(ROWS, NOW, None, False)
    assert re.split(r"  +", lines[0]) == [
        *("OAR id", "A-REX", "OAR", "user", "queue", "cores", "wall time", "start", "note", "job"),
    ]
    clock = time.strftime("%H:%M:%S", time.localtime(NOW - 3723))
    assert re.split(r"  +", lines[2]) == [
        *("4711", "INLRMS", "Running", "griduser", "default", "4", "1:02:03/2:00:00", clock, JOB),
    ]
    expected = time.strftime("~%Y-%m-%d %H:%M", time.localtime(NOW + 86400 * 3))
    assert expected in lines[3]
    assert "R=4,W=2:0:0 " * 5 in lines[3]
    assert all(line.rstrip().endswith(JOB) for line in lines[1:])


@pytest.mark.parametrize("width", range(20, 260, 7))
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    lines = lines_of(ROWS, NOW, width, False)
    assert max(map(len, lines)) <= width
    assert len(lines) == len(ROWS) + 1
    assert all(line.startswith("4711") for line in lines[1:])


def test_narrow_terminal_keeps_what_matters() -> None:
    lines = lines_of(ROWS, NOW, 80, False)
    assert lines[0].split()[:4] == ["OAR", "id", "A-REX", "OAR"]
    assert "OAR does not know it" in lines[1]
    assert lines[1].endswith(JOB[:7] + "…")


def test_wide_terminal_shows_the_whole_id() -> None:
    short = [row(note="short")]
    assert lines_of(short, NOW, 160, False)[1].endswith(JOB)


def test_colours() -> None:
    plain_lines = lines_of(ROWS, NOW, 120, False)
    lines = lines_of(ROWS, NOW, 120, True)
    assert [re.sub(r"\x1b\[[0-9]*m", "", line) for line in lines] == plain_lines
    assert lines[1].startswith("\x1b[31m")
    assert lines[2] == plain_lines[2]
    assert lines[4].startswith("\x1b[33m")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "environment", "colours"),
    [
        (Terminal(), {"TERM": "xterm"}, True),
        (Terminal(), {"TERM": "xterm", "NO_COLOR": ""}, True),
        (Terminal(), {"TERM": "xterm", "NO_COLOR": "1"}, False),
        (Terminal(), {"TERM": "dumb"}, False),
        (Terminal(), {}, False),
        (io.StringIO(), {"TERM": "xterm"}, False),
    ],
)
def test_where_there_are_colours(
    stream: io.StringIO, environment: dict[str, str], colours: bool
) -> None:
    assert has_colours(stream, environment) is colours


def test_terminal_is_not_written_to_by_users() -> None:
    text = "\n".join(lines_of([row(note="a\x1b]0;x\x07b\nc\x9bd", user="e\r")], NOW, None, False))
    assert "\x1b" not in text
    assert "\x9b" not in text
    assert text.count("\n") == 1
    assert plain("a\udcffb") == "a b"


def test_summary() -> None:
    overview = Overview(ROWS, "oarstat: no", 3)
    assert summary(overview, 2) == [
        "3 jobs under way: 1 Running, 1 Waiting, 1 unknown; 1 ended, 1 of them failed; "
        "1 in trouble",
        "2 of 4 jobs are shown",
        "OAR could not be asked: oarstat: no",
        "3 jobs are other users'; root sees them",
    ]
    assert summary(Overview([], "", 0), 0) == [
        "0 jobs under way; 0 ended, 0 of them failed; 0 in trouble"
    ]
