"""A CE with the package's public API, for tests that run on any OAR, stand-in or real."""

from __future__ import annotations

import os
import pwd
import time
from collections.abc import Callable
from typing import Any

import arc_lrms_oar
from support.ce import Ce, JobFiles


class ApiSite:
    """Submits, scans and cancels by the public API. Grid job IDs are unique in OAR's database."""

    def __init__(self, ce: Ce) -> None:
        self.ce = ce
        self.user = pwd.getpwuid(os.geteuid()).pw_name
        self._number = 0

    @property
    def conf(self) -> str:
        return str(self.ce.conf)

    def job(self, script: str, **options: Any) -> JobFiles:
        """Create the files of a job that runs a shell script, as before its submission."""
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
        """Poll until `what()` is true and return its value. Fails after `seconds`."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = what()
            if found:
                return found
            time.sleep(0.2)
        raise AssertionError(f"not true after {seconds:.0f} s")

    def reported(self, files: JobFiles) -> str:
        """Scan until the job is reported; return the content of lrms_done."""

        def done() -> str | None:
            self.scan()
            return files.done()

        return str(self.until(done))
