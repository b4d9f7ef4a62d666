"""A runner for tests in whose place of commands stands one function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from arc_lrms_oar.oar.runner import Command, Completed


class FakeRunner:
    """Commands that only answer: `run` is what a test gives it."""

    def run(self, argv: Sequence[str], timeout: float | None = None) -> Completed:
        raise NotImplementedError

    def begin(self, argv: Sequence[str]) -> Callable[[], Completed]:
        return partial(self.run, argv)

    def start(self, argv: Sequence[str], keep: Sequence[int] = (), ticket: str = "") -> Command:
        raise NotImplementedError(f"nobody is to start {argv[0]}")

    def lives(self, pid: int, ticket: str) -> bool:
        raise NotImplementedError("nobody is to look for an earlier command")
