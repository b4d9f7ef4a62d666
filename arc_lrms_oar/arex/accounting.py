"""A-REX's accounting database, as far as jobs that have ended are concerned; read only.

Its tables are those of ARC 6.17 and 7.0 (`grid-manager/accounting/arex_accounting_db_schema_v1.sql`
and `_v2.sql`), which agree in the columns that are read here.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

from arc_lrms_oar.errors import ControlDirError

if TYPE_CHECKING:
    import sqlite3

# ARC 6 and ARC 7; after an upgrade both exist (docs/internals/arc.md#accounting).
_NAMES = ("accounting_v2.db", "accounting.db")
_TIMEOUT = 1.0
_ENDED_SINCE = """
SELECT JobID, LocalJobID, Queues.Name, Users.Name, WLCGVOs.Name, Status.Name, ExitCode, EndTime,
    CPUCount, UsedWalltime, (
        SELECT InfoValue FROM JobExtraInfo
        WHERE JobExtraInfo.RecordID = AAR.RecordID AND InfoKey = 'localuser'
    )
FROM AAR
JOIN Queues ON Queues.ID = QueueID
JOIN Users ON Users.ID = UserID
JOIN WLCGVOs ON WLCGVOs.ID = VOID
JOIN Status ON Status.ID = StatusID
WHERE EndTime >= ?
"""


class AccountedJob(NamedTuple):
    """A job in the database that has ended.

    `ended` is in seconds since 1970, `wall_time` in seconds. `user` is the mapped user, `dn` the
    distinguished name of the grid user. `failed` is whether A-REX has marked the job as failed.
    """

    grid_id: str
    local_id: str
    user: str
    queue: str
    vo: str
    dn: str
    failed: bool
    exit_code: int
    ended: float
    cores: int
    wall_time: int


def ended_since(control_dir: str, since: float) -> list[AccountedJob]:
    """The jobs that have ended since then (seconds since 1970); none without a database.

    Raises ControlDirError if a database cannot be read.
    """
    import sqlite3

    found: dict[str, AccountedJob] = {}
    for path in _databases(control_dir):
        try:
            with closing(_open(path)) as database:
                for row in database.execute(_ENDED_SINCE, (int(since),)):
                    found.setdefault(row[0], _job(row))
        except sqlite3.Error as error:
            raise ControlDirError(f"{path}: cannot read the accounting: {error}") from None
    return list(found.values())


def _job(row: tuple[object, ...]) -> AccountedJob:
    grid_id, local_id, queue, dn, vo, status, code, ended, cores, wall_time, user = row
    return AccountedJob(
        grid_id=str(grid_id),
        local_id=str(local_id or ""),
        user=str(user or "").partition(":")[0],
        queue=str(queue),
        vo=str(vo),
        dn=str(dn),
        failed=status != "completed",
        exit_code=int(str(code)),
        ended=float(str(ended)),
        cores=int(str(cores)),
        wall_time=int(str(wall_time)),
    )


def last_end(control_dir: str) -> float | None:
    """When the last job ended that is in the database, in seconds since 1970.

    None if there is no database, none that can be read, or no ended job in it. The column is
    indexed.
    """
    import sqlite3

    for path in _databases(control_dir):
        try:
            with closing(_open(path)) as database:
                row = database.execute("SELECT MAX(EndTime) FROM AAR").fetchone()
        except sqlite3.Error:
            return None
        return float(row[0]) if row and isinstance(row[0], int) and row[0] > 0 else None
    return None


def _databases(control_dir: str) -> Iterator[str]:
    """The paths of the databases that exist, the newer one first."""
    for name in _NAMES:
        path = os.path.join(control_dir, "accounting", name)
        if os.path.isfile(path):
            yield path


def _open(path: str) -> sqlite3.Connection:
    import sqlite3

    return sqlite3.connect(f"file:{path}?mode=ro", _TIMEOUT, uri=True)
