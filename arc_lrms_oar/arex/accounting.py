"""A-REX's accounting database, as far as it shows whether ended jobs reach it; read only."""

from __future__ import annotations

import os

# ARC 6 and ARC 7; after an upgrade both exist (docs/internals/arc.md#accounting).
_NAMES = ("accounting_v2.db", "accounting.db")
_TIMEOUT = 1.0


def last_end(control_dir: str) -> float | None:
    """When the last job ended that is in the database, in seconds since 1970.

    None if there is no database, none that can be read, or no ended job in it. The column is
    indexed (ARC 6.17 and 7.0 `arex_accounting_db_schema_v1.sql` and `_v2.sql`).
    """
    import sqlite3

    for name in _NAMES:
        path = os.path.join(control_dir, "accounting", name)
        if not os.path.isfile(path):
            continue
        try:
            database = sqlite3.connect(f"file:{path}?mode=ro", _TIMEOUT, uri=True)
            try:
                row = database.execute("SELECT MAX(EndTime) FROM AAR").fetchone()
            finally:
                database.close()
        except sqlite3.Error:
            return None
        return float(row[0]) if row and isinstance(row[0], int) and row[0] > 0 else None
    return None
