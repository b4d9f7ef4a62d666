"""Schedule Waiting jobs: predict their start, assign resources, preempt best-effort jobs.

Only rows are changed; runner.py starts and kills processes accordingly.
"""

from __future__ import annotations

import json
import time

from . import wording
from .allocation import allocate
from .database import Database
from .dialect import Dialect
from .schema import ENDED_STATES

TYPE_CHECKING = False  # importing typing would cost each command 3 ms
if TYPE_CHECKING:
    from typing import Any

    from .database import Row


def schedule(db: Database, dialect: Dialect, job: Row) -> None:
    """Move a Waiting job to toLaunch if it may start and its resources are free."""
    now = int(time.time())
    if job["x_scheduled"] is None:
        _predict(db, dialect, job, max(now, job["x_not_before"]))
    if job["x_frag"] == "asked" or job["x_not_before"] > time.time() or _depends(db, job):
        return
    with db.writing():
        found = allocate(db, job)
        if found is None:
            _preempt(db, dialect, job)
            return
        resources, walltime = found
        started = db.change_state(
            job,
            state="toLaunch",
            start_time=now,
            x_resources=json.dumps(resources),
            x_walltime=walltime,
            x_scheduled=now,
            assigned_moldable_job=job["job_id"],
            message=wording.row_message(dialect, job, "started"),
        )
        if started and "besteffort" in json.loads(job["x_types"]):
            db.add_event(job["job_id"], *wording.priority_event(dialect, job["job_id"], "START"))


def _predict(db: Database, dialect: Dialect, job: Row, when: int) -> None:
    columns: dict[str, Any] = {
        "x_scheduled": when,
        "x_walltime": job["x_asked_walltime"],
        "message": wording.row_message(dialect, job, "waiting"),
    }
    if dialect.major == 3:  # start_time of a Waiting job is the prediction
        columns["start_time"] = when
    with db.writing():
        db.update_job(job["job_id"], columns)
    job.update(columns)


def _depends(db: Database, job: Row) -> bool:
    wanted = json.loads(job["x_dependencies"])
    return any(r["state"] not in ENDED_STATES for r in db.jobs_by_id(wanted).values())


def _preempt(db: Database, dialect: Dialect, job: Row) -> None:
    """Request the deletion of the best-effort jobs that occupy what this job needs."""
    if "besteffort" in json.loads(job["x_types"]):
        return
    found = allocate(db, job, over_besteffort=True)
    if found is None:
        return
    for other in db.rows(
        "SELECT * FROM jobs WHERE state = 'Running' AND x_resources != '[]'"
        " AND (x_frag IS NULL OR x_frag = 'stored')"
    ):
        held = set(json.loads(other["x_resources"]))
        if "besteffort" in json.loads(other["x_types"]) and held & set(found[0]):
            victim = other["job_id"]
            db.add_event(victim, "BESTEFFORT_KILL", f"kill the besteffort job {victim}")
            db.add_event(victim, *wording.deletion_event(wording.system_user(dialect), victim))
            db.update_job(victim, {"x_frag": "asked"})
