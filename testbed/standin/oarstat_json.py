"""JSON output of OAR 2: indented by three blanks, keys in no particular order.

oarstat.py selects the jobs to print.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from .invocation import Invocation, shuffled
from .job_process import file_name

TYPE_CHECKING = False  # importing typing would cost each command 3 ms
if TYPE_CHECKING:
    from typing import Any

    from .database import Row

RENAMED = {
    "Job_Id": "id",
    "launchingDirectory": "launching_directory",
    "jobType": "type",
    "submissionTime": "submission_time",
    "startTime": "start_time",
    "stopTime": "stop_time",
    "scheduledStart": "scheduled_start",
}


def document(data: Any) -> str:
    return json.dumps(data, indent=3, separators=(",", " : "), ensure_ascii=False) + "\n"


def jobs(call: Invocation, rows: Sequence[Row], *, full: bool, renamed: bool) -> str:
    """Return all jobs as one document; without jobs nothing is printed, not even {}."""
    if not rows:
        return ""
    by_id = {row["job_id"]: row for row in rows}
    events = call.db.events(by_id) if full else {}
    hosts = addresses(call)
    data = {}
    for job_id in shuffled(list(by_id)):
        shown = job(call, by_id[job_id], hosts)
        if full:
            shown.update(details(call, by_id[job_id], events.get(job_id, [])))
        if renamed:
            shown = {RENAMED.get(k, k): v for k, v in shown.items() if k != "job_user"}
        data[str(job_id)] = dict(sorted(shown.items(), key=lambda item: hash_like(item[0])))
    return document(data)


def hash_like(key: str) -> int:
    """Return a sort key that puts keys into a meaningless order, as in a Perl hash."""
    return sum((i + 7) * ord(c) * 2654435761 for i, c in enumerate(key)) & 0xFFF


def addresses(call: Invocation) -> dict[int, str]:
    return {row["resource_id"]: row["network_address"] for row in call.db.resources()}


def job(call: Invocation, row: Row, hosts: dict[int, str]) -> Row:
    """Return the keys of a job in `oarstat -J`."""
    resources = json.loads(row["x_resources"])
    shown = {
        "Job_Id": row["job_id"],
        "array_id": row["array_id"],
        "array_index": row["array_index"],
        "assigned_network_address": list(dict.fromkeys(hosts[i] for i in resources if i in hosts)),
        "assigned_resources": resources,
        "command": row["command"],
        "cpuset_name": cpuset(call, row),
        "dependencies": [],  # always empty without -f
        "jobType": row["job_type"],
        "launchingDirectory": row["launching_directory"],
        "message": row["message"],
        "name": row["job_name"],
        "owner": row["job_user"],
        "project": row["project"],
        "properties": row["properties"],
        "queue": row["queue_name"],
        "reservation": row["reservation"],
        "resubmit_job_id": row["resubmit_job_id"],
        "startTime": row["start_time"],
        "state": row["state"],
        "stderr_file": file_name(row, "stderr"),
        "stdout_file": file_name(row, "stdout"),
        "submissionTime": row["submission_time"],
        "types": json.loads(row["x_types"]),
    }
    if row["reservation"] != "None" and row["state"] == "Waiting":
        shown["reserved_resources"] = {}
    return shown


def cpuset(call: Invocation, row: Row) -> str | None:
    """Return cpuset_name: null on a site without cpusets."""
    return None if call.db.knob("no_cpuset") else f"{row['job_user']}_{row['job_id']}"


def details(call: Invocation, row: Row, events: Iterable[Row]) -> Row:
    """Return the keys that -f adds."""
    mine = call.user in (row["job_user"], "oar", "root")
    return {
        "dependencies": json.loads(row["x_dependencies"]),
        "events": [
            {
                "event_id": e["event_id"],
                "job_id": e["job_id"],
                "type": e["type"],
                "date": e["date"],
                "description": e["description"],
                "to_check": e["to_check"],
            }
            for e in sorted(events, key=lambda e: (e["event_id"] * 7) % 11)
        ],
        "exit_code": row["exit_code"],
        "initial_request": row["initial_request"] if mine else "",
        "job_user": row["job_user"],
        "scheduledStart": row["x_scheduled"],
        "stopTime": row["stop_time"],
        "walltime": row["x_walltime"],
        "wanted_resources": row["x_wanted"],
    }


def properties(call: Invocation, ids: Iterable[int]) -> str:
    """Return the output of `oarstat -J -p` of 2.6."""
    by_id = {r["resource_id"]: r for r in call.db.resources()}
    data = {
        str(i): [by_id[r] for r in json.loads(row["x_resources"]) if r in by_id]
        for i, row in call.db.jobs_by_id(ids).items()
    }
    return document({i: rows for i, rows in data.items() if rows})
