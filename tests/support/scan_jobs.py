"""Jobs that a scan finds in different states, the wall clock, and the scan's log lines."""

from __future__ import annotations

import os
import re
import time
from typing import Any

import pytest

from support.ce import GRID_ID, JobFiles
from support.oar_site import Site

OTHER = "b" * 50


class Hours:
    """Replaces `time.time`; a test advances it by setting `ahead` (seconds)."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ahead = 0.0
        self._stopped = 0.0
        real = time.time
        monkeypatch.setattr(time, "time", lambda: (self._stopped or real()) + self.ahead)

    def stop(self, moment: float) -> None:
        """Stop the clock at `moment` (seconds since 1970)."""
        self._stopped = moment


def noted(files: JobFiles, code: int = 0) -> JobFiles:
    """Append what the job script writes to the diag at its end."""
    with open(files.diag, "a") as diag:
        diag.write(
            "nodename=scripts-node\nProcessors=9\nUserTime=1.5s\nMaxResidentMemory=77kB\n"
            "LRMSStartTime=20200101000000Z\nLRMSEndTime=20200101000001Z\nWallTime=1s\n"
            f"exitcode={code}\n"
        )
    return files


def ended(site: Site, grid_id: str = GRID_ID, code: int = 0, **columns: Any) -> JobFiles:
    """Create a grid job whose program has exited and whose OAR job is Terminated."""
    row: dict[str, Any] = {"state": "Terminated", "exit_code": code << 8, **columns}
    return noted(site.running(grid_id, **row), code)


def said(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return the lines that scan has logged, without time and name."""
    lines = capsys.readouterr().err.splitlines()
    return [re.sub(r"^\[[0-9: -]+\] \[Scan\] ", "", line) for line in lines]


def finished(
    site: Site,
    grid_id: str,
    failure: str = "",
    when: float | None = None,
    local_id: int | str = 77,
    **options: Any,
) -> JobFiles:
    """Create a job that A-REX has moved to `finished/`, with `failure` in its `failed` file."""
    files = site.ce.in_lrms(grid_id, local_id, **options)
    if failure:
        files.file("failed").write_text(failure)
    folder = site.ce.control / "finished"
    folder.mkdir(exist_ok=True)
    moved = files.status.rename(folder / files.status.name)
    moved.write_text("FINISHED\n")
    if when is not None:
        os.utime(moved, (when, when))
    return files
