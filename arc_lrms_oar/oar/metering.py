"""Counts the commands of OAR that a client runs and the time that they take."""

from __future__ import annotations


class Usage:
    """Cost of one command: calls, failed calls, and seconds in total.

    A call fails that did not run, did not end in time, or had another exit status than 0.
    """

    def __init__(self) -> None:
        self.calls = 0
        self.failures = 0
        self.seconds = 0.0


class Meter:
    """An observer for `OarClient.observe`: `usage` by the name of the command."""

    def __init__(self) -> None:
        self.usage: dict[str, Usage] = {}

    def record(self, command: str, seconds: float, failed: bool) -> None:
        """Count one call of `command`."""
        usage = self.usage.setdefault(command, Usage())
        usage.calls += 1
        usage.seconds += seconds
        usage.failures += failed
