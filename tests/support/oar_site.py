"""A CE together with its OAR, and the verbs as A-REX's scripts call them."""

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
from arc_lrms_oar.scan.reconcile import scan
from arc_lrms_oar.settings import Settings
from support.ce import GRID_ID, Ce, JobFiles
from support.fake_clock import FakeClock


@dataclass
class Site:
    """`configure` adds lines to [custom:oar]; the stand-in is found by bin_path."""

    ce: Ce
    oar: Standin

    def __post_init__(self) -> None:
        self.clock = FakeClock()
        self.oar.owner = self.ce.user
        self.configure()

    def configure(self, lines: str = "", **blocks: str) -> None:
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
        """The arguments that oarsub would be given for the job."""
        path = str(job.file("grami"))
        values = grami.read_values(path)
        now = self.clock.time
        prepared = prepare(values, path, self.settings(), "job.sh", now, Identity())
        return prepared.request.argv()

    def scan(self) -> list[str]:
        settings = self.settings()
        return scan(settings, client_of(settings), [str(self.ce.control)], Log("Scan", "INFO"))

    def running(self, grid_id: str = GRID_ID, status: str = "INLRMS", **columns: Any) -> JobFiles:
        """A grid job with its OAR job, whose row has these columns; no process behind it."""
        (job_id,) = self.oar.add_jobs(1, **{"state": "Running", **columns})
        return self.ce.in_lrms(grid_id, job_id, status)

    def commands(self) -> list[str]:
        """The names of OAR's commands that were called, in order."""
        return [call.command for call in self.oar.calls()]

    def argvs(self, command: str) -> list[list[str]]:
        return [call.argv for call in self.oar.calls(command)]

    def submitted(self) -> list[list[str]]:
        """The arguments of each oarsub."""
        return [argv[1:] for argv in self.argvs("oarsub")]


def each(flag: str, ids: Iterable[object]) -> list[str]:
    return [word for job_id in ids for word in (flag, str(job_id))]


def listing(*places: Path) -> dict[str, tuple[str, bytes]]:
    """All files below `places` with owner and content, but for what scan keeps for itself."""
    found = {}
    for place in places:
        for path in sorted(place.rglob("*")):
            if path.name.startswith("arc_lrms_oar."):
                continue
            status = path.lstat()
            content = path.read_bytes() if stat.S_ISREG(status.st_mode) else b""
            found[str(path)] = (f"{status.st_mode:o} {status.st_uid}:{status.st_gid}", content)
    return found
