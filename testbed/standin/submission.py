"""What both oarsubs share: a checked request becomes rows, and the ways to go wrong after that.

Must not: parse options or word a refusal.
"""

from __future__ import annotations

import calendar
import json
import os
import re
import sqlite3
import time
from collections.abc import Sequence

from . import faults, runner, texts
from .command import Call, Refused
from .lifecycle import fit
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
    """Everything about a job that is about to be."""

    def __init__(self, command: str, initial_request: str, directory: str) -> None:
        self.command = command
        self.initial_request = initial_request
        self.directory = directory
        self.alternatives: list[Alternative] = []
        self.name: str | None = None
        self.project = "default"
        self.queue = "default"
        self.types: list[str] = []
        self.condition = ""  # as it is applied to the resources
        self.properties = ""  # as it is shown
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


def estimate(call: Call, alternatives: Sequence[Alternative], condition: str) -> list[int]:
    """How many resources each alternative would get on the idle machine (0: it cannot)."""
    return [len(fit(call.store, groups, condition) or []) for groups, _ in alternatives]


def default_type(groups: Sequence[Group]) -> list[Group]:
    """The admission rule that asks for resources of type default unless a type is named."""
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
    """The time of `-t postpone=…` in the server's zone, 0 without."""
    for kind in types:
        name, _, value = kind.partition("=")
        if name == "postpone":
            parts = [int(part) for part in re.findall(r"\d+", value)]
            year, month, day, hour, minute, second = [*parts, 0, 0, 0][:6]
            return int(time.mktime((year, month, day, hour, minute, second, 0, 0, -1)))
    return 0


def insert(call: Call, job: Submission, count: int) -> list[int]:
    """The rows, one a subjob, in one transaction. Ends here for the knobs that lose the id."""
    walltime = job.alternatives[0][1]
    message = texts.message(
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
        "x_steps": None if call.store.knob("autorun", 1) else 0,
    }
    ids: list[int] = []
    with call.store.writing():
        for index in range(job.array):
            extra = f" {job.arguments[index]}" if index < len(job.arguments) else ""
            ids.append(
                call.store.insert_job(
                    {**row, "command": job.command + extra, "array_index": index + 1}
                )
            )
        call.store.execute(
            "UPDATE jobs SET array_id = ? WHERE job_id BETWEEN ? AND ?", (ids[0], ids[0], ids[-1])
        )
    runner.ensure(call.store)
    knobs = call.store.knobs()
    if knobs.get("accept_then_hang"):
        faults.hang(call)
    if knobs.get("accept_no_id"):
        raise Refused(0)
    return ids


def try_filter(call: Call, job: Submission) -> str | None:
    """What is wrong with a property or a level, in PostgreSQL's words; None if nothing.

    It quotes a part of OAR's own query after that, here without the part's full length.
    """
    comma = "," if call.dialect.hash_errors else ", "
    select = "SELECT " if call.dialect.hash_errors else "SELECT  "
    for groups, _ in job.alternatives:
        for constraint, levels in groups:
            known = set(call.store.resources()[0])
            for name, _count in levels:
                if name not in known:
                    quoted = f"LINE 1: {select}{name}{comma}resource_id"
                    return f'column "{name}" does not exist\n{quoted}\n{" " * 16}'
            try:
                fit(call.store, [(constraint, levels)], job.condition)
            except sqlite3.Error as error:
                unknown = re.match(r"no such column: (\S+)", str(error))
                what = 'syntax error at or near "NO"'
                if unknown:
                    what = f'column "{unknown.group(1)}" does not exist'
                return f"{what}\nLINE 4: ...{job.condition[:24]}...\n{' ' * 61}"
    return None


def parse_date(text: str) -> int | None:
    """YYYY-MM-DD hh:mm:ss in local time."""
    match = re.match(r"\s*(\d{4})-(\d\d?)-(\d\d?)\s+(\d\d?):(\d\d?):(\d\d?)\s*$", text)
    if not match:
        return None
    year, month, day, hour, minute, second = (int(g) for g in match.groups())
    if not 1 <= month <= 12 or not 1 <= day <= calendar.monthrange(year, month)[1]:
        return None
    return int(time.mktime((year, month, day, hour, minute, second, 0, 0, -1)))


def combined(properties: str, more: str) -> str:
    """OAR's way of adding an administrator's condition to the user's."""
    return f"({properties}) AND {more}" if properties else more
