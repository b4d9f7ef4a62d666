"""OAR jobs whose grid jobs A-REX has ended without them: find and delete them.

A-REX ends a job and leaves its OAR job alone if the cancel script fails or does not exist, or if
the end of a cancelled job was not reported for an hour (docs/internals/arc.md#cancel), and if it
cannot write its files when a job is submitted. A job is a candidate if it was in the LRMS in the
last cycle, is not any more, and was not reported, or if it was never seen there although it has a
job ID. It stays one until A-REX has it in the LRMS again, or the OAR job has ended.

An audit finds the OAR jobs that no cycle has seen by their commands: those of an oarsub that went
on after its submission was killed, those that A-REX dropped while scan could not write its cache on
the full disk, and those that a restored dump of OAR's database has brought back.

A job is known by its grid job ID here: an upgrade to ARC 7 gives all files other names.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from arc_lrms_oar.arex.controldir import (
    GridJob,
    control_file,
    grid_id_of,
    layout_of,
    read_any_job,
    read_end,
    status_name,
)
from arc_lrms_oar.arex.job_listing import ENDED, ENDED_FOLDER, FOLDERS
from arc_lrms_oar.errors import OarRefused, OarUnavailable
from arc_lrms_oar.job import grami
from arc_lrms_oar.job.oar_name import COMMANDS, grid_id_in
from arc_lrms_oar.oar.deletion import request_deletion
from arc_lrms_oar.oar.states import has_ended
from arc_lrms_oar.scan.context import Context
from arc_lrms_oar.scan.ownership import Ownership
from arc_lrms_oar.scan.state import ABANDONED

# Seconds between two requests to delete a job.
_INTERVAL = 60.0
# A job without files for this number of seconds is removed: it is not just being moved.
_REMOVED_AFTER = 10.0
# Submission appends the job ID to the GRAMi file. So many bytes of its end are read.
_GRAMI_END = 4096


def note_dropped(context: Context, status_names: Iterable[str]) -> None:
    """Make candidates of jobs that left `processing`, were not in the LRMS, and have a job ID."""
    for name in status_names:
        grid_id = grid_id_of(name) or ""
        job = GridJob(grid_id, "", layout_of(name), context.control_dir, 0.0)
        job_id = grami.appended_id(read_end(job, "grami", _GRAMI_END))
        if job_id is not None:
            context.state.section(f"{ABANDONED}{grid_id}").setdefault("job", job_id)


def find(context: Context, known: Iterable[int]) -> None:
    """Make candidates of the OAR jobs alive whose grid jobs are in `finished`.

    OAR need not list the jobs whose IDs are in `known`. Failures are logged.
    """
    try:
        records = context.client.alive_with_command(COMMANDS, known)
    except OarUnavailable as error:
        what = "no OAR job can be found whose grid job A-REX has ended"
        context.problem.say("WARNING", what, f": {error}")
        return
    for record in records:
        grid_id = grid_id_in(record.command)
        names = [status_name(grid_id, layout) for layout in (6, 7)] if grid_id else []
        folder = os.path.join(context.control_dir, ENDED_FOLDER)
        if any(os.path.lexists(os.path.join(folder, name)) for name in names):
            context.state.section(f"{ABANDONED}{grid_id}").setdefault("job", record.job_id)


def delete(context: Context, in_lrms: Iterable[str], ownership: Ownership) -> None:
    """Delete the OAR jobs of the candidates that A-REX has ended; failures are logged.

    `in_lrms` are the grid job IDs of the jobs in the LRMS. Only OAR jobs that prove to be the grid
    jobs' are deleted.
    """
    client, state, problem, now = context.client, context.state, context.problem, context.now
    sections = state.sections(ABANDONED)
    back = {f"{ABANDONED}{grid_id}" for grid_id in in_lrms}.intersection(sections)
    for section in back:
        state.drop_section(section)
    due: dict[int, tuple[str, GridJob]] = {}
    for section in set(sections) - back:
        row = state.section(section)
        job = _ended_job(context.control_dir, section[len(ABANDONED) :], row, now)
        if job is not None and not 0 <= now - row.get("deleted", 0) < _INTERVAL:
            due[int(row.get("job", 0))] = section, job
    try:
        states = client.states(due) if due else {}
        alive = {job_id: word for job_id, word in states.items() if not has_ended(word)}
        records = client.records(alive) if alive else {}
        own = []
        for job_id, (section, job) in due.items():
            if job_id in records and ownership.is_proven(records[job_id], job):
                own.append(job_id)
                state.section(section)["deleted"] = now
                what = f"{job.grid_id}: A-REX has ended the job, but not OAR job {job_id}"
                problem.say("WARNING", what, "; it is being deleted", 2 * _INTERVAL)
            else:
                state.drop_section(section)
        request_deletion(client, own, records)
    except (OarRefused, OarUnavailable) as error:
        named = ", ".join(f"OAR job {job_id}" for job_id in sorted(due))
        what = f"cannot delete {named} of jobs that A-REX has ended"
        problem.say("WARNING", what, f": {error}", 2 * _INTERVAL)


def _ended_job(control_dir: str, grid_id: str, row: dict[str, float], now: float) -> GridJob | None:
    """The job if A-REX has ended or removed it, else None: A-REX is moving it, or restarting.

    A job that is removed has had no files for some time. `row` keeps since when.
    """
    since = row.pop("absent", now)
    for layout in (6, 7):
        for folder in FOLDERS:
            name = status_name(grid_id, layout)
            job = read_any_job(control_dir, folder, name)
            if job is not None:
                return job if job.state in ENDED else None
            if os.path.lexists(os.path.join(control_dir, folder, name)):
                return None
        if os.path.lexists(control_file(control_dir, grid_id, "local", layout)):
            return None
    row["absent"] = min(since, now)
    return GridJob(grid_id, "", 7, control_dir, 0.0) if now - since >= _REMOVED_AFTER else None
