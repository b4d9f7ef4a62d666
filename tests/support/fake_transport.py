"""A transport for tests that answers every command with one function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from arc_lrms_oar.oar.transport import Command, Completed


class FakeTransport:
    """A test overrides `run`; commands that run in the background are refused."""

    timeout = 60.0

    def run(self, argv: Sequence[str], timeout: float | None = None) -> Completed:
        raise NotImplementedError

    def begin(self, argv: Sequence[str]) -> Callable[[], Completed]:
        return partial(self.run, argv)

    def start(self, argv: Sequence[str], keep: Sequence[int] = (), ticket: str = "") -> Command:
        raise NotImplementedError(f"{argv[0]} must not be started")

    def is_running(self, pid: int, ticket: str) -> bool:
        raise NotImplementedError("an earlier command must not be searched for")
