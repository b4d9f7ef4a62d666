"""Tables of the stand-in's database, with OAR's names of their columns, and the job states.

database.py opens the database; the modules of the commands print its rows.
"""

from __future__ import annotations

# The columns of OAR's `jobs` table, which `oarstat --sql` may use. The stand-in's own columns
# (EXTRA_COLUMNS) start with x_.
JOB_COLUMNS: dict[str, str] = {
    "job_id": "INTEGER PRIMARY KEY AUTOINCREMENT",
    "array_id": "INTEGER NOT NULL DEFAULT 0",
    "array_index": "INTEGER NOT NULL DEFAULT 1",
    "initial_request": "TEXT",
    "job_name": "TEXT",
    "job_env": "TEXT",
    "job_type": "TEXT NOT NULL DEFAULT 'PASSIVE'",
    "info_type": "TEXT",
    "state": "TEXT NOT NULL DEFAULT 'Waiting'",
    "reservation": "TEXT NOT NULL DEFAULT 'None'",
    "message": "TEXT NOT NULL DEFAULT ''",
    "scheduler_info": "TEXT NOT NULL DEFAULT ''",
    "job_user": "TEXT NOT NULL DEFAULT ''",
    "project": "TEXT NOT NULL DEFAULT 'default'",
    "job_group": "TEXT NOT NULL DEFAULT ''",
    "command": "TEXT",
    "exit_code": "INTEGER",
    "queue_name": "TEXT NOT NULL DEFAULT 'default'",
    "properties": "TEXT NOT NULL DEFAULT ''",
    "launching_directory": "TEXT NOT NULL DEFAULT '/'",
    "submission_time": "INTEGER NOT NULL DEFAULT 0",
    "start_time": "INTEGER NOT NULL DEFAULT 0",
    "stop_time": "INTEGER NOT NULL DEFAULT 0",
    "file_id": "INTEGER",
    "accounted": "TEXT NOT NULL DEFAULT 'NO'",
    "notify": "TEXT",
    "assigned_moldable_job": "INTEGER NOT NULL DEFAULT 0",
    "checkpoint": "INTEGER NOT NULL DEFAULT 0",
    "checkpoint_signal": "INTEGER NOT NULL DEFAULT 12",
    "stdout_file": "TEXT NOT NULL DEFAULT ''",
    "stderr_file": "TEXT NOT NULL DEFAULT ''",
    "resubmit_job_id": "INTEGER NOT NULL DEFAULT 0",
    "suspended": "TEXT NOT NULL DEFAULT 'NO'",
    "last_karma": "REAL",
}

EXTRA_COLUMNS: dict[str, str] = {
    "x_uid": "INTEGER",  # of the submitter; null for a row without a process (add_jobs)
    "x_request": "TEXT",  # JSON: the moldable alternatives, see resources.py
    "x_walltime": "INTEGER",  # seconds, once scheduled
    "x_asked_walltime": "INTEGER NOT NULL DEFAULT 7200",
    "x_wanted": "TEXT NOT NULL DEFAULT ''",
    "x_types": "TEXT NOT NULL DEFAULT '[]'",
    "x_resources": "TEXT NOT NULL DEFAULT '[]'",  # assigned resource ids
    "x_dependencies": "TEXT NOT NULL DEFAULT '[]'",
    "x_scheduled": "INTEGER",  # predicted or actual start
    "x_not_before": "INTEGER NOT NULL DEFAULT 0",
    "x_filter": "TEXT NOT NULL DEFAULT ''",  # -p, with what admission rules add
    "x_estimate": "INTEGER NOT NULL DEFAULT 1",  # number of resources in the message
    "x_frag": "TEXT",  # deletion: null, 'stored' (no server), 'asked', 'done'
    "x_steps": "INTEGER",  # null: no limit; a number: transitions that are still allowed
    "x_pid": "INTEGER",
    "x_pid_start": "INTEGER",
    "x_manual": "INTEGER NOT NULL DEFAULT 0",  # 1: a test has set the state
    "x_hidden": "INTEGER NOT NULL DEFAULT 0",  # OAR 3 hides jobs killed while Waiting
}

TABLES = (
    "CREATE TABLE jobs ("
    + ", ".join(f"{n} {t}" for n, t in {**JOB_COLUMNS, **EXTRA_COLUMNS}.items())
    + ")",
    "CREATE INDEX jobs_managed ON jobs (x_uid, state)",
    "CREATE INDEX jobs_busy ON jobs (state) WHERE x_resources != '[]'",
    "CREATE INDEX jobs_array ON jobs (array_id)",
    "CREATE INDEX jobs_frag ON jobs (x_frag) WHERE x_frag = 'asked'",
    "CREATE TABLE events (event_id INTEGER PRIMARY KEY AUTOINCREMENT, type TEXT NOT NULL,"
    " job_id INTEGER NOT NULL, date INTEGER NOT NULL, description TEXT NOT NULL DEFAULT '',"
    " to_check TEXT NOT NULL DEFAULT 'NO')",
    "CREATE INDEX events_job ON events (job_id)",
    "CREATE TABLE state_log (job_id INTEGER NOT NULL, state TEXT NOT NULL, date REAL NOT NULL)",
    "CREATE TABLE knobs (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    "CREATE TABLE calls (call_id INTEGER PRIMARY KEY AUTOINCREMENT, argv TEXT NOT NULL,"
    " cwd TEXT NOT NULL, env TEXT NOT NULL, uid INTEGER NOT NULL, gid INTEGER NOT NULL,"
    " pid INTEGER NOT NULL, pid_start INTEGER NOT NULL, started REAL NOT NULL, rc INTEGER)",
    # Processes that outlive their command and that close() ends: runners, children of hanging
    # commands. `pid_start` guards against a reused process ID.
    "CREATE TABLE processes (pid INTEGER NOT NULL, pid_start INTEGER NOT NULL,"
    " role TEXT NOT NULL, uid INTEGER NOT NULL)",
    "CREATE TABLE queues (name TEXT PRIMARY KEY, priority INTEGER NOT NULL,"
    " policy TEXT NOT NULL, state TEXT NOT NULL DEFAULT 'Active')",
)

# Properties of every resource in OAR; a site adds host, cpu, core, mem and the like.
RESOURCE_DEFAULTS: dict[str, int | str] = {
    "resource_id": 0,
    "type": "default",
    "network_address": "",
    "state": "Alive",
    "next_state": "UnChanged",
    "finaud_decision": "NO",
    "next_finaud_decision": "NO",
    "state_num": 1,
    "suspended_jobs": "NO",
    "scheduler_priority": 0,
    "cpuset": "0",
    "besteffort": "YES",
    "deploy": "NO",
    "expiry_date": 0,
    "desktop_computing": "NO",
    "last_job_date": 0,
    "available_upto": 2147483647,
    "last_available_upto": 0,
    "drain": "NO",
}
# Not printed by `oarstat -p`, by `oarnodes` in text form, nor into a job's resource file.
SYSTEM_PROPERTIES = frozenset(
    {
        "resource_id",
        "state",
        "next_state",
        "finaud_decision",
        "next_finaud_decision",
        "state_num",
        "suspended_jobs",
        "scheduler_priority",
        "expiry_date",
        "last_job_date",
    }
)

ACTIVE_STATES = (
    "Finishing",
    "Running",
    "Resuming",
    "Suspended",
    "Launching",
    "toLaunch",
    "Waiting",
    "toAckReservation",
    "Hold",
)
ENDED_STATES = ("Terminated", "Error")
STATES = (*ACTIVE_STATES, "toError", *ENDED_STATES)
# States in which a job occupies its resources.
BUSY_STATES = ("toLaunch", "Launching", "Running", "Suspended", "Resuming", "Finishing", "toError")
LETTERS = {
    "Waiting": "W",
    "toLaunch": "L",
    "Launching": "L",
    "Hold": "H",
    "Running": "R",
    "Terminated": "T",
    "Error": "E",
    "toError": "E",
    "Finishing": "F",
    "Suspended": "S",
    "Resuming": "S",
    "toAckReservation": "W",
}
