"""Processes that outlive the command that made them, and how to end exactly those.

Must not: signal anything by name, nor an id whose process has been replaced by another one.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress

from .store import Store


def start_time(pid: int) -> int:
    """The kernel's start time of a process (jiffies since boot), 0 when it does not exist."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            # Field 2 is the name in brackets, which may itself hold blanks and brackets.
            fields = stat.read().rpartition(b")")[2].split()
    except OSError:
        return 0
    return 0 if fields[0] in (b"Z", b"X") else int(fields[19])


def alive(pid: int, started: int) -> bool:
    return started != 0 and start_time(pid) == started


def remember(store: Store, role: str, pid: int | None = None) -> None:
    """Note a process for close()."""
    pid = os.getpid() if pid is None else pid
    store.execute(
        "INSERT INTO processes VALUES (?, ?, ?, ?)", (pid, start_time(pid), role, os.geteuid())
    )


def kill(pid: int, started: int, *, group: bool = False) -> None:
    """SIGKILL to one process, or to the group that it leads, if it is still the same one."""
    if alive(pid, started):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(-pid if group else pid, signal.SIGKILL)


def kill_job(store: Store, job_id: int, pid: int | None, started: int | None) -> None:
    """SIGKILL to everything that a job started.

    Its process group, and what left that group: as with OAR's own cpusets nothing survives. Those
    are told by the environment that only this job was given. A runner may have inherited that
    environment (a job that submits a job) and is spared.
    """
    if pid:
        kill(pid, started or 0, group=True)
    marks = (
        f"OAR_NODEFILE={node_file(store, job_id)}".encode(),
        f"OAR_JOB_ID={job_id}".encode(),
    )
    spared = {row["pid"] for row in store.rows("SELECT pid FROM processes")}
    for other in _with_environment(marks):
        if other in spared:
            continue
        with suppress(ProcessLookupError, PermissionError):
            os.kill(other, signal.SIGKILL)


def node_file(store: Store, job_id: int) -> str:
    """Where a job's node file is: beside the state, and so this stand-in's alone."""
    return os.path.join(os.path.dirname(store.path), "run", str(job_id))


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
    """Fork twice. False in the caller; True in a process of its own session without open files."""
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
