"""Feeds a load to whatever runs it, kills what is to be killed, and waits for the end of all.

Must not know what OAR or A-REX is, nor judge how a job has ended.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from load_plan import Planned

_BLOCK = 50
_POLL = 2.0
# So long may nothing happen, in seconds, before what has not ended is given up.
_PATIENCE = 300.0


class Target(Protocol):
    """What runs jobs, each of which it has under a name of its own."""

    def submit(self, jobs: Sequence[Planned]) -> list[str]:
        """The names of these jobs, in order."""

    def kill(self, names: Sequence[str]) -> list[bool]:
        """Whether each kill was taken."""

    def ended(self) -> set[str]:
        """The names of all jobs that have ended, other ones may be among them."""


class Course(NamedTuple):
    """How a load went: the jobs' names in the plan's order, and the seconds until all had ended."""

    names: list[str]
    submitting: float
    seconds: float


def run(target: Target, plan: Sequence[Planned]) -> Course:
    """Runs a load to its end, or until nothing ends any more."""
    feeder = _Feeder(target, plan)
    killed: set[str] = set()
    ended: set[str] = set()
    started = moved = time.monotonic()
    feeder.start()
    while len(ended) < len(plan) and time.monotonic() - moved < _PATIENCE:
        time.sleep(_POLL)
        if feeder.trouble is not None:
            raise feeder.trouble
        names = list(feeder.names)
        before = len(ended)
        ended = target.ended() & set(names)
        if len(ended) > before or feeder.is_alive():
            moved = time.monotonic()
        over = sum(name in ended and not job.killed for name, job in zip(names, plan))
        due = [
            name
            for name, job in zip(names, plan)
            if job.killed and job.after <= over and name not in killed
        ]
        if due:
            killed.update(name for name, taken in zip(due, target.kill(due)) if taken)
    feeder.join()
    return Course(feeder.names, feeder.seconds, moved - started)


class _Feeder(threading.Thread):
    """Submits the jobs of a plan one block after the other."""

    def __init__(self, target: Target, plan: Sequence[Planned]) -> None:
        super().__init__(daemon=True)
        self.target = target
        self.plan = plan
        self.names: list[str] = []
        self.seconds = 0.0
        self.trouble: BaseException | None = None

    def run(self) -> None:
        started = time.monotonic()
        try:
            for first in range(0, len(self.plan), _BLOCK):
                self.names += self.target.submit(self.plan[first : first + _BLOCK])
        except BaseException as error:
            self.trouble = error
        self.seconds = time.monotonic() - started
