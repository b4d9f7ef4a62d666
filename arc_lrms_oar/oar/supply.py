"""Reads what OAR has to give: its resources and its queues. Pure: text in, values out.

Must not judge which resource is of use: that depends on the site's settings.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from arc_lrms_oar.oar.answers import document, ids_in


@dataclass(frozen=True)
class Queue:
    """One queue of OAR: its scheduler (OAR 3: its policy), and whether it starts jobs."""

    name: str
    active: bool
    policy: str


def resources(stdout: str) -> list[dict[str, Any]]:
    """The properties of each of OAR's resources from `oarnodes -J`; raises OarAnswerError."""
    if not stdout.strip():
        return []
    rows = document(stdout)
    found = list(rows.values()) if isinstance(rows, dict) else rows
    return [row for row in found if isinstance(row, dict)]


def resource_id(row: dict[str, Any]) -> int:
    """The id of a resource, `resource_id` in OAR 2 (as text in 2.6) and `id` in OAR 3; 0: none."""
    found = ids_in([row.get("resource_id", row.get("id"))])
    return found[0] if found else 0


def queues(stdout: str) -> dict[str, Queue]:
    """Queues by name from `oarnotify -l` (OAR 2) or `oarqueue` (OAR 3).

    A line with a name, and lines `key = value` below it, which only OAR 2 indents.
    """
    found: dict[str, dict[str, str]] = {}
    values: dict[str, str] = {}
    for line in stdout.splitlines():
        key, equals, value = line.strip().partition(" = ")
        if equals:
            values[key] = value
        elif key:
            values = found.setdefault(key, {})
    return {
        name: Queue(
            name, told["state"] == "Active", told.get("scheduler") or told.get("policy", "")
        )
        for name, told in found.items()
        if "state" in told
    }


def assigned(stdout: str) -> dict[int, tuple[int, ...]]:
    """Ids of the resources given to each job, by job id, from OAR 3's `oarstat -p -J`."""
    rows = document(stdout)
    found = {}
    for key, own in rows.items() if isinstance(rows, dict) else ():
        ids = ids_in([key])
        if ids and isinstance(own, list):
            found[ids[0]] = tuple(resource_id(row) for row in own if isinstance(row, dict))
    return found
