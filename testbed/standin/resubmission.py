"""Resubmission: OAR runs a job again under a new job ID, after a failed launch or if idempotent.

Every function must be called inside `db.writing()`. Processes are handled elsewhere.
"""

from __future__ import annotations

import json
import time

from . import wording
from .database import Database
from .dialect import Dialect

TYPE_CHECKING = False  # importing typing would cost each command 3 ms
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from .database import Row

_NOT_COPIED = {
    "exit_code",
    "start_time",
    "stop_time",
    "assigned_moldable_job",
    "x_walltime",
    "x_resources",
    "x_scheduled",
    "x_frag",
    "x_pid",
    "x_pid_start",
    "x_hidden",
    "x_manual",
}


def resubmit(
    db: Database, old: Row, description: str | None, *, linked: bool = True, text: str = ""
) -> int:
    """Insert the row of the successor and return its job ID; `description` has {new} for it.

    resubmit_job_id of the old row stays 0; in the new row it is the old job ID, except in older
    versions of OAR 3 (`linked` = False).
    """
    fresh: dict[str, Any] = {
        name: value for name, value in old.items() if name != "job_id" and name not in _NOT_COPIED
    }
    fresh.update(
        state="Waiting",
        message=text,
        submission_time=int(time.time()),
        resubmit_job_id=old["job_id"] if linked else 0,
        array_id=0,
        array_index=1,
    )
    new_id = db.insert_job(fresh)
    db.update_job(new_id, {"array_id": new_id})
    if description is not None:
        db.add_event(
            old["job_id"],
            "RESUBMIT_JOB_AUTOMATICALLY",
            description.replace("{new}", str(new_id)),
        )
    return new_id


def fail_launch(db: Database, dialect: Dialect, job: Row, failure: str) -> None:
    """Apply the knob `launch_error` (EVENT or EVENT:TIMES): the job in Error, and a successor."""
    event, _, times = failure.partition(":")
    job_id = job["job_id"]
    if times and int(times) > 1:
        db.set_knob("launch_error", f"{event}:{int(times) - 1}")
    elif times:
        db.clear_knob("launch_error")
    text = f"[bipbip] OAR suspects nodes for the job {job_id} : {db.first_node(job)}\n"
    db.add_event(job_id, event, text)
    db.change_state(
        job,
        state="Error",
        stop_time=int(time.time()),
        message="One or several nodes are not responding correctly",
    )
    style = 5 if dialect.major == 3 else 1
    resubmit(db, job, wording.resubmission_text(style, job_id, "{new}", event))


def resubmit_idempotent(
    db: Database, dialect: Dialect, knobs: Mapping[str, Any], job: Row, killed: bool
) -> None:
    """Resubmit an idempotent job after exit code 99 and a minute, or after a best-effort kill."""
    job_id = job["job_id"]
    if "idempotent" not in json.loads(job["x_types"]):
        return
    took = job["stop_time"] - job["start_time"]
    events = db.events([job_id]).get(job_id, [])
    if job["exit_code"] == 99 << 8 and took > float(knobs.get("idempotent_seconds", 60)):
        # OAR 3 writes no event, only resubmit_job_id of the new row.
        text = wording.resubmission_text(2, job_id, "{new}")
        resubmit(db, job, None if dialect.major == 3 else text)
    elif killed and any(event["type"] == "BESTEFFORT_KILL" for event in events):
        style, new = (4, "((0, ''), {new})") if dialect.major == 3 else (3, "{new}")
        resubmit(db, job, wording.resubmission_text(style, job_id, new))
