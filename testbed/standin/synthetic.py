"""Rows of jobs that have no process, inserted many at once.

Not for commands: they do not get a copy of this module.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from . import wording
from .database import Database
from .schema import ENDED_STATES


def add_rows(
    db: Database,
    count: int,
    first_id: int | None,
    state: str,
    owner: str,
    columns: Mapping[str, Any],
) -> list[int]:
    """Insert the rows and return their job IDs. A callable column is called with the job ID."""
    if first_id is None:
        first_id = int(db.value("SELECT COALESCE(MAX(job_id), 0) + 1 FROM jobs"))
    now = int(time.time())
    started = state not in ("Waiting", "Hold")
    base = {
        "state": state,
        "job_user": owner,
        "submission_time": now,
        "start_time": now if started else 0,
        "stop_time": now if state in ENDED_STATES else 0,
        "exit_code": 0 if state == "Terminated" else None,
        "command": "sleep 1",
        "initial_request": "oarsub sleep 1",
        "message": "R=1,W=2:0:0,J=B" + (wording.KARMA if started else ""),
        "launching_directory": f"/home/{owner}",
        "stdout_file": "OAR.%jobid%.stdout",
        "stderr_file": "OAR.%jobid%.stderr",
        "x_wanted": "-l \"{type = 'default'}/resource_id=1,walltime=2:0:0\" ",
        "x_walltime": 7200 if started else None,
        "properties": "(desktop_computing = 'NO') AND drain='NO'",
        **columns,
    }
    fixed = {name: value for name, value in base.items() if not callable(value)}
    made = {name: value for name, value in base.items() if callable(value)}
    db.check_columns([*fixed, *made])
    names = ", ".join(["job_id", "array_id", *fixed, *made])
    marks = ", ".join("?" * (2 + len(base)))
    values = tuple(fixed.values())
    ids = range(first_id, first_id + count)
    db.many(
        f"INSERT INTO jobs ({names}) VALUES ({marks})",
        ((i, i, *values, *(function(i) for function in made.values())) for i in ids),
    )
    return list(ids)
