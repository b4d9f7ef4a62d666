"""A-REX's accounting database, with jobs that have ended."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from support.oar_site import Site


class Accounting:
    """A database with the tables and columns of ARC's schema that hold what ended jobs used."""

    def __init__(self, site: Site, name: str = "accounting.db") -> None:
        self.path = Path(site.ce.control) / "accounting" / name
        self.path.parent.mkdir(exist_ok=True)
        with closing(sqlite3.connect(self.path)) as database, database:
            for table in ("Queues", "Users", "WLCGVOs", "Status"):
                database.execute(f"CREATE TABLE {table} (ID INTEGER PRIMARY KEY, Name TEXT UNIQUE)")
            database.execute(
                "CREATE TABLE AAR (RecordID INTEGER PRIMARY KEY, JobID TEXT UNIQUE, LocalJobID "
                "TEXT, QueueID INTEGER, UserID INTEGER, VOID INTEGER, StatusID INTEGER, ExitCode "
                "INTEGER, EndTime INTEGER, CPUCount INTEGER, UsedWalltime INTEGER)"
            )
            database.execute("CREATE TABLE JobExtraInfo (RecordID, InfoKey, InfoValue)")

    def add(self, grid_id: str, **columns: Any) -> None:
        values = {
            "local_id": "1",
            "queue": "default",
            "dn": "/CN=Ann",
            "vo": "atlas",
            "status": "completed",
            "code": 0,
            "end": int(time.time()) - 60,
            "cores": 2,
            "wall_time": 3600,
            **columns,
        }
        with closing(sqlite3.connect(self.path)) as database, database:

            def number(table: str, name: str) -> int:
                database.execute(f"INSERT OR IGNORE INTO {table} (Name) VALUES (?)", (name,))
                row = database.execute(f"SELECT ID FROM {table} WHERE Name = ?", (name,))
                return int(row.fetchone()[0])

            record = database.execute(
                "INSERT INTO AAR VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(grid_id, values["local_id"], number("Queues", values["queue"])),
                    *(number("Users", values["dn"]), number("WLCGVOs", values["vo"])),
                    *(number("Status", values["status"]), values["code"], values["end"]),
                    *(values["cores"], values["wall_time"]),
                ),
            ).lastrowid
            for pair in (("jobname", "x"), ("localuser", "griduser:griduser")):
                database.execute("INSERT INTO JobExtraInfo VALUES (?, ?, ?)", (record, *pair))
