"""oarstat of OAR 3: its options, its JSON, and text as Python's rich wraps and cuts it.

The text is only similar to the real one; programs should read -J, of the real oarstat as well.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from . import faults, richtext
from .dates import date, duration, hms, parse_date
from .invocation import Invocation, Refused, Reply, click_error
from .job_process import file_name
from .oarstat_json import addresses
from .options import ClickParser, Parsed, table
from .schema import ACTIVE_STATES, JOB_COLUMNS, STATES, SYSTEM_PROPERTIES
from .sql_condition import SqlError, select_rows

TYPE_CHECKING = False  # importing typing would cost each command 3 ms
if TYPE_CHECKING:
    from .database import Row

_OPTIONS = table(
    {
        "job|j": "i",
        "full|f": "",
        "state|s": "",
        "user|u": "s",
        "show-resources|r": "",
        "array|a": "i",
        "compact|c": "",
        "gantt|g": "s",
        "events|e": "",
        "properties|p": "",
        "specified-field": "s",
        "accounting|A": "s",
        "sql|S": "s",
        "json|J": "",
        "yaml|Y": "",
        "version|V": "",
        "help": "",
    }
)
# OAR 3's names for columns of the jobs table, in the order of its JSON.
_RENAMED = {
    "job_id": "id",
    "job_name": "name",
    "job_env": "env",
    "job_type": "type",
    "job_user": "user",
    "job_group": "group",
}
_SHORT = ("id", "name", "state", "user", "exit_code", "queue_name", "submission_time")
SQL_ERROR = (
    "Traceback (most recent call last):\n"
    '  File "/usr/lib/python3/dist-packages/sqlalchemy/engine/base.py", line 1971,'
    " in _exec_single_context\n"
    "    self.dialect.do_execute(\n"
    "psycopg2.errors.SyntaxError: {}\n"
)


def run(call: Invocation, command: str) -> Reply:
    # A wrong option is reported before the database is opened; even -V opens it.
    parsed = ClickParser(call.args, _OPTIONS).parse()
    if not parsed.errors and parsed.arguments:
        parsed.errors.append(f"Got unexpected extra argument ({' '.join(parsed.arguments)})")
    if parsed.errors:
        raise click_error(command, "", parsed.errors[0])
    if parsed.has("help"):
        return Reply(0, "Usage: .oarstat [OPTIONS]\n")
    faults.open_database(call, command, waits=False)
    if parsed.has("version"):
        return Reply(0, call.dialect.version_line + "\n")
    ids = sorted({int(value) for value in parsed.all("job")})
    if parsed.has("array"):
        ids = _array(call, int(parsed.last("array") or 0)) or [-1]
    as_json = parsed.has("json")
    for name, answer in (("state", _states), ("events", _events), ("properties", _properties)):
        if parsed.has(name):
            if not ids:
                return Reply(0, err="#WARNING: No job ids specified\n")
            return Reply(0, answer(call, ids, as_json))
    jobs = _jobs(call, parsed, ids)
    if as_json:
        data = {str(j["job_id"]): _job(j, parsed.has("full")) for j in jobs}
        return Reply(0, json.dumps(data, indent=2, ensure_ascii=False) + "\n")
    if parsed.has("full"):
        hosts = addresses(call)
        return Reply(0, "".join(_full(j, hosts) for j in jobs))
    fields = parsed.last("specified-field")
    return Reply(0, _fields(jobs, fields) if fields else _listing(jobs))


def _array(call: Invocation, array: int) -> list[int]:
    return [i for i, _ in call.db.pairs(f"SELECT job_id, 0 FROM jobs WHERE array_id = {array}")]


def _jobs(call: Invocation, parsed: Parsed, ids: Sequence[int]) -> list[Row]:
    """Return the jobs in order of their IDs.

    A job that was killed while Waiting with a predicted start is not listed.
    """
    if ids:
        found = call.db.jobs_by_id(ids)
        return [found[i] for i in ids if i in found and not found[i]["x_hidden"]]
    sql, window = parsed.last("sql"), parsed.last("gantt")
    # Jobs of all states are listed for a time window only (oar/lib/basequery.py).
    states = STATES if window else ACTIVE_STATES
    condition = f"state in ({','.join(repr(state) for state in states)})"
    try:
        jobs = select_rows(call.db, condition + (f" and ({sql})" if sql else ""))
    except SqlError as error:
        raise Refused(1, err=SQL_ERROR.format(error)) from None
    if window:
        jobs = [job for job in jobs if _in_window(job, *_times(window))]
    user = parsed.last("user")
    return sorted(
        (j for j in jobs if user in (None, j["job_user"])), key=lambda j: int(j["job_id"])
    )


def _times(window: str) -> list[int]:
    """Parse "FROM, TO", both in local time."""
    parts = [parse_date(part) for part in window.split(",")]
    found = [part for part in parts if part is not None]
    if len(found) != 2:
        raise Refused(1, err=f"Traceback (most recent call last):\nValueError: {window}\n")
    return found


def _in_window(row: Row, start: int, end: int) -> bool:
    """Return whether a job ran, is predicted to run or was submitted in the window."""
    if row["assigned_moldable_job"] and row["start_time"] < end:
        runs = row["state"] == "Running" and row["start_time"] + row["x_walltime"] >= start
        if row["stop_time"] >= start or (
            not row["stop_time"] and (runs or row["state"] in ("Suspended", "Resuming"))
        ):
            return True
    predicted = row["x_scheduled"]
    if predicted and predicted < end and predicted + (row["x_walltime"] or 0) >= start:
        return True
    return not row["stop_time"] and start <= row["submission_time"] <= end


def _job(row: Row, full: bool) -> Row:
    """Return the columns of the jobs table, some under other names."""
    shown = {_RENAMED.get(name, name): row[name] for name in JOB_COLUMNS}
    shown["cpuset_name"] = f"{row['job_user']}_{row['job_id']}"
    if not full:
        return {name: shown[name] for name in (*_SHORT, "cpuset_name")}
    shown["stdout_file"] = file_name(row, "stdout")
    shown["stderr_file"] = file_name(row, "stderr")
    return shown


def _states(call: Invocation, ids: Iterable[int], as_json: bool) -> str:
    wanted = ",".join(str(i) for i in ids if abs(i) < 2**63)
    states = call.db.pairs(
        f"SELECT job_id, state FROM jobs WHERE job_id IN ({wanted}) ORDER BY job_id"
    )
    if as_json:
        return json.dumps({str(i): state for i, state in states}) + "\n"
    return "".join(f"{i}: {state}\n" for i, state in states)


def _events(call: Invocation, ids: Iterable[int], as_json: bool) -> str:
    found = call.db.events(ids)
    if as_json:
        data = {
            str(i): [
                {"date": date(e["date"]), "type": e["type"], "description": e["description"]}
                for e in found[i]
            ]
            for i in sorted(found)
        }
        return json.dumps(data) + "\n"
    rows = [
        [date(e["date"]), str(i), e["type"], e["description"]]
        for i in sorted(found)
        for e in found[i]
    ]
    return richtext.table(["Date", "job id", "Type", "Description"], rows, wraps=True)


def _properties(call: Invocation, ids: Iterable[int], as_json: bool) -> str:
    hidden = SYSTEM_PROPERTIES
    by_id = {
        r["resource_id"]: {
            "id": r["resource_id"],
            **{k: v for k, v in r.items() if k not in hidden},
        }
        for r in call.db.resources()
    }
    jobs = call.db.jobs_by_id(ids)
    data = {
        str(i): [by_id[r] for r in json.loads(jobs[i]["x_resources"]) if r in by_id]
        for i in ids
        if i in jobs
    }
    if as_json:
        return json.dumps({i: rows for i, rows in data.items() if rows}) + "\n"
    return "".join(
        ", ".join(f"{k} = '{v}'" for k, v in row.items()) + "\n"
        for rows in data.values()
        for row in rows
    )


def _full(row: Row, hosts: dict[int, str]) -> str:
    """Print every true value, wrapped; square brackets in a value are interpreted as markup."""
    resources = json.loads(row["x_resources"])
    code = row["exit_code"]
    pairs = {k: v for k, v in _job(row, True).items() if k != "id"}
    for name in ("submission_time", "start_time", "stop_time"):
        pairs[name] = pairs[name] and date(pairs[name])
    shown = {k: v for k, v in pairs.items() if v}
    shown.pop("exit_code", None)
    # The exit code or the signal number, without a difference between them.
    shown["exit_status_code"] = None if code is None else (code >> 8 or code & 127)
    shown["network_adresses"] = " ".join(dict.fromkeys(hosts[r] for r in resources if r in hosts))
    shown["walltime"] = row["x_walltime"]
    types = json.loads(row["x_types"])
    if types:
        shown["types"] = ", ".join(types)
    head = f"id: {row['job_id']}\n"
    try:
        return head + "".join(richtext.line(f"    {k} = {v}") for k, v in shown.items()) + "\n"
    except richtext.MarkupError as error:
        raise Refused(
            1, head, f"Traceback (most recent call last):\nMarkupError: {error}\n"
        ) from None


def _listing(jobs: Sequence[Row]) -> str:
    heads = ["Job_id", "Job_name", "Duration", "State", "User", "System_message", "Queue"]
    rows = [
        [
            str(j["job_id"]),
            j["job_name"] or "",
            hms(duration(j)) if j["start_time"] and j["state"] != "Waiting" else "-",
            j["state"],
            j["job_user"],
            j["message"],
            j["queue_name"],
        ]
        for j in jobs
    ]
    return richtext.table(heads, rows)


def _fields(jobs: Sequence[Row], text: str) -> str:
    names = text.split(",")
    for name in names:
        if name not in JOB_COLUMNS:
            raise Refused(1, err=f"Traceback (most recent call last):\nKeyError: {name!r}\n")
    return richtext.table(names, [[str(j[name]) for name in names] for j in jobs])
