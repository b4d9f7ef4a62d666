"""A CE with a stand-in OAR, and the commands as A-REX's scripts call them."""

from __future__ import annotations

import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from standin import Standin

from arc_lrms_oar.commands.connect import client_of, settings_of
from arc_lrms_oar.commands.prepare import prepare
from arc_lrms_oar.commands.submit import submit
from arc_lrms_oar.identity import Identity
from arc_lrms_oar.job import grami
from arc_lrms_oar.log import Log
from arc_lrms_oar.oar.client import OarClient
from arc_lrms_oar.retry import Retry
from arc_lrms_oar.scan.indexed_dir import IndexedDir
from arc_lrms_oar.scan.reconcile import run_cycle, scan
from arc_lrms_oar.settings import Settings
from support.ce import GRID_ID, Ce, JobFiles
from support.fake_clock import FakeClock


@dataclass
class Site:
    """A CE whose arc.conf has the stand-in's commands as `bin_path`.

    With `stays`, all scans are cycles of one process that keeps its index.
    """

    ce: Ce
    oar: Standin
    stays: bool = False

    def __post_init__(self) -> None:
        self.clock = FakeClock()
        self.oar.owner = self.ce.user
        self._kept = IndexedDir(str(self.ce.control))
        self.configure()

    def configure(self, lines: str = "", **blocks: str) -> None:
        """Write arc.conf with additional lines in [custom:oar]; for `blocks` see `Ce`."""
        self.ce.configure(custom_oar=f"bin_path={self.oar.bin}\n{lines}", **blocks)

    def settings(self) -> Settings:
        return settings_of(str(self.ce.conf))

    def client(self) -> OarClient:
        return client_of(self.settings())

    def submit(self, job: JobFiles, retry: Retry | None = None) -> int:
        settings = self.settings()
        waits = retry or self.clock.retry()
        return submit(settings, client_of(settings), str(job.file("grami")), waits).job_id

    def prepare(self, job: JobFiles) -> list[str]:
        """Return the arguments of oarsub for the job, without submitting it."""
        path = str(job.file("grami"))
        values = grami.read_values(path)
        now = self.clock.time
        prepared = prepare(values, path, self.settings(), "job.sh", now, Identity())
        return prepared.request.argv()

    def scan(self) -> list[str]:
        settings, log = self.settings(), Log("Scan", "INFO")
        if self.stays:
            return run_cycle(settings, client_of(settings), self._kept, log) or []
        return scan(settings, client_of(settings), [str(self.ce.control)], log)

    def running(self, grid_id: str = GRID_ID, status: str = "INLRMS", **columns: Any) -> JobFiles:
        """Create a grid job and its OAR job with these columns; no process runs."""
        job_id = self.add_job_of(grid_id, **{"state": "Running", **columns})
        return self.ce.in_lrms(grid_id, job_id, status)

    def add_job_of(self, grid_id: str, **columns: Any) -> int:
        """Create an OAR job with the name that submission gives it; returns its job ID."""
        (job_id,) = self.oar.add_jobs(1, **{"job_name": oar_name(grid_id), **columns})
        return job_id

    def commands(self) -> list[str]:
        """Return the names of the OAR commands that were called, in order."""
        return [call.command for call in self.oar.calls()]

    def argvs(self, command: str) -> list[list[str]]:
        return [call.argv for call in self.oar.calls(command)]

    def submitted(self) -> list[list[str]]:
        """Return the arguments of each oarsub."""
        return [argv[1:] for argv in self.argvs("oarsub")]


def oar_name(grid_id: str) -> str:
    """Return the name of a grid job in OAR; the user has named it "some name"."""
    return f"some_name-{grid_id}"


def each(flag: str, ids: Iterable[object]) -> list[str]:
    """Return command-line arguments that repeat an option for every ID."""
    return [word for job_id in ids for word in (flag, str(job_id))]


def listing(*places: Path) -> dict[str, tuple[str, bytes]]:
    """Return mode, owner and content of all files below `places`, without scan's state files."""
    found = {}
    for place in places:
        for path in sorted(place.rglob("*")):
            if path.name.startswith("arc_lrms_oar."):
                continue
            status = path.lstat()
            content = path.read_bytes() if stat.S_ISREG(status.st_mode) else b""
            found[str(path)] = (f"{status.st_mode:o} {status.st_uid}:{status.st_gid}", content)
    return found
