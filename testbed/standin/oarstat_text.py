"""Text output of OAR 2: names and messages are printed as they are, with their newlines.

oarstat.py selects the jobs to print.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from .dates import date, duration, hms
from .invocation import Invocation
from .job_process import file_name, property_line
from .oarstat_json import addresses, cpuset, details
from .resources import format_walltime
from .schema import LETTERS

TYPE_CHECKING = False  # importing typing would cost each command 3 ms
if TYPE_CHECKING:
    from .database import Row

# The columns of a listing: reading all columns of 10,000 rows would take 0.1 s.
COLUMNS = (
    "job_id, array_id, array_index, job_name, job_user, submission_time, start_time, stop_time,"
    " state, message, queue_name"
)
_HEAD_1 = (
    "Job id     Name           User           Submission Date     S Queue\n"
    "---------- -------------- -------------- ------------------- - ----------\n"
)
_HEAD_2 = (
    "Job id    S User     Duration   System message\n"
    "--------- - -------- ---------- ------------------------------------------------\n"
)
_ARRAY_1 = (
    "Job id    A. id     A. index  Name       User     Submission Date     S Queue\n"
    "--------- --------- --------- ---------- -------- ------------------- - --------\n"
)
_ARRAY_2 = (
    "Job id    A. id     index S User     Duration   System message\n"
    "--------- --------- ----- - -------- ---------- --------------------------------\n"
)


def _cell(value: object, width: int) -> str:
    """Format like Perl's %-W.Ws, which counts bytes and may split a character."""
    if isinstance(value, str) and value.isascii():
        return value[:width].ljust(width)
    data = ("" if value is None else str(value)).encode("utf-8", "surrogateescape")[:width]
    return data.ljust(width).decode("utf-8", "surrogateescape")


def listing(jobs: Sequence[Row], style: str) -> str:
    """Return one line per job below a heading, "" without jobs. Unknown styles print style 1."""
    if not jobs:
        return ""
    if style == "2":
        return _HEAD_2 + "".join(
            f"{j['job_id']:<9} {LETTERS.get(j['state'], '-')} {_cell(j['job_user'], 8)}"
            f" {hms(duration(j)):>10.10} {j['message']}\n"
            for j in jobs
        )
    return _HEAD_1 + "".join(
        f"{_cell(j['job_id'], 10)} {_cell(j['job_name'], 14)} {_cell(j['job_user'], 14)}"
        f" {date(j['submission_time'])} {LETTERS.get(j['state'], '-')}"
        f" {_cell(j['queue_name'], 10)}\n"
        for j in jobs
    )


def array(jobs: Sequence[Row], style: str) -> str:
    if not jobs:
        return ""
    if style == "2":
        return _ARRAY_2 + "".join(
            f"{_cell(j['job_id'], 9)} {_cell(j['array_id'], 9)} {_cell(j['array_index'], 5)}"
            f" {LETTERS[j['state']]} {_cell(j['job_user'], 8)} {hms(duration(j)):>10.10}"
            f" {j['message']}\n"
            for j in jobs
        )
    return _ARRAY_1 + "".join(
        f"{_cell(j['job_id'], 9)} {_cell(j['array_id'], 9)} {_cell(j['array_index'], 9)}"
        f" {_cell(j['job_name'], 10)} {_cell(j['job_user'], 8)} {date(j['submission_time'])}"
        f" {LETTERS[j['state']]} {_cell(j['queue_name'], 8)}\n"
        for j in jobs
    )


def full(call: Invocation, jobs: Sequence[Row], renamed: bool) -> str:
    """Return the output of `oarstat -f`; `renamed` is --format 3 of 2.6."""
    hosts = addresses(call)
    events = call.db.events(j["job_id"] for j in jobs)
    return "".join(_full(call, j, hosts, events.get(j["job_id"], []), renamed) for j in jobs)


def _full(
    call: Invocation, row: Row, hosts: dict[int, str], events: Sequence[Row], renamed: bool
) -> str:
    more = details(call, row, events)
    resources = json.loads(row["x_resources"])
    names = dict.fromkeys(hosts[i] for i in resources if i in hosts)
    code = row["exit_code"]
    start = more["scheduledStart"]

    def name(old: str, new: str) -> str:
        return new if renamed else old

    lines: list[tuple[str, object]] = [
        (name("job_array_id", "array_id"), row["array_id"]),
        (name("job_array_index", "array_index"), row["array_index"]),
        ("name", row["job_name"] or ""),
        ("project", row["project"]),
        ("owner", row["job_user"]),
        ("state", row["state"]),
        ("wanted_resources", more["wanted_resources"]),
        ("types", ", ".join(json.loads(row["x_types"]))),
        ("dependencies", " ".join(map(str, more["dependencies"]))),
        ("assigned_resources", "+".join(map(str, resources))),
        ("assigned_hostnames", "+".join(names)),
        ("queue", row["queue_name"]),
        ("command", row["command"] or ""),
        *(
            []
            if code is None
            else [("exit_code", f"{code} ({code >> 8},{code & 127},{code & 128})")]
        ),
        (name("launchingDirectory", "launching_directory"), row["launching_directory"]),
        ("stdout_file", file_name(row, "stdout")),
        ("stderr_file", file_name(row, "stderr")),
        (name("jobType", "type"), row["job_type"]),
        ("properties", row["properties"]),
        ("reservation", row["reservation"]),
        ("walltime", "" if row["x_walltime"] is None else format_walltime(row["x_walltime"])),
        (name("submissionTime", "submission_time"), date(row["submission_time"])),
        *(
            (name(old, new), date(row[new]))
            for old, new in (("startTime", "start_time"), ("stopTime", "stop_time"))
            if row[new] > 0
        ),
        *([] if cpuset(call, row) is None else [("cpuset_name", cpuset(call, row))]),
        ("initial_request", more["initial_request"]),
        ("message", row["message"]),
        (
            name("scheduledStart", "scheduled_start"),
            "no prediction" if start is None else date(start),
        ),
        ("resubmit_job_id", row["resubmit_job_id"]),
        ("events", ""),
    ]
    blank = " " if call.dialect.rich_json else ""
    listed = "".join(f"{date(e['date'])}> {e['type']}:{blank}{e['description']}\n" for e in events)
    head = f"{name('Job_Id', 'id')}: {row['job_id']}\n"
    return head + "".join(f"    {key} = {value}\n" for key, value in lines) + listed + "\n"


def event(row: Row) -> str:
    """Return an event in `oarstat -e`; further lines of its description are indented."""
    head = f"{date(row['date'])}> [{row['job_id']}] {row['type']}: "
    lines = row["description"].split("\n")
    while lines and not lines[-1]:
        lines.pop()
    return "".join(
        (head if number == 0 else " " * len(head)) + line + "\n"
        for number, line in enumerate(lines)
    )


def properties(call: Invocation, ids: Iterable[int]) -> str:
    by_id = {r["resource_id"]: r for r in call.db.resources()}
    rows = call.db.jobs_by_id(ids)
    return "".join(
        property_line(by_id[r]) + "\n"
        for i in ids
        if i in rows
        for r in json.loads(rows[i]["x_resources"])
        if r in by_id
    )
