"""The job table: full width in a pipe, cut on a terminal, coloured only where that is wanted."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Sequence

import pytest

from arc_lrms_oar.admin.job_overview import Overview
from arc_lrms_oar.admin.job_row import JobRow
from arc_lrms_oar.admin.job_table import summary_lines, table_lines, use_colours
from arc_lrms_oar.arex.job_listing import EndedJob

NOW = 1_800_000_000.0
JOB = "4J2NDm97woAoPSAtDmVmuSEmABFKDmABFKDmZgFKDmABFKDmQCOyTo"


def row(**changes: object) -> JobRow:
    values: dict[str, object] = {
        "grid_job_id": JOB,
        "arex_state": "INLRMS",
        "since": NOW - 100,
        "job_id": 4711,
        "state": "Running",
        "user": "griduser",
        "queue": "default",
        "name": "analysis 7",
        "dn": "/DC=org/DC=example/CN=Ann Example",
        "vo": "atlas",
        "cores": 4,
        "used": 3723,
        "requested": 7200,
        "start": int(NOW) - 3723,
        "note": "",
        "problem": False,
        "failed": False,
    }
    return JobRow(**{**values, **changes})  # type: ignore[arg-type]


def overview(
    rows: Sequence[JobRow] = (), oar_error: str = "", unreadable: int = 0, left_out: int = 0
) -> Overview:
    """An overview of these jobs alone."""
    ended = {
        row.grid_job_id: EndedJob("", row.grid_job_id, int(row.since * 1e9), 0, row.failed)
        for row in rows
        if row.finished
    }
    return Overview(
        rows,
        [row for row in rows if not row.finished],
        ended,
        sum(row.problem for row in rows),
        left_out,
        oar_error,
        unreadable,
    )


ROWS = [
    row(problem=True, state="unknown", used=None, start=None, note="OAR does not know it"),
    row(),
    row(state="Waiting", used=None, start=int(NOW) + 86400 * 3, note="R=4,W=2:0:0 " * 5),
    row(arex_state="FINISHED", state="", failed=True, note="LRMS error: (3) Killed"),
]


def test_pipe_gets_a_wide_table() -> None:
    lines = table_lines(ROWS, NOW, None, False)
    assert re.split(r"  +", lines[0]) == [
        *("job ID", "A-REX", "state", "user", "queue", "cores", "wall time", "start", "name"),
        *("VO", "note", "DN", "grid job ID"),
    ]
    clock = time.strftime("%H:%M:%S", time.localtime(NOW - 3723))
    assert re.split(r"  +", lines[2]) == [
        *("4711", "INLRMS", "Running", "griduser", "default", "4", "1:02:03/2:00:00", clock),
        *("analysis 7", "atlas", "…mple/CN=Ann Example", JOB),
    ]
    expected = time.strftime("~%m-%d %H:%M", time.localtime(NOW + 86400 * 3))
    assert expected in lines[3]
    assert all(line.endswith(JOB) for line in lines[1:])
    assert max(map(len, lines)) <= 200


def test_fields_are_shown_as_they_are_in_a_pipe() -> None:
    lines = table_lines(ROWS, NOW, None, False, ("state", "dn", "note"))
    assert re.split(r"  +", lines[0]) == ["state", "DN", "note"]
    assert lines[3].endswith("R=4,W=2:0:0 " * 4 + "R=4,W=2:0:0")
    assert max(map(len, table_lines(ROWS, NOW, 40, False, ("state", "dn", "note")))) == 40


@pytest.mark.parametrize("width", range(20, 260, 7))
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    lines = table_lines(ROWS, NOW, width, False)
    assert max(map(len, lines)) <= width
    assert len(lines) == len(ROWS) + 1
    assert all(line.startswith("4711") for line in lines[1:])


@pytest.mark.parametrize("width", [40, 80, 120, 200])
def test_columns_that_no_job_has_are_left_out(width: int) -> None:
    bare = [row(name="", dn="", vo="", start=None, note="n" * 200)]
    heading = table_lines(bare, NOW, width, False)[0]
    assert not {"name", "VO", "DN", "start"} & set(re.split(r"  +", heading))


def test_narrow_terminal_keeps_user_queue_state_and_times() -> None:
    lines = table_lines(ROWS, NOW, 80, False)
    assert re.split(r"  +", lines[0]) == [
        *("job ID", "state", "user", "queue", "wall time", "start", "note")
    ]
    assert lines[1].endswith("  OAR does not…")
    assert lines[4].split()[1] == "failed"
    assert lines[4].endswith("  Killed")


def test_job_without_job_id_shows_its_grid_job_id() -> None:
    submitted = row(job_id=None, state="", arex_state="SUBMIT")
    lines = table_lines([*ROWS, submitted], NOW, 80, False)
    assert lines[5].split()[:2] == [JOB[:8], "SUBMIT"]


def test_wide_terminal_shows_the_whole_grid_job_id() -> None:
    short = [row(note="short")]
    assert table_lines(short, NOW, 160, False)[1].endswith(JOB)


def test_colours() -> None:
    plain_lines = table_lines(ROWS, NOW, 120, False)
    lines = table_lines(ROWS, NOW, 120, True)
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
def test_where_colours_are_used(
    stream: io.StringIO, environment: dict[str, str], colours: bool
) -> None:
    assert use_colours(stream, environment) is colours


def test_control_characters_do_not_reach_the_terminal() -> None:
    text = "\n".join(
        table_lines([row(note="a\x1b]0;x\x07b\nc\x9bd", user="e\r")], NOW, None, False)
    )
    assert "\x1b" not in text
    assert "\x9b" not in text
    assert text.count("\n") == 1


def test_summary() -> None:
    assert summary_lines(overview(ROWS, "oarstat: no", 3), 2) == [
        "3 jobs in progress: 1 Running, 1 Waiting, 1 unknown; 1 finished, 1 of them failed; "
        "1 with problems",
        "2 of 4 jobs are shown",
        "OAR is unavailable: oarstat: no",
        "3 jobs of other users are not shown; run this as root",
    ]
    assert summary_lines(overview(), 0) == [
        "0 jobs in progress; 0 finished, 0 of them failed; 0 with problems"
    ]


def test_ended_job_that_did_not_fail() -> None:
    ended = row(arex_state="FINISHED", state="")
    assert table_lines([ended], NOW, 80, False)[1].split()[1] == "FINISHED"
    assert table_lines([ended], NOW, 200, False)[1].split()[1:3] == ["FINISHED", "-"]


def test_summary_on_a_narrow_terminal() -> None:
    assert summary_lines(overview(ROWS), 4, 60) == [
        "3 jobs in progress: 1 Running, 1 Waiting, 1 unknown; 1",
        "finished, 1 of them failed; 1 with problems",
    ]


def test_summary_says_how_older_jobs_are_listed() -> None:
    assert summary_lines(overview(ROWS, left_out=1), 3)[1] == (
        "3 of 4 jobs are shown (--all lists the older ended jobs as well)"
    )
