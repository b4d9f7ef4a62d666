"""Scan killed at any of its steps and started again leaves the same files as an undisturbed run.

The steps are those of one cycle, and those of a process that stays for two: the jobs end between
them.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest
from standin import Standin
from support.ce import GRID_ID, NOBODY, Ce, JobFiles
from support.fake_transport import FakeTransport
from support.kill_at_step import killed_before
from support.oar_site import Site, listing

from arc_lrms_oar.log import Log
from arc_lrms_oar.oar.client import OarClient
from arc_lrms_oar.oar.local import LocalTransport
from arc_lrms_oar.oar.transport import Completed
from arc_lrms_oar.scan.reconcile import scan
from arc_lrms_oar.scan.watch import Watch

SECOND = "s" * 50
WORKERS = 4


class Recorded(FakeTransport):
    """Repeats the first answer of each of OAR's commands without running it again."""

    def __init__(self, transport: LocalTransport) -> None:
        self.transport = transport
        self.answers: dict[tuple[str, ...], Completed] = {}
        self.nothing_ended = False

    def run(self, argv: Sequence[str], timeout: float | None = None) -> Completed:
        if self.nothing_ended and "--sql" in argv:
            return Completed(list(argv), 0, "", "")
        if tuple(argv) not in self.answers:
            self.answers[tuple(argv)] = self.transport.run(argv, timeout)
        return self.answers[tuple(argv)]


def job(ce: Ce, grid_id: str, job_id: int, code: int) -> JobFiles:
    files = ce.in_lrms(grid_id, job_id)
    files.diag.write_text(f"UserTime=1.5s\nexitcode={code}\n")
    files.comment.write_text("said by the LRMS\n")
    with files.file("grami").open("a") as grami:
        grami.write(f"joboption_jobid={job_id}\n")
    files.file("errors").write_text("said by A-REX\n")
    private = files.session / ".arc_oar"
    private.mkdir()
    (private / "job-1.sh").touch()
    ce.give(private, private / "job-1.sh")
    return files


def made(place: Path) -> Ce:
    ce = Ce(place, 6, NOBODY if os.geteuid() == 0 else None)
    job(ce, GRID_ID, 1, 3)
    job(ce, SECOND, 2, 0)
    return ce


def state(ce: Ce) -> dict[str, tuple[str, bytes]]:
    """All files of the CE, with paths relative to it in names and contents."""
    here = str(ce.place)
    return {
        path.replace(here, ""): (owner, content.replace(here.encode(), b""))
        for path, (owner, content) in listing(ce.control, ce.sessions).items()
    }


class OneWait:
    """The clock of a process that stays for two cycles; the jobs end while it waits."""

    def __init__(self, transport: Recorded) -> None:
        self._transport = transport
        self._time = 0.0
        transport.nothing_ended = True

    def now(self) -> float:
        return self._time

    def sleep(self, seconds: float) -> bool:
        self._time += 10
        first, self._transport.nothing_ended = self._transport.nothing_ended, False
        return first


@pytest.mark.parametrize("stays", [False, True], ids=["one cycle", "two cycles"])
@pytest.mark.parametrize("first", range(1, WORKERS + 1))
def test_every_step(place: Path, oar: Standin, first: int, stays: bool) -> None:
    site = Site(made(place / "undisturbed"), oar)
    site.add_job_of(GRID_ID, state="Terminated", exit_code=3 << 8)
    site.add_job_of(SECOND, state="Terminated", exit_code=0)
    settings = site.settings()
    recorded = Recorded(LocalTransport(settings.bin_path, settings.command_timeout))

    def run(ce: Ce) -> list[str]:
        return scan(settings, OarClient(recorded, "2"), [str(ce.control)], Log("Scan", "FATAL"))

    def work(ce: Ce) -> None:
        if stays:
            clock = OneWait(recorded)
            Watch(settings, recorded, [str(ce.control)], Log("Scan", "FATAL"), clock).run()
        else:
            run(ce)

    run(site.ce)
    wanted = state(site.ce)
    step, kills = first, 0
    while True:
        ce = made(place / str(step))
        killed = killed_before(step, partial(work, ce))
        for path in ce.control.glob("job.*.lrms_done"):
            assert path.read_bytes().endswith(b"\n"), f"half, step {step}"
        if not killed:
            break
        kills += 1
        run(ce)
        assert state(ce) == wanted, f"step {step}"
        step += WORKERS
    assert kills > 3
    assert state(ce) == wanted
