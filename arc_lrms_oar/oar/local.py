"""Runs OAR's commands on this machine."""

from __future__ import annotations

import os
from collections.abc import Sequence

from arc_lrms_oar.oar.transport import Command, Transport, spawn


class LocalTransport(Transport):
    """Runs OAR's commands here.

    `bin_path` is the directory of the commands (empty: the system's PATH), `timeout` in seconds.
    Commands for administrators, such as oarnotify, are also searched for in its sibling `sbin`.
    """

    def __init__(self, bin_path: str, timeout: float) -> None:
        self._bin_path = bin_path
        self.timeout = timeout

    def start(self, argv: Sequence[str], keep: Sequence[int] = (), ticket: str = "") -> Command:
        """Start a command.

        With a `ticket`, which marks an oarsub, its output goes to files: an oarsub that gets
        SIGPIPE, since its reader was killed, deletes its job (OAR 2) or hangs for good (OAR 3,
        docs/internals/oar3.md#faults-of-oar-3).
        """
        program = os.path.join(self._bin_path, argv[0])
        if self._bin_path and not os.path.exists(program):
            sibling = os.path.join(os.path.dirname(self._bin_path), "sbin", argv[0])
            program = sibling if os.path.exists(sibling) else program
        return Command(argv, spawn(argv, [program, *argv[1:]], keep=keep, to_files=bool(ticket)))

    def is_running(self, pid: int, ticket: str) -> bool:
        """Whether process `pid` is an oarsub."""
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                return b"oarsub" in file.read(65536)
        except OSError:
            return False
