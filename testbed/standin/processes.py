"""Processes that outlive the command that started them: register them and end exactly those.

A process is identified by its ID and start time, never by name, so that a reused ID is left alone.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress

from .database import Database


def start_time(pid: int) -> int:
    """Return the start time of a process in jiffies since boot, 0 if it does not exist."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            # Field 2 is the name in parentheses and may contain blanks and parentheses.
            fields = stat.read().rpartition(b")")[2].split()
    except OSError:
        return 0
    return 0 if fields[0] in (b"Z", b"X") else int(fields[19])


def alive(pid: int, started: int) -> bool:
    return started != 0 and start_time(pid) == started


def register(db: Database, role: str, pid: int | None = None) -> None:
    """Record a process for close()."""
    pid = os.getpid() if pid is None else pid
    db.execute(
        "INSERT INTO processes VALUES (?, ?, ?, ?)", (pid, start_time(pid), role, os.geteuid())
    )


def kill(pid: int, started: int, *, group: bool = False) -> None:
    """Send SIGKILL to a process, or to its group, if it is still the same process."""
    if alive(pid, started):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(-pid if group else pid, signal.SIGKILL)


def kill_job(db: Database, job_id: int, pid: int | None, started: int | None) -> None:
    """Send SIGKILL to everything that a job started, as OAR does with cpusets.

    Processes that left the job's group are found by the environment that only this job has.
    Runners are excluded: one may have inherited that environment from a job that submits jobs.
    """
    if pid:
        kill(pid, started or 0, group=True)
    marks = (
        f"OAR_NODEFILE={node_file(db, job_id)}".encode(),
        f"OAR_JOB_ID={job_id}".encode(),
    )
    runners = {row["pid"] for row in db.rows("SELECT pid FROM processes")}
    for other in _with_environment(marks):
        if other in runners:
            continue
        with suppress(ProcessLookupError, PermissionError):
            os.kill(other, signal.SIGKILL)


def node_file(db: Database, job_id: int) -> str:
    """Return the path of a job's node file, below the directory of this stand-in."""
    return os.path.join(os.path.dirname(db.path), "run", str(job_id))


def _with_environment(marks: tuple[bytes, ...]) -> Iterator[int]:
    own = os.getpid()
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == own:
            continue
        try:
            with open(f"/proc/{name}/environ", "rb") as environ:
                found = set(environ.read().split(b"\0"))
        except OSError:
            continue
        if found.issuperset(marks):
            yield int(name)


def detach() -> bool:
    """Fork twice. Returns False in the caller and True in a daemon with its own session."""
    first = os.fork()
    if first:
        os.waitpid(first, 0)
        return False
    os.setsid()
    if os.fork():
        os._exit(0)
    os.setpgid(0, 0)
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    os.closerange(3, 4096)
    return True
