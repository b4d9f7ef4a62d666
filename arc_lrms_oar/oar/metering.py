"""Counts OAR's commands and the time that they take, around any runner; it changes nothing else."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from arc_lrms_oar.oar.runner import Command, Completed

if TYPE_CHECKING:
    from arc_lrms_oar.oar.client import Runner


class Usage:
    """What one command has cost: calls, calls that failed, and seconds in all.

    Failed are those that did not run, did not end in time, or had another exit code than 0.
    """

    def __init__(self) -> None:
        self.calls = 0
        self.failures = 0
        self.seconds = 0.0


class Metered:
    """`runner` with its meter: `usage` by the name of the command."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self.usage: dict[str, Usage] = {}

    def start(self, argv: Sequence[str], keep: Sequence[int] = (), ticket: str = "") -> Command:
        """Starts a command, which is not counted: nobody tells when it ends."""
        return self._runner.start(argv, keep, ticket)

    def lives(self, pid: int, ticket: str) -> bool:
        """As the runner."""
        return self._runner.lives(pid, ticket)

    def run(self, argv: Sequence[str], timeout: float | None = None) -> Completed:
        """Runs a command to its end and counts it; raises what the runner raises."""
        return self._counted(argv, time.monotonic(), lambda: self._runner.run(argv, timeout))

    def begin(self, argv: Sequence[str]) -> Callable[[], Completed]:
        """Starts a command, counted once its end was waited for; raises what the runner raises.

        What it takes is counted to the moment at which it was asked for its answer and had it.
        """
        started = time.monotonic()
        waiting = self._runner.begin(argv)
        return lambda: self._counted(argv, started, waiting)

    def _counted(
        self, argv: Sequence[str], started: float, work: Callable[[], Completed]
    ) -> Completed:
        usage = self.usage.setdefault(os.path.basename(argv[0]), Usage())
        usage.calls += 1
        failed = True
        try:
            completed = work()
            failed = completed.code != 0
        finally:
            usage.seconds += time.monotonic() - started
            usage.failures += failed
        return completed
