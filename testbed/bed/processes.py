"""Processes and sockets in a testbed, read through /proc from the host."""

from __future__ import annotations

import time
from collections.abc import Callable

from .namespace import Namespace

TIMEOUT = 180.0
POLL = 0.05
LISTENING = "0A"


def wait_until(test: Callable[[], bool], timeout: float = TIMEOUT) -> bool:
    """Poll until `test()` is true; returns False after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not test():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL)
    return True


def listening_ports(tcp: str) -> set[int]:
    """Return the ports of listening sockets in the text of /proc/net/tcp or tcp6."""
    rows = [line.split() for line in tcp.splitlines()[1:]]
    return {int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == LISTENING}


def listening(inside: Namespace, port: int) -> bool:
    if inside.pid() is None:
        return False
    tables = inside.run(["cat", "/proc/net/tcp", "/proc/net/tcp6"]).stdout.decode()
    return port in listening_ports(tables)


def stat_fields(inside: Namespace, pid: int) -> list[str]:
    """Return state, parent, group, session … of a process inside; empty if it does not exist."""
    try:
        return inside.path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def alive(inside: Namespace, pid: int) -> bool:
    fields = stat_fields(inside, pid)
    return bool(fields) and fields[0] not in "ZX"


def session(inside: Namespace, pid: int) -> list[int]:
    """Return all processes inside that belong to the session of this one."""
    mine = stat_fields(inside, pid)[3:4]
    numbers = [int(entry.name) for entry in inside.path("/proc").iterdir() if entry.name.isdigit()]
    return [number for number in numbers if stat_fields(inside, number)[3:4] == mine]
