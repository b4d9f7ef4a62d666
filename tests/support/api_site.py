"""A CE and the package's public API on it, for tests that do not care whose OAR it is."""

from __future__ import annotations

import os
import pwd
import time
from collections.abc import Callable
from typing import Any

import arc_lrms_oar
from support.ce import Ce, JobFiles


class ApiSite:
    """Submits, scans and cancels through the public API; jobs are named by number."""

    def __init__(self, ce: Ce) -> None:
        self.ce = ce
        self.user = pwd.getpwuid(os.geteuid()).pw_name
        self._number = 0

    @property
    def conf(self) -> str:
        return str(self.ce.conf)

    def job(self, script: str, **options: Any) -> JobFiles:
        """The files of a job that runs a shell script, before its submission."""
        self._number += 1
        grid_id = f"contract{self._number}{os.getpid()}{time.time_ns()}"
        options.setdefault("walltime", 300)
        return self.ce.job(
            grid_id, executable="/bin/sh", arguments=["-c", script], stdout="out", **options
        )

    def submit(self, files: JobFiles) -> int:
        job_id = int(arc_lrms_oar.Submit(self.conf, str(files.file("grami"))))
        self.ce.accepted(files, job_id)
        return job_id

    def scan(self) -> list[str]:
        return arc_lrms_oar.Scan(self.conf, [str(self.ce.control)])

    def state(self, job_id: int) -> str:
        (result,) = arc_lrms_oar.Query(self.conf, [job_id])
        return result.state

    def until(self, what: Callable[[], Any], seconds: float = 90) -> Any:
        """Polls until `what()` is true, and gives it."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = what()
            if found:
                return found
            time.sleep(0.2)
        raise AssertionError(f"it has not come after {seconds:.0f} s")

    def reported(self, files: JobFiles) -> str:
        """Scans until the job is reported; gives lrms_done."""

        def done() -> str | None:
            self.scan()
            return files.done()

        return str(self.until(done))
