"""Common to oarsub of 2.x and of 3: a submission, its checks, and the insertion of its rows.

Options and refusals differ per version: oarsub.py and oarsub_oar3.py.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
import time
from collections.abc import Sequence

from . import faults, runner, wording
from .allocation import fit
from .invocation import Invocation, Refused
from .resources import Alternative, Group, format_request
from .schema import RESOURCE_DEFAULTS

DEFAULT_WALLTIME = 7200
NAME_LIMIT = 100
# Properties that the default admission rules forbid as levels of a request.
FORBIDDEN_LEVELS = frozenset(RESOURCE_DEFAULTS) - {"resource_id", "network_address", "drain"}
TYPES = re.compile(
    r"(?:deploy|desktop_computing|besteffort|cosystem|idempotent|timesharing(?:=.+)?|container"
    r"|inner=\w+|set_placeholder=\w+|use_placeholder=\w+|token:\w+=\d+|noop(?:=standby)?"
    r"|(?:postpone|deadline|expire)=\d\d\d\d-\d\d-\d\d(?:\s+\d\d:\d\d(?::\d\d)?)?"
    r"|constraints=.+|state=\w+|oarsh|checkpoint|extratime|allowed)\Z"
)


class Submission:
    """All properties of a job that is being submitted."""

    def __init__(self, command: str, initial_request: str, directory: str) -> None:
        self.command = command
        self.initial_request = initial_request
        self.directory = directory
        self.alternatives: list[Alternative] = []
        self.name: str | None = None
        self.project = "default"
        self.queue = "default"
        self.types: list[str] = []
        self.condition = ""  # as applied to the resources
        self.properties = ""  # as oarstat prints it
        self.stdout: str | None = None
        self.stderr: str | None = None
        self.hold = False
        self.array = 1
        self.arguments: Sequence[str] = ()
        self.dependencies: list[int] = []
        self.reservation = 0
        self.notify: str | None = None
        self.checkpoint = 0
        self.signal = 12


def estimate(call: Invocation, alternatives: Sequence[Alternative], condition: str) -> list[int]:
    """Return how many resources each alternative gets when all are free, 0 if it does not fit."""
    return [len(fit(call.db, groups, condition) or []) for groups, _ in alternatives]


def default_type(groups: Sequence[Group]) -> list[Group]:
    """Apply the admission rule that adds type = 'default' to groups without a type."""
    found = []
    for constraint, levels in groups:
        if re.search(r"(?:^|[\s(])type[\s=]", constraint):
            found.append((constraint, levels))
        elif constraint:
            found.append((f"({constraint}) AND type = 'default'", levels))
        else:
            found.append(("type = 'default'", levels))
    return found


def not_before(types: Sequence[str]) -> int:
    """Return the epoch of `-t postpone=…` (local time of the server), 0 without it."""
    for kind in types:
        name, _, value = kind.partition("=")
        if name == "postpone":
            parts = [int(part) for part in re.findall(r"\d+", value)]
            year, month, day, hour, minute, second = [*parts, 0, 0, 0][:6]
            return int(time.mktime((year, month, day, hour, minute, second, 0, 0, -1)))
    return 0


def insert(call: Invocation, job: Submission, count: int) -> list[int]:
    """Insert the rows of all array members in one transaction and return their job IDs.

    The knobs accept_then_hang and accept_no_id end the command here.
    """
    walltime = job.alternatives[0][1]
    message = wording.message(
        call.dialect,
        count=count,
        walltime=walltime,
        name=job.name,
        queue=job.queue,
        project=job.project,
        types=job.types,
        reserved=bool(job.reservation),
        scheduled="",
    )
    default = f"OAR.{job.name}.%jobid%" if job.name else "OAR.%jobid%"
    now = int(time.time())
    row = {
        "initial_request": job.initial_request,
        "job_name": job.name,
        "info_type": f"{os.uname().nodename}:",
        "state": "Hold" if job.hold else "Waiting",
        "reservation": "toSchedule" if job.reservation else "None",
        "message": message,
        "job_user": call.user,
        "project": job.project,
        "queue_name": job.queue,
        "properties": job.properties,
        "launching_directory": job.directory,
        "submission_time": now,
        "start_time": job.reservation,
        "notify": job.notify,
        "checkpoint": job.checkpoint,
        "checkpoint_signal": job.signal,
        "stdout_file": job.stdout or f"{default}.stdout",
        "stderr_file": job.stderr or f"{default}.stderr",
        "x_uid": call.uid,
        "x_request": json.dumps(job.alternatives),
        "x_asked_walltime": walltime,
        "x_wanted": "".join(format_request(g, w) for g, w in job.alternatives),
        "x_types": json.dumps(job.types),
        "x_dependencies": json.dumps(job.dependencies),
        "x_not_before": max(not_before(job.types), job.reservation),
        "x_filter": job.condition,
        "x_estimate": count,
        "x_steps": None if call.db.knob("autorun", 1) else 0,
    }
    ids: list[int] = []
    with call.db.writing():
        for index in range(job.array):
            extra = f" {job.arguments[index]}" if index < len(job.arguments) else ""
            ids.append(
                call.db.insert_job(
                    {**row, "command": job.command + extra, "array_index": index + 1}
                )
            )
        call.db.execute(
            "UPDATE jobs SET array_id = ? WHERE job_id BETWEEN ? AND ?", (ids[0], ids[0], ids[-1])
        )
    runner.ensure_runner(call.db)
    knobs = call.db.knobs()
    if knobs.get("accept_then_hang"):
        faults.hang(call)
    if knobs.get("accept_no_id"):
        raise Refused(0)
    return ids


def try_filter(call: Invocation, job: Submission) -> str | None:
    """Return PostgreSQL's error about a property or a resource level, None without an error.

    PostgreSQL also quotes a part of OAR's query, which is shorter here.
    """
    comma = "," if call.dialect.hash_errors else ", "
    select = "SELECT " if call.dialect.hash_errors else "SELECT  "
    for groups, _ in job.alternatives:
        for constraint, levels in groups:
            known = set(call.db.resources()[0])
            for name, _count in levels:
                if name not in known:
                    quoted = f"LINE 1: {select}{name}{comma}resource_id"
                    return f'column "{name}" does not exist\n{quoted}\n{" " * 16}'
            try:
                fit(call.db, [(constraint, levels)], job.condition)
            except sqlite3.Error as error:
                unknown = re.match(r"no such column: (\S+)", str(error))
                what = 'syntax error at or near "NO"'
                if unknown:
                    what = f'column "{unknown.group(1)}" does not exist'
                return f"{what}\nLINE 4: ...{job.condition[:24]}...\n{' ' * 61}"
    return None


def combined(properties: str, more: str) -> str:
    """Return the user's condition with an administrator's added, in OAR's form."""
    return f"({properties}) AND {more}" if properties else more
