"""OAR starts a job again under a new id: after trouble at launch, and idempotent jobs.

Every function expects to be called inside `store.writing()`.
Must not: start or kill a process.
"""

from __future__ import annotations

import json
import time

from . import texts
from .dialect import Dialect
from .lifecycle import change, node
from .store import Store

TYPE_CHECKING = False  # typing's own costs each command three milliseconds
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from .store import Row

_RESET = {
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
    store: Store, old: Row, description: str | None, *, linked: bool = True, text: str = ""
) -> int:
    """A new row for a job that OAR starts again; `description` uses {new} for its id.

    The old row keeps resubmit_job_id = 0; the new one names the old (on older OAR 3 it does not).
    """
    fresh: dict[str, Any] = {
        name: value for name, value in old.items() if name != "job_id" and name not in _RESET
    }
    fresh.update(
        state="Waiting",
        message=text,
        submission_time=int(time.time()),
        resubmit_job_id=old["job_id"] if linked else 0,
        array_id=0,
        array_index=1,
    )
    new_id = store.insert_job(fresh)
    store.update_job(new_id, {"array_id": new_id})
    if description is not None:
        store.add_event(
            old["job_id"],
            "RESUBMIT_JOB_AUTOMATICALLY",
            description.replace("{new}", str(new_id)),
        )
    return new_id


def fail_launch(store: Store, dialect: Dialect, job: Row, trouble: str) -> None:
    """The knob's EVENT or EVENT:TIMES: Error, and the job again, asked or not."""
    event, _, times = trouble.partition(":")
    job_id = job["job_id"]
    if times and int(times) > 1:
        store.set_knob("launch_error", f"{event}:{int(times) - 1}")
    elif times:
        store.clear_knob("launch_error")
    text = f"[bipbip] OAR suspects nodes for the job {job_id} : {node(store, job)}\n"
    store.add_event(job_id, event, text)
    change(
        store,
        job,
        state="Error",
        stop_time=int(time.time()),
        message="One or several nodes are not responding correctly",
    )
    style = 5 if dialect.major == 3 else 1
    resubmit(store, job, texts.resubmission(style, job_id, "{new}", event))


def repeat(
    store: Store, dialect: Dialect, knobs: Mapping[str, Any], job: Row, killed: bool
) -> None:
    """Idempotent jobs: after exit 99 and a minute, and after a best-effort kill."""
    job_id = job["job_id"]
    if "idempotent" not in json.loads(job["x_types"]):
        return
    took = job["stop_time"] - job["start_time"]
    events = store.events([job_id]).get(job_id, [])
    if job["exit_code"] == 99 << 8 and took > float(knobs.get("idempotent_seconds", 60)):
        # OAR 3 leaves no event, only the new row's resubmit_job_id.
        text = texts.resubmission(2, job_id, "{new}")
        resubmit(store, job, None if dialect.major == 3 else text)
    elif killed and any(event["type"] == "BESTEFFORT_KILL" for event in events):
        style, new = (4, "((0, ''), {new})") if dialect.major == 3 else (3, "{new}")
        resubmit(store, job, texts.resubmission(style, job_id, new))
