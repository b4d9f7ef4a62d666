"""doctor's checks of the jobs in the control directory: their proxies, scripts and OAR jobs."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence

from arc_lrms_oar.admin.findings import Finding, fail, ok, warn
from arc_lrms_oar.admin.left_jobs import LrmsScripts, is_reported, still_in_oar
from arc_lrms_oar.arex.controldir import GridJob
from arc_lrms_oar.arex.job_listing import ENDED, JobListing
from arc_lrms_oar.errors import ControlDirError, OarUnavailable
from arc_lrms_oar.oar.client import OarClient
from arc_lrms_oar.settings import Settings

_FOR_OTHERS = 0o077


def jobs_of(settings: Settings) -> list[GridJob]:
    """All jobs of the control directory; none if it is not one, which another check reports."""
    try:
        return JobListing(settings.control_dir).all_jobs()
    except ControlDirError:
        return []


def check_proxies(settings: Settings, jobs: Sequence[GridJob]) -> Iterator[Finding]:
    """Whether only their owners can read the jobs' proxies, which hold private keys.

    ARC 7.2's `update-controldir` gives mode 0755 to the proxies that it moves.
    """
    readable = [path for path in (job.file("proxy") for job in jobs) if _is_readable(path)]
    if readable:
        yield warn(
            "proxies",
            f"other users can read the proxies, with private keys, of {len(readable)} jobs, such "
            f"as {readable[0]}; ARC 7.2's update-controldir makes them so",
            f"run: find {settings.control_dir} -name proxy -type f -exec chmod 600 {{}} +",
        )
    else:
        yield ok("proxies", "only their owners can read the jobs' proxies")


def _is_readable(path: str) -> bool:
    try:
        return bool(os.lstat(path).st_mode & _FOR_OTHERS)
    except OSError:
        return False


def check_scripts_of_jobs(jobs: Sequence[GridJob]) -> Iterator[Finding]:
    """Whether A-REX has the scripts for all jobs in progress, also for those of another LRMS."""
    scripts = LrmsScripts()
    lacking: dict[str, list[str]] = {}
    for job in jobs:
        path = scripts.missing(job) if job.state not in ENDED else ""
        if path:
            lacking.setdefault(path, []).append(job.grid_id)
    for path, grid_ids in lacking.items():
        yield fail(
            "jobs",
            f"A-REX runs {path} to cancel {len(grid_ids)} jobs, such as {grid_ids[0]}, and it does "
            "not exist: cancelled jobs go on in OAR, and jobs not yet submitted fail",
            f"run: {sys.executable} -m arc_lrms_oar install",
        )


def check_left_jobs(client: OarClient, jobs: Sequence[GridJob]) -> Iterator[Finding]:
    """Whether a job that A-REX has ended goes on in OAR."""
    unreported = [job for job in jobs if job.state in ENDED and not is_reported(job)]
    try:
        left = still_in_oar(client, unreported)
    except OarUnavailable as error:
        yield fail("jobs", str(error), "check that `oarstat` works")
        return
    ids = sorted(job.local_id for job in unreported if job.local_id and job.grid_id in left)
    if ids:
        named = " ".join(map(str, ids))
        message = f"{len(ids)} jobs that A-REX has ended go on in OAR: OAR jobs {named}"
        yield warn("jobs", message, f"run: oardel {named}")
    else:
        yield ok("jobs", "no job that A-REX has ended goes on in OAR")
