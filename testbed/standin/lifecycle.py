"""Changes of a job's row that more than one program makes: allocate, step.

Every function expects to be called inside `store.writing()`.
Must not: start or kill a process.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable

from . import texts
from .dialect import Dialect
from .resources import Group, choose_groups
from .schema import BUSY_STATES
from .store import Store

TYPE_CHECKING = False  # typing's own costs each command three milliseconds
if TYPE_CHECKING:
    from typing import Any

    from .store import Row


def matching(store: Store, condition: str) -> list[Row]:
    """The resources that a property filter selects. SQLite reads it, as PostgreSQL would."""
    where = f"WHERE {condition}" if condition else ""
    return store.rows(f"SELECT * FROM resources {where} ORDER BY resource_id")


def combine(*conditions: str) -> str:
    return " AND ".join(f"({c})" for c in conditions if c)


def fit(
    store: Store, groups: Iterable[Group], condition: str, excluded: Iterable[int] = ()
) -> list[int] | None:
    """Resource ids for one alternative, or None if there are none."""
    barred = set(excluded)
    candidates = []
    for constraint, levels in groups:
        rows = [
            row
            for row in matching(store, combine(condition, constraint))
            if row["resource_id"] not in barred and row["state"] != "Dead"
        ]
        candidates.append((rows, [(str(name), int(count)) for name, count in levels]))
    return choose_groups(candidates)


def busy(store: Store, besteffort_too: bool = True) -> set[int]:
    """Resources of active jobs, and those whose node is not Alive."""
    marks = ",".join("?" * len(BUSY_STATES))
    taken = {
        row["resource_id"] for row in store.rows("SELECT * FROM resources WHERE state != 'Alive'")
    }
    for row in store.rows(
        f"SELECT x_resources, x_types FROM jobs WHERE state IN ({marks}) AND x_resources != '[]'",
        BUSY_STATES,
    ):
        if besteffort_too or "besteffort" not in json.loads(row["x_types"]):
            taken.update(json.loads(row["x_resources"]))
    return taken


def allocate(
    store: Store, job: Row, *, over_besteffort: bool = False
) -> tuple[list[int], int] | None:
    """The first moldable alternative that fits now: resource ids and walltime."""
    taken = busy(store, besteffort_too=not over_besteffort)
    for groups, walltime in json.loads(job["x_request"] or "[]"):
        try:
            found = fit(store, groups, job["x_filter"], taken)
        except sqlite3.Error:
            found = None
        if found:
            return found, walltime
    return None


def summary(dialect: Dialect, job: Row, scheduled: str) -> str:
    """The message of this row at a stage, see texts.message."""
    return texts.message(
        dialect,
        count=job["x_estimate"],
        walltime=job["x_asked_walltime"],
        name=job["job_name"],
        queue=job["queue_name"],
        project=job["project"],
        types=json.loads(job["x_types"]),
        reserved=job["reservation"] != "None",
        scheduled=scheduled,
    )


def change(store: Store, job: Row, **columns: Any) -> bool:
    """One transition, unless somebody else changed the state meanwhile; uses up a step."""
    now = store.job(job["job_id"])
    if now is None or now["state"] != job["state"]:
        return False
    if now["x_steps"]:
        columns["x_steps"] = now["x_steps"] - 1
    store.update_job(job["job_id"], columns)
    return True


def node(store: Store, job: Row) -> str:
    """The job's first node."""
    first = (json.loads(job["x_resources"]) or [0])[0]
    found = store.value("SELECT network_address FROM resources WHERE resource_id = ?", (first,))
    return str(found or "localhost")
