"""Find the resources of a job: those that match its request and those that are free.

Called by oarsub (estimates) and by the runner (scheduling). Nothing is changed here.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable

from .database import Database
from .resources import Group, choose_groups
from .schema import BUSY_STATES

TYPE_CHECKING = False  # importing typing would cost each command 3 ms
if TYPE_CHECKING:
    from .database import Row


def matching(db: Database, condition: str) -> list[Row]:
    """Return the resources that a property filter selects. SQLite evaluates it, not PostgreSQL."""
    where = f"WHERE {condition}" if condition else ""
    return db.rows(f"SELECT * FROM resources {where} ORDER BY resource_id")


def combine(*conditions: str) -> str:
    return " AND ".join(f"({c})" for c in conditions if c)


def fit(
    db: Database, groups: Iterable[Group], condition: str, excluded: Iterable[int] = ()
) -> list[int] | None:
    """Return resource IDs for one moldable alternative, None if it does not fit."""
    barred = set(excluded)
    candidates = []
    for constraint, levels in groups:
        rows = [
            row
            for row in matching(db, combine(condition, constraint))
            if row["resource_id"] not in barred and row["state"] != "Dead"
        ]
        candidates.append((rows, [(str(name), int(count)) for name, count in levels]))
    return choose_groups(candidates)


def busy(db: Database, besteffort_too: bool = True) -> set[int]:
    """Return the resources of active jobs and those that are not Alive."""
    marks = ",".join("?" * len(BUSY_STATES))
    taken = {
        row["resource_id"] for row in db.rows("SELECT * FROM resources WHERE state != 'Alive'")
    }
    for row in db.rows(
        f"SELECT x_resources, x_types FROM jobs WHERE state IN ({marks}) AND x_resources != '[]'",
        BUSY_STATES,
    ):
        if besteffort_too or "besteffort" not in json.loads(row["x_types"]):
            taken.update(json.loads(row["x_resources"]))
    return taken


def allocate(
    db: Database, job: Row, *, over_besteffort: bool = False
) -> tuple[list[int], int] | None:
    """Return resource IDs and wall time of the first moldable alternative that fits now."""
    taken = busy(db, besteffort_too=not over_besteffort)
    for groups, walltime in json.loads(job["x_request"] or "[]"):
        try:
            found = fit(db, groups, job["x_filter"], taken)
        except sqlite3.Error:
            found = None
        if found:
            return found, walltime
    return None
