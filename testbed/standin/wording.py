"""The texts of OAR's events and job messages, per version, as recorded.

Nothing is written to the database here.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from .dialect import Dialect
from .resources import format_walltime

TYPE_CHECKING = False  # importing typing would cost each command 3 ms
if TYPE_CHECKING:
    from .database import Row

KARMA = " (Karma=0.000,quota_ok)"


def message(
    dialect: Dialect,
    *,
    count: int,
    walltime: int,
    name: str | None,
    queue: str,
    project: str,
    types: Sequence[str],
    reserved: bool,
    scheduled: str,
) -> str:
    """Return the message column of a job.

    `scheduled` is "" at submission, "waiting" once its start is predicted, "started" after that.
    """
    named = [f"N={name}"] if name else []
    owned = [f"P={project}"] if project != "default" else []
    typed = ["T=" + "|".join(types)] if types else []
    mode = "R" if reserved else "B"
    if dialect.major == 3 and scheduled:
        # OAR 3 writes the message anew in another form; W then includes 60 s of security time.
        security = [f"W={walltime + 60}"] if scheduled == "waiting" else []
        parts = [f"R={count}", *security, "J=P", f"Q={queue}", *named]
        return ",".join(parts)
    queued = [f"Q={queue}"] if queue not in ("default", "besteffort") else []
    summary = [f"R={count}", f"W={format_walltime(walltime)}", f"J={mode}"]
    return ",".join([*summary, *named, *queued, *owned, *typed]) + (KARMA if scheduled else "")


def deletion_event(user: str, job_id: int) -> tuple[str, str]:
    return "FRAG_JOB_REQUEST", f"User {user} requested to frag the job {job_id}"


def row_message(dialect: Dialect, job: Row, scheduled: str) -> str:
    """Return the message of an existing row; see message()."""
    return message(
        dialect,
        count=job["x_estimate"],
        walltime=job["x_asked_walltime"],
        name=job["job_name"],
        queue=job["queue_name"],
        project=job["project"],
        types=json.loads(job["x_types"]),
        reserved=job["reservation"] != "None",
        scheduled=scheduled,
    )


def system_user(dialect: Dialect) -> str:
    """Return the user in whose name OAR itself requests a deletion."""
    return "oar" if dialect.major == 3 else "root"


def walltime_event(
    dialect: Dialect, job_id: int, start: int, limit: int, now: int
) -> tuple[str, str]:
    if dialect.version == "2.6.1":
        text = (
            f"Job [{job_id}] reached its walltime"
            f" (start: {start} + walltime:{limit} > current time: {now})"
        )
    elif dialect.major == 3:
        text = f"Job: {job_id} from {start} with {limit}; current time={now} (Elapsed)"
    else:
        text = f"[sarko] Job [{job_id}] from {start} with {limit}; current time={now} (Elapsed)"
    return "WALLTIME", text


def kill_event(dialect: Dialect, job_id: int, node: str) -> tuple[str, str]:
    prefix = "" if dialect.major == 3 else "[Leon] "
    word = "kill TERM signal" if dialect.version == "2.6.1" else "kill signal"
    return "SEND_KILL_JOB", f"{prefix}Send the {word} to oarexec on {node} for job {job_id}"


def end_event(dialect: Dialect, job_id: int, state: str) -> tuple[str, str]:
    kind = "SWITCH_INTO_TERMINATE_STATE" if state == "Terminated" else "SWITCH_INTO_ERROR_STATE"
    return kind, f"{_by(dialect, job_id)} Ask to change the job state"


def working_directory_event(dialect: Dialect, job_id: int, path: str, node: str) -> tuple[str, str]:
    # OAR 3 stores the type without its last letter.
    kind = "WORKING_DIRECTOR" if dialect.major == 3 else "WORKING_DIRECTORY"
    return kind, (
        f"{_by(dialect, job_id)} Cannot go into the working directory {path}"
        f" of the job on node {node}"
    )


def output_files_event(dialect: Dialect, job_id: int, path: str, node: str) -> tuple[str, str]:
    return "OUTPUT_FILES", (
        f"{_by(dialect, job_id)} Cannot create .stdout and .stderr files in {path}"
        f" on the node {node}"
    )


def priority_event(dialect: Dialect, job_id: int, when: str) -> tuple[str, str]:
    """Return the event of a best-effort job at its start or stop."""
    by = "resource_id" if dialect.major == 3 else "network_address/resource_id"
    text = f"Scheduler priority for job {job_id} updated ({by})"
    return f"SCHEDULER_PRIORITY_UPDATED_{when}", text


def resubmission_text(style: int, old: int, new: int | str, cause: str = "CPUSET_ERROR") -> str:
    """Return one of the five texts (1 to 5) of OAR versions about a resubmission."""
    reason = f"(due to event {cause} & job is neither a reservation nor an interactive job)"
    resubmitted = "is a besteffort and idempotent job so we resubmit it"
    styles = {
        1: f"[NodeChangeState] Resubmiting job {old} => {new}) {reason}",
        2: (f"Resubmiting job {old} => {new} (type idempotent & exit code = 99 & duration > 60s)"),
        3: f"[bipbip {old}] the job {old} {resubmitted} (new id = {new})",
        4: f"[{old}] The job {old} {resubmitted} (new id = {new}",
        5: f"Resubmiting job {old} => ((0, ''), {new}) {reason}",
    }
    if style not in styles:
        raise ValueError(f"event_text_style is 1 to 5, not {style!r}")
    return styles[style]


def _by(dialect: Dialect, job_id: int) -> str:
    return f"[{job_id}]" if dialect.major == 3 else f"[bipbip {job_id}]"
