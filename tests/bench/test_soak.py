"""The steady load of bench/soak, and the table of its rows."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import soak_rows
from load_plan import FAILS_WITH, Pilot, Planned, pilots
from soak_rows import Row
from soak_run import Steady

ROW = Row(1.0, 200, 0, [], 18.04, 30, 12.6, 6, 8.9, 0.0, None, None, {"arex": 3.0})


class Target:
    """In place of A-REX: the test ends its jobs. The first kill of a job is refused."""

    def __init__(self) -> None:
        self.submitted: list[Pilot] = []
        self.over: set[str] = set()
        self.kills: list[str] = []

    def submit(self, jobs: Sequence[Pilot]) -> list[str]:
        first = len(self.submitted)
        self.submitted += jobs
        return [f"j{first + number}" for number in range(len(jobs))]

    def kill(self, names: Sequence[str]) -> list[bool]:
        accepted = [name in self.kills for name in names]
        self.kills += names
        return accepted

    def ended(self) -> set[str]:
        return {"of an earlier run", *self.over}


def test_number_of_jobs_in_flight_is_kept_until_the_end() -> None:
    target = Target()
    steady = Steady(target, pilots(30, 600, seed=1), 30)
    steady.step(0.0, submit=True)
    assert len(steady.in_flight) == 25
    steady.step(5.0, submit=True)
    assert len(steady.in_flight) == 30
    target.over = {"j3", "j7"}
    steady.step(10.0, submit=True)
    assert (len(steady.in_flight), steady.finished) == (30, 2)
    assert steady.ended == {"j3": target.submitted[3], "j7": target.submitted[7]}
    target.over |= {"j8"}
    steady.step(15.0, submit=False)
    assert len(steady.in_flight) == 29


def test_kills_come_at_their_moment_and_are_repeated_if_refused() -> None:
    target = Target()
    jobs = iter([Pilot(Planned(None), 60), Pilot(Planned(0), 10)])
    steady = Steady(target, jobs, 2)
    for now in (0.0, 59.0):
        steady.step(now, submit=now == 0.0)
        assert target.kills == []
    for now in (60.0, 65.0, 70.0):
        steady.step(now, submit=False)
    assert target.kills == ["j0", "j0"]


def test_a_tenth_of_the_jobs_is_killed_and_a_tenth_fails() -> None:
    jobs = list(islice(pilots(200, 600, seed=1), 10_000))
    killed = sum(job.planned.killed for job in jobs)
    failing = sum(job.planned.exit_code == FAILS_WITH for job in jobs)
    assert 900 < killed < 1_100
    assert 900 < failing < 1_100
    assert all(300 <= job.seconds <= 900 for job in jobs[200:])
    assert max(job.seconds for job in jobs[:20]) < 100
    assert jobs == list(islice(pilots(200, 600, seed=1), 10_000))


def test_command_of_a_job() -> None:
    assert Pilot(Planned(3), 90).command == ("/bin/sh", "-c", "sleep 90; exit 3")
    assert Pilot(Planned(None), 90).command == ("/bin/sleep", "7200")


def test_rows_are_read_as_they_were_written(tmp_path: Path) -> None:
    rows = [ROW, ROW._replace(minute=2.0, wrong=["j0: is in INLRMS"], latency=1.25)]
    for row in rows:
        soak_rows.append(tmp_path / "rows", row)
    assert soak_rows.read(tmp_path / "rows") == rows


def test_table_has_each_nth_row_the_comparison_and_the_errors() -> None:
    rows = [
        ROW._replace(
            minute=float(number), arex_mb=10.0 + number, latency=2.0 if number > 5 else None
        )
        for number in range(1, 10)
    ]
    rows[4] = rows[4]._replace(wrong=["j0: is in INLRMS"])
    lines = [line.split() for line in soak_rows.table(rows, 4).splitlines()]
    assert [line[:4] for line in lines[1:3]] == [
        ["4", "200", "0", "14.0"],
        ["8", "200", "0", "18.0"],
    ]
    first, last = lines[3], lines[4]
    assert first[:6] == ["median", "of", "the", "first", "third", "12.0"]
    assert last[:6] == ["median", "of", "the", "last", "third", "18.0"]
    assert (first[-2], last[-2]) == ("-", "2.0")
    assert lines[5] == ["1", "wrong"]
    assert lines[6] == ["j0:", "is", "in", "INLRMS"]
