"""A user replaces their own files while the commands run: nothing else is touched or read.

His session directory lies in a directory of his own, as with `sessiondir=*`: worse than most sites.
Each round of a verb waits for another swap, so that the number of rounds is that of the races.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from support.ce import GRID_ID, NOBODY, Ce, JobFiles
from support.fake_clock import FakeClock
from support.fake_transport import FakeTransport
from support.file_swapper import SECRET, ForeignFiles, Swaps, clear_away, swapping
from support.scan_jobs import Hours
from support.users import needs_root, run_as

from arc_lrms_oar.admin.explain import explain
from arc_lrms_oar.admin.job_overview import OverviewReader
from arc_lrms_oar.commands.connect import settings_of
from arc_lrms_oar.commands.submit import submit
from arc_lrms_oar.errors import OarLrmsError
from arc_lrms_oar.log import Log
from arc_lrms_oar.oar.client import OarClient
from arc_lrms_oar.oar.transport import Command, Completed, spawn
from arc_lrms_oar.scan.reconcile import scan
from arc_lrms_oar.settings import Settings

pytestmark = needs_root

OTHER_USER = 2
ROUNDS = 150


class Quick(FakeTransport):
    """OAR without processes: every job has ended with exit code 0, and oarsub works."""

    def start(self, argv: Sequence[str], keep: Sequence[int] = (), ticket: str = "") -> Command:
        line = ["/bin/echo", "OAR_JOB_ID=7"]
        return Command(argv, spawn(argv, line, None, keep))

    def is_running(self, pid: int, ticket: str) -> bool:
        return False

    def run(self, argv: Sequence[str], timeout: float | None = None) -> Completed:
        ids = [int(word) for flag, word in zip(argv, argv[1:]) if flag == "-j"]
        times = {"startTime": 1, "stopTime": 2}
        row = {"state": "Terminated", "exit_code": 0, "name": f"x-{GRID_ID}", **times}
        rows = {str(job): {**row, "Job_Id": job, "owner": "nobody"} for job in ids}
        words = dict.fromkeys(rows, "Terminated")
        return Completed(list(argv), 0, json.dumps(words if "-s" in argv else rows), "")


class Race:
    """One job of a hostile user, and the files that must stay unchanged."""

    def __init__(self, place: Path) -> None:
        self.ce = Ce(place / "ce", owner=NOBODY)
        os.chown(self.ce.sessions, NOBODY, NOBODY)
        self.foreign = ForeignFiles(place / "foreign", OTHER_USER)
        self.before = self.foreign.state()
        self.client = OarClient(Quick(), "2")

    def settings(self) -> Settings:
        return settings_of(str(self.ce.conf))

    def targets(self, files: JobFiles) -> list[Path]:
        private = files.session / ".arc_oar"
        names = ("submitting", "job-0123456789ab.sh", "job-0123456789ab.sh.new")
        return [
            *(files.session, files.diag, files.comment, files.session / "out", private),
            *(private / name for name in names),
        ]

    def run(self, files: JobFiles, rounds: int, work: Callable[[], object]) -> Swaps:
        with swapping(NOBODY, self.targets(files), self.foreign) as swaps:
            for _ in range(rounds):
                swaps.wait_for_more()
                work()
        assert self.foreign.state() == self.before
        return swaps

    def owners(self) -> set[int]:
        """The owners of the files in the user's directories."""
        found = set()
        for folder, _, names in os.walk(self.ce.sessions):
            for name in names:
                # The user changes files all the time.
                with suppress(OSError):
                    found.add(os.lstat(os.path.join(folder, name)).st_uid)
        return found

    def shown(self) -> str:
        """Everything that A-REX would give to the user or keep."""
        paths = [path for path in self.ce.control.rglob("*") if path.is_file()]
        return "".join(path.read_text(errors="replace") for path in paths)


@pytest.fixture
def race(place: Path) -> Race:
    return Race(place)


def test_scan(race: Race, hours: Hours) -> None:
    """The job is reported in each round; files of others are neither read nor changed."""
    files = race.ce.in_lrms(GRID_ID, 7)

    def look() -> list[str]:
        hours.ahead += 400
        return scan(race.settings(), race.client, [str(race.ce.control)], Log("Scan", "FATAL"))

    def once() -> None:
        files.file("lrms_done").unlink(missing_ok=True)
        files.file("errors").write_text("")
        assert look() == [GRID_ID]
        assert files.done() == "0 Job finished with exit code 0\n"
        assert "secret" not in race.shown()
        assert race.owners() <= {NOBODY}

    # The first scan asks for all ended jobs, which this OAR does not report.
    assert look() == []
    race.run(files, ROUNDS, once)
    assert (files.file("errors").stat().st_uid, files.file("lrms_done").stat().st_uid) == (
        NOBODY,
        0,
    )


def test_explain_and_jobs(race: Race) -> None:
    files = race.ce.in_lrms(GRID_ID, 7)

    def once() -> None:
        assert "secret" not in explain(race.settings(), race.client, GRID_ID)
        (row,) = OverviewReader(race.settings(), race.client).read(1000.0).rows
        assert row.job_id == 7

    race.run(files, ROUNDS // 2, once)


def test_submit(race: Race) -> None:
    """As the user: each round ends with a job ID or with a sentence."""
    files = race.ce.job(GRID_ID, stdout="out")
    grami = files.file("grami")
    text = grami.read_bytes()

    def attempt() -> str:
        try:
            waits = FakeClock().retry(0.0)
            return str(submit(race.settings(), race.client, str(grami), waits).job_id)
        except OarLrmsError as error:
            return f"refused: {error}"

    def once() -> None:
        grami.write_bytes(text)
        answer = str(run_as(NOBODY, attempt))
        assert answer == "7" or (answer.startswith("refused: ") and "\n" not in answer)

    race.run(files, ROUNDS, once)
    assert SECRET not in race.shown()
    clear_away(files.session)
    files.session.mkdir(mode=0o700)
    race.ce.give(files.session)
    grami.write_bytes(text)
    assert run_as(NOBODY, attempt) == "7"
