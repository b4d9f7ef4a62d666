"""The wording of events and messages, per version, as recorded.

Must not: write to the state.
"""

from __future__ import annotations

from collections.abc import Sequence

from .dialect import Dialect
from .resources import format_walltime

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
    """OAR's one-line summary. `scheduled` is "" when submitted, "waiting" and "started" later."""
    named = [f"N={name}"] if name else []
    owned = [f"P={project}"] if project != "default" else []
    typed = ["T=" + "|".join(types)] if types else []
    mode = "R" if reserved else "B"
    if dialect.major == 3 and scheduled:
        # OAR 3 rewrites the message with other letters; W then includes 60 s of security time.
        security = [f"W={walltime + 60}"] if scheduled == "waiting" else []
        parts = [f"R={count}", *security, "J=P", f"Q={queue}", *named]
        return ",".join(parts)
    queued = [f"Q={queue}"] if queue not in ("default", "besteffort") else []
    summary = [f"R={count}", f"W={format_walltime(walltime)}", f"J={mode}"]
    return ",".join([*summary, *named, *queued, *owned, *typed]) + (KARMA if scheduled else "")


def frag(user: str, job_id: int) -> tuple[str, str]:
    return "FRAG_JOB_REQUEST", f"User {user} requested to frag the job {job_id}"


def system_user(dialect: Dialect) -> str:
    """In whose name OAR kills by itself."""
    return "oar" if dialect.major == 3 else "root"


def walltime(dialect: Dialect, job_id: int, start: int, limit: int, now: int) -> tuple[str, str]:
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


def send_kill(dialect: Dialect, job_id: int, node: str) -> tuple[str, str]:
    prefix = "" if dialect.major == 3 else "[Leon] "
    word = "kill TERM signal" if dialect.version == "2.6.1" else "kill signal"
    return "SEND_KILL_JOB", f"{prefix}Send the {word} to oarexec on {node} for job {job_id}"


def switch(dialect: Dialect, job_id: int, state: str) -> tuple[str, str]:
    kind = "SWITCH_INTO_TERMINATE_STATE" if state == "Terminated" else "SWITCH_INTO_ERROR_STATE"
    return kind, f"{_by(dialect, job_id)} Ask to change the job state"


def working_directory(dialect: Dialect, job_id: int, path: str, node: str) -> tuple[str, str]:
    # OAR 3 cuts the last letter off.
    kind = "WORKING_DIRECTOR" if dialect.major == 3 else "WORKING_DIRECTORY"
    return kind, (
        f"{_by(dialect, job_id)} Cannot go into the working directory {path}"
        f" of the job on node {node}"
    )


def output_files(dialect: Dialect, job_id: int, path: str, node: str) -> tuple[str, str]:
    return "OUTPUT_FILES", (
        f"{_by(dialect, job_id)} Cannot create .stdout and .stderr files in {path}"
        f" on the node {node}"
    )


def priority(dialect: Dialect, job_id: int, when: str) -> tuple[str, str]:
    """What best-effort jobs leave at their start and stop."""
    by = "resource_id" if dialect.major == 3 else "network_address/resource_id"
    text = f"Scheduler priority for job {job_id} updated ({by})"
    return f"SCHEDULER_PRIORITY_UPDATED_{when}", text


def resubmission(style: int, old: int, new: int | str, cause: str = "CPUSET_ERROR") -> str:
    """The five ways in which OAR versions say that `old` goes on as `new`."""
    reason = f"(due to event {cause} & job is neither a reservation nor an interactive job)"
    again = "is a besteffort and idempotent job so we resubmit it"
    texts = {
        1: f"[NodeChangeState] Resubmiting job {old} => {new}) {reason}",
        2: (f"Resubmiting job {old} => {new} (type idempotent & exit code = 99 & duration > 60s)"),
        3: f"[bipbip {old}] the job {old} {again} (new id = {new})",
        4: f"[{old}] The job {old} {again} (new id = {new}",
        5: f"Resubmiting job {old} => ((0, ''), {new}) {reason}",
    }
    if style not in texts:
        raise ValueError(f"event_text_style is 1 to 5, not {style!r}")
    return texts[style]


def _by(dialect: Dialect, job_id: int) -> str:
    return f"[{job_id}]" if dialect.major == 3 else f"[bipbip {job_id}]"
