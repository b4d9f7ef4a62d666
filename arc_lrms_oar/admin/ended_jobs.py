"""The grid jobs that have ended, and why: from the control directory, the accounting and OAR.

A-REX keeps the files of an ended job for some days and its accounting record for years; OAR keeps
its own record. Each source is read for what the one before does not have: the accounting for who
ran what, the control directory for the reason of a failure, and OAR for that reason when A-REX has
removed the files.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from arc_lrms_oar import local_ids
from arc_lrms_oar.admin.job_row import row_of_ended
from arc_lrms_oar.arex.accounting import AccountedJob, ended_since
from arc_lrms_oar.arex.job_listing import EndedJob, JobListing, failure_of
from arc_lrms_oar.errors import ControlDirError, OarUnavailable
from arc_lrms_oar.job.oar_name import is_job_of
from arc_lrms_oar.oar.client import OarClient
from arc_lrms_oar.oar.outcome import Cause, outcome_of
from arc_lrms_oar.oar.states import has_ended
from arc_lrms_oar.settings import Settings

# Reasons that are no cause of `oar.outcome`.
CANCELLED, IN_AREX, UNKNOWN = "cancelled", "arex", "unknown"
# OAR is asked for so many of the newest jobs at most: a record costs it some ten SQL queries.
MOST_RECORDS = 2000

_LRMS_ERROR = re.compile(r"LRMS error: \(-?[0-9]{1,9}\) (.*)")
_CANCELLED = re.compile(r"Job is cancell?ed by |User requested to cancel")


class EndedJobRow(NamedTuple):
    """A job that A-REX has ended.

    `ended` is in seconds since 1970, `core_seconds` its wall time times its cores. `reason` is the
    label of a cause of `oar.outcome`, CANCELLED (by its user), IN_AREX (data staging and the like),
    or UNKNOWN.
    """

    grid_job_id: str
    ended: float
    user: str
    queue: str
    vo: str
    dn: str
    failed: bool
    reason: str
    core_seconds: int


class History(NamedTuple):
    """The jobs, and lines about what could not be read."""

    jobs: list[EndedJobRow]
    notes: list[str]


def read_history(
    settings: Settings,
    client: OarClient,
    since: float,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> History:
    """The jobs that have ended since then, in seconds since 1970.

    Raises ControlDirError if the control directory is not one.
    """
    notes = []
    every = JobListing(settings.control_dir)
    # Checks that this is a control directory.
    every.unfinished()
    try:
        accounted = {job.grid_id: job for job in ended_since(settings.control_dir, since)}
    except ControlDirError as error:
        accounted = {}
        notes.append(str(error))
    files = {grid_id: entry for grid_id, entry in every.ended().items() if entry.since >= since}
    reasons = _reasons_from_oar(
        client,
        [job for job in accounted.values() if job.failed and job.grid_id not in files],
        notes,
    )
    rows = [_accounted_row(job, reasons.get(job.grid_id)) for job in accounted.values()]
    found = {row.grid_job_id: row for row in rows}
    for done, entry in enumerate(files.values()):
        progress(done, len(files))
        row = _row_from_files(settings, every, entry, found.get(entry.grid_id))
        if row is not None:
            found[entry.grid_id] = row
    if every.unreadable:
        notes.append(f"{every.unreadable} jobs of other users cannot be read; run this as root")
    return History(sorted(found.values(), key=lambda row: row.ended), notes)


def reason_of(failure: str) -> str:
    """The reason in a line that A-REX has recorded about a failed job; "success" for none."""
    if not failure:
        return Cause.SUCCESS.label
    if _CANCELLED.match(failure):
        return CANCELLED
    reported = _LRMS_ERROR.fullmatch(failure)
    if not reported:
        return IN_AREX
    return next(
        (cause.label for cause, form in _forms() if form.fullmatch(reported[1])),
        Cause.NOT_SUBMITTED.label,
    )


def _forms() -> Iterator[tuple[Cause, re.Pattern[str]]]:
    """The sentence of each cause as a pattern, the one with the most fixed text first.

    The sentence of a refused submission is any text, so it is left out.
    """
    texts = {cause: re.split(r"\{[a-z]+\}", cause.sentence) for cause in Cause}
    del texts[Cause.NOT_SUBMITTED]
    for cause, parts in sorted(texts.items(), key=lambda item: -len("".join(item[1]))):
        yield cause, re.compile(".*".join(map(re.escape, parts)))


def _accounted_row(job: AccountedJob, reason: str | None) -> EndedJobRow:
    known = reason or (UNKNOWN if job.failed else Cause.SUCCESS.label)
    if known == UNKNOWN and local_ids.is_unsubmitted(job.local_id):
        known = Cause.NOT_SUBMITTED.label
    return EndedJobRow(
        job.grid_id,
        job.ended,
        job.user,
        job.queue,
        job.vo,
        job.dn,
        job.failed,
        known,
        job.cores * job.wall_time,
    )


def _row_from_files(
    settings: Settings, every: JobListing, entry: EndedJob, known: EndedJobRow | None
) -> EndedJobRow | None:
    """The row of a job whose files are there; only what the accounting lacks is read."""
    if known is not None and not entry.failed:
        return known
    job = every.read(entry)
    if job is None:
        return known
    if known is not None:
        return known._replace(reason=reason_of(failure_of(job)))
    row = row_of_ended(settings, job)
    return EndedJobRow(
        job.grid_id,
        entry.since,
        row.user,
        row.queue,
        row.vo,
        row.dn,
        entry.failed,
        reason_of(row.note),
        (row.used or 0) * (row.cores or 1),
    )


def _reasons_from_oar(
    client: OarClient, jobs: Iterable[AccountedJob], notes: list[str]
) -> dict[str, str]:
    """The reasons of jobs whose files A-REX has removed, where OAR has them."""
    newest = sorted(jobs, key=lambda job: -job.ended)
    asked: dict[int, str] = {}
    for job in newest[:MOST_RECORDS]:
        job_id = local_ids.oar_job_id(job.local_id)
        if job_id is not None:
            asked.setdefault(job_id, job.grid_id)
    if len(newest) > MOST_RECORDS:
        notes.append(f"{len(newest) - MOST_RECORDS} older failed jobs were not looked up in OAR")
    if not asked:
        return {}
    try:
        records = client.records(client.states(asked))
    except OarUnavailable as error:
        notes.append(f"OAR is unavailable: {error}")
        return {}
    return {
        asked[job_id]: outcome_of(record).cause.label
        for job_id, record in records.items()
        if has_ended(record.state) and is_job_of(asked[job_id], record.name, record.command)
    }
