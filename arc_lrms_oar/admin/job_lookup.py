"""Finds the grid job that a person means, by any form of its ID."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import NamedTuple

from arc_lrms_oar.admin.job_ids import SHORTEST_PREFIX, ids_in
from arc_lrms_oar.arex.controldir import GridJob
from arc_lrms_oar.arex.job_listing import JobListing
from arc_lrms_oar.errors import OarLrmsError
from arc_lrms_oar.local_ids import oar_job_id


class Found(NamedTuple):
    """What a text means: a grid job, or a job ID of OAR that no readable grid job has.

    At least one of them is set. `job_id` is the OAR job ID of `job`, if it has one.
    """

    job: GridJob | None
    job_id: int | None


def find_job(every: JobListing, text: str) -> Found:
    """Find the job that `text` means.

    Args:
        every: the jobs of the control directory.
        text: a grid job ID, the first characters of one, a URL or path that holds one, or a job ID
            of OAR.

    Returns:
        The grid job or, for a number that no grid job has as its job ID, the number.

    Raises:
        OarLrmsError: `text` means no grid job, several, or one that the caller may not read.
    """
    in_progress = {job.grid_id: job for job in every.unfinished()}
    ended = every.ended()
    ids = ids_in(text)
    for wanted in ids:
        if wanted in every.closed:
            raise OarLrmsError(
                f"{wanted}: the job is another user's, whose files only they and root can read"
            )
        if wanted in ended:
            job = every.read(ended[wanted])
            if job is not None:
                return Found(job, job.local_id)
        if wanted in in_progress:
            return Found(in_progress[wanted], in_progress[wanted].local_id)
    number = oar_job_id(ids[0]) if ids else None
    if number is not None:
        found = [job for job in in_progress.values() if job.local_id == number]
        job = max(found or _ended_with(every, number), key=_status_time, default=None)
        return Found(job, number)
    known = {*in_progress, *ended}
    for wanted in ids:
        same = sorted(grid_id for grid_id in known if grid_id.startswith(wanted))
        if len(wanted) < SHORTEST_PREFIX or not same:
            continue
        if len(same) > 1:
            raise OarLrmsError(
                f"{wanted}: {len(same)} grid job IDs start with this; give more of it"
            )
        return find_job(every, same[0])
    named = f"; to find jobs by their names, run: arc-oar jobs --all --name {shlex.quote(text)}"
    raise OarLrmsError(not_found(every, text) + named)


def not_found(every: JobListing, text: str) -> str:
    """The message that no job in the control directory has this ID."""
    hidden = f" ({every.unreadable} jobs of other users are not readable; run this as root)"
    return f"{text}: no job in {every.control_dir} has this grid job ID or job ID" + (
        hidden if every.unreadable else ""
    )


def _ended_with(every: JobListing, number: int) -> Iterator[GridJob]:
    """The newest ended job that has this OAR job ID, which OAR may assign again."""
    for entry in sorted(every.ended().values(), key=lambda entry: -entry.changed):
        job = every.read(entry)
        if job is not None and job.local_id == number:
            yield job
            return


def _status_time(job: GridJob) -> float:
    return job.status_time
