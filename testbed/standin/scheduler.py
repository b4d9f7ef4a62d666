"""What happens to a Waiting job: a prediction, a place, or best-effort jobs that must give way.

Must not: start or kill a process; runner.py does, by what the rows then say.
"""

from __future__ import annotations

import json
import time

from . import texts
from .dialect import Dialect
from .lifecycle import allocate, change, summary
from .schema import ENDED_STATES
from .store import Store

TYPE_CHECKING = False  # typing's own costs each command three milliseconds
if TYPE_CHECKING:
    from typing import Any

    from .store import Row


def schedule(store: Store, dialect: Dialect, job: Row) -> None:
    """To toLaunch with resources, if it may start and they are free."""
    now = int(time.time())
    if job["x_scheduled"] is None:
        _predict(store, dialect, job, max(now, job["x_not_before"]))
    if job["x_frag"] or job["x_not_before"] > time.time() or _depends(store, job):
        return
    with store.writing():
        found = allocate(store, job)
        if found is None:
            _preempt(store, dialect, job)
            return
        resources, walltime = found
        started = change(
            store,
            job,
            state="toLaunch",
            start_time=now,
            x_resources=json.dumps(resources),
            x_walltime=walltime,
            x_scheduled=now,
            assigned_moldable_job=job["job_id"],
            message=summary(dialect, job, "started"),
        )
        if started and "besteffort" in json.loads(job["x_types"]):
            store.add_event(job["job_id"], *texts.priority(dialect, job["job_id"], "START"))


def _predict(store: Store, dialect: Dialect, job: Row, when: int) -> None:
    columns: dict[str, Any] = {
        "x_scheduled": when,
        "x_walltime": job["x_asked_walltime"],
        "message": summary(dialect, job, "waiting"),
    }
    if dialect.major == 3:  # there, a Waiting job's start_time is the prediction
        columns["start_time"] = when
    with store.writing():
        store.update_job(job["job_id"], columns)
    job.update(columns)


def _depends(store: Store, job: Row) -> bool:
    wanted = json.loads(job["x_dependencies"])
    return any(r["state"] not in ENDED_STATES for r in store.jobs_by_id(wanted).values())


def _preempt(store: Store, dialect: Dialect, job: Row) -> None:
    """Best-effort jobs give way to an ordinary one."""
    if "besteffort" in json.loads(job["x_types"]):
        return
    found = allocate(store, job, over_besteffort=True)
    if found is None:
        return
    for other in store.rows(
        "SELECT * FROM jobs WHERE state = 'Running' AND x_frag IS NULL AND x_resources != '[]'"
    ):
        held = set(json.loads(other["x_resources"]))
        if "besteffort" in json.loads(other["x_types"]) and held & set(found[0]):
            victim = other["job_id"]
            store.add_event(victim, "BESTEFFORT_KILL", f"kill the besteffort job {victim}")
            store.add_event(victim, *texts.frag(texts.system_user(dialect), victim))
            store.update_job(victim, {"x_frag": "asked"})
