"""The calls that entrypoint.py has recorded, as tests read them.

Not for commands: they do not get a copy of this module.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from .database import Database


@dataclass(frozen=True)
class Call:
    """One recorded invocation. argv[0] is the command's name; rc is None until it has ended."""

    argv: list[str]
    cwd: str
    env: dict[str, str]
    uid: int
    gid: int
    pid: int
    rc: int | None

    @property
    def command(self) -> str:
        return self.argv[0]


def read_calls(db: Database) -> list[Call]:
    """Return all recorded calls in order."""
    return [
        Call(
            argv=json.loads(row["argv"]),
            cwd=json.loads(row["cwd"]),
            env=json.loads(row["env"]),
            uid=row["uid"],
            gid=row["gid"],
            pid=row["pid"],
            rc=row["rc"],
        )
        for row in db.rows("SELECT * FROM calls ORDER BY call_id")
    ]
