"""Processes and sockets inside a bed, seen from the host through its /proc.

Must not know which daemon is which.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from .namespace import Namespace

PATIENCE = 180.0
POLL = 0.05
LISTENING = "0A"


def wait_until(test: Callable[[], bool], patience: float = PATIENCE) -> bool:
    deadline = time.monotonic() + patience
    while not test():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL)
    return True


def listening_ports(tcp: str) -> set[int]:
    """The ports with a listening socket in the text of /proc/net/tcp or tcp6."""
    rows = [line.split() for line in tcp.splitlines()[1:]]
    return {int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == LISTENING}


def listening(inside: Namespace, port: int) -> bool:
    if inside.pid() is None:
        return False
    said = inside.run(["cat", "/proc/net/tcp", "/proc/net/tcp6"]).stdout.decode()
    return port in listening_ports(said)


def stat_fields(inside: Namespace, pid: int) -> list[str]:
    """State, parent, group, session … of a process inside; empty if there is none."""
    try:
        return inside.path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def alive(inside: Namespace, pid: int) -> bool:
    fields = stat_fields(inside, pid)
    return bool(fields) and fields[0] not in "ZX"


def session(inside: Namespace, pid: int) -> list[int]:
    """All processes inside that are of the same session as this one."""
    mine = stat_fields(inside, pid)[3:4]
    numbers = [int(entry.name) for entry in inside.path("/proc").iterdir() if entry.name.isdigit()]
    return [number for number in numbers if stat_fields(inside, number)[3:4] == mine]
