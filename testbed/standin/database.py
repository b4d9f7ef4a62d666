"""The database of one stand-in: a SQLite file that every command, runner and test opens.

Commands run as any user, so every user may write the file; it holds test data only. Decisions
about jobs are made elsewhere (runner.py, oarsub.py, oardel.py).
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from .schema import EXTRA_COLUMNS, JOB_COLUMNS, RESOURCE_DEFAULTS, TABLES

TYPE_CHECKING = False  # importing typing would cost each command 3 ms
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    Row = dict[str, Any]

_COLUMNS = frozenset({**JOB_COLUMNS, **EXTRA_COLUMNS})


class Database:
    """One connection. Opening takes about 1 ms; a connection is never shared across a fork."""

    def __init__(self, path: str | Path) -> None:
        self.path = str(path)
        self.open()

    def open(self) -> None:
        """Open the file, also again after close(): SQLite must be closed while a process forks."""
        # mode=rw: a command of a stand-in that was deleted must fail and not create a new file.
        self._connection = sqlite3.connect(
            f"file:{_quoted(self.path)}?mode=rw", uri=True, timeout=60, isolation_level=None
        )
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA synchronous=OFF")

    @classmethod
    def create(cls, path: Path, version: str, first_id: int) -> Database:
        """Create the file with its tables."""
        db = sqlite3.connect(path, isolation_level=None)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=OFF")
        db.execute("BEGIN")
        for table in TABLES:
            db.execute(table)
        db.execute("INSERT INTO sqlite_sequence VALUES ('jobs', ?)", (first_id - 1,))
        db.execute("INSERT INTO knobs VALUES ('version', ?)", (json.dumps(version),))
        db.execute("COMMIT")
        db.close()
        os.chmod(path, 0o666)  # the -wal and -shm files take their mode from this one
        return cls(path)

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One write transaction: commits at the end, rolls back on an exception."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def rows(self, sql: str, args: Sequence[Any] | Mapping[str, Any] = ()) -> list[Row]:
        return [dict(row) for row in self._connection.execute(sql, args)]

    def pairs(self, sql: str) -> list[tuple[Any, Any]]:
        """Return two columns as plain tuples, which is faster than rows() for many rows."""
        cursor = self._connection.cursor()
        cursor.row_factory = None
        return cursor.execute(sql).fetchall()

    def value(self, sql: str, args: Sequence[Any] = ()) -> Any:
        row = self._connection.execute(sql, args).fetchone()
        return None if row is None else row[0]

    def execute(self, sql: str, args: Sequence[Any] = ()) -> int:
        return self._connection.execute(sql, args).rowcount

    def insert(self, sql: str, args: Sequence[Any]) -> int:
        return int(self._connection.execute(sql, args).lastrowid or 0)

    def many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        self._connection.executemany(sql, rows)

    # jobs

    def job(self, job_id: int) -> Row | None:
        found = self.rows("SELECT * FROM jobs WHERE job_id = ?", (job_id,))
        return found[0] if found else None

    def jobs_by_id(self, ids: Iterable[int], columns: str = "*") -> dict[int, Row]:
        """Return the rows of the IDs that exist. IDs beyond 64 bits cannot exist."""
        wanted = ",".join(str(i) for i in set(ids) if abs(i) < 2**63)
        sql = f"SELECT {columns} FROM jobs WHERE job_id IN ({wanted})"
        return {row["job_id"]: row for row in self.rows(sql)}

    def insert_job(self, row: Mapping[str, Any]) -> int:
        self.check_columns(row)
        names = ", ".join(row)
        marks = ", ".join("?" * len(row))
        cursor = self._connection.execute(
            f"INSERT INTO jobs ({names}) VALUES ({marks})", tuple(row.values())
        )
        job_id = int(cursor.lastrowid or 0)
        self._log(job_id, row.get("state", "Waiting"))
        return job_id

    def update_job(self, job_id: int, columns: Mapping[str, Any]) -> None:
        self.check_columns(columns)
        assignments = ", ".join(f"{name} = ?" for name in columns)
        self._connection.execute(
            f"UPDATE jobs SET {assignments} WHERE job_id = ?", (*columns.values(), job_id)
        )
        if "state" in columns:
            self._log(job_id, columns["state"])

    def change_state(self, job: Row, **columns: Any) -> bool:
        """Change a job's row, unless its state has changed since `job` was read.

        Uses up one step of a job that a test steps. Must be called inside writing().
        """
        current = self.job(job["job_id"])
        if current is None or current["state"] != job["state"]:
            return False
        if current["x_steps"]:
            columns["x_steps"] = current["x_steps"] - 1
        self.update_job(job["job_id"], columns)
        return True

    def first_node(self, job: Row) -> str:
        """Return the network address of the job's first node."""
        first = (json.loads(job["x_resources"]) or [0])[0]
        found = self.value("SELECT network_address FROM resources WHERE resource_id = ?", (first,))
        return str(found or "localhost")

    def _log(self, job_id: int, state: object) -> None:
        self._connection.execute(
            "INSERT INTO state_log VALUES (?, ?, ?)", (job_id, state, time.time())
        )

    @staticmethod
    def check_columns(columns: Iterable[str]) -> None:
        unknown = sorted(set(columns) - _COLUMNS)
        if unknown:
            raise ValueError(
                f"no such column of a job: {', '.join(unknown)}; use {', '.join(JOB_COLUMNS)}"
            )

    # events

    def add_event(self, job_id: int, kind: str, description: str, date: int | None = None) -> int:
        when = int(time.time()) if date is None else date
        cursor = self._connection.execute(
            "INSERT INTO events (type, job_id, date, description) VALUES (?, ?, ?, ?)",
            (kind, job_id, when, description),
        )
        return int(cursor.lastrowid or 0)

    def events(self, ids: Iterable[int]) -> dict[int, list[Row]]:
        wanted = ",".join(str(i) for i in set(ids) if abs(i) < 2**63)
        found: dict[int, list[Row]] = {}
        for row in self.rows(f"SELECT * FROM events WHERE job_id IN ({wanted}) ORDER BY event_id"):
            found.setdefault(row["job_id"], []).append(row)
        return found

    # resources

    def set_resources(self, resources: Sequence[Mapping[str, int | str]]) -> None:
        """Replace all resources; the properties of the site become columns of the table."""
        names = dict.fromkeys([*RESOURCE_DEFAULTS, *(key for r in resources for key in r)])
        columns = ", ".join(f'"{n}" PRIMARY KEY' if n == "resource_id" else f'"{n}"' for n in names)
        with self.writing():
            self._connection.execute("DROP TABLE IF EXISTS resources")
            self._connection.execute(f"CREATE TABLE resources ({columns})")
            self._connection.executemany(
                f"INSERT INTO resources VALUES ({', '.join('?' * len(names))})",
                ([{**RESOURCE_DEFAULTS, **r}.get(n) for n in names] for r in resources),
            )

    def resources(self) -> list[Row]:
        return self.rows("SELECT * FROM resources ORDER BY resource_id")

    # knobs

    def knob(self, name: str, default: Any = None) -> Any:
        text = self.value("SELECT value FROM knobs WHERE name = ?", (name,))
        return default if text is None else json.loads(text)

    def knobs(self) -> dict[str, Any]:
        return {r["name"]: json.loads(r["value"]) for r in self.rows("SELECT * FROM knobs")}

    def set_knob(self, name: str, value: Any) -> None:
        self._connection.execute(
            "INSERT OR REPLACE INTO knobs VALUES (?, ?)", (name, json.dumps(value))
        )

    def clear_knob(self, name: str) -> None:
        self._connection.execute("DELETE FROM knobs WHERE name = ?", (name,))


def _quoted(path: str) -> str:
    """Quote a path for a file: URI; importing urllib would cost every command 5 ms."""
    plain = b"/._-" + bytes(b for b in range(128) if chr(b).isalnum())
    return "".join(chr(b) if b in plain else f"%{b:02x}" for b in os.fsencode(path))
