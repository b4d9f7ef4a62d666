"""Feeds a load to whatever runs it, kills what is to be killed, and waits for the end of all.

Must not know what OAR or A-REX is, nor judge how a job has ended.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from load_plan import Planned

_BLOCK = 25
# So many jobs are on their way at most, as whatever feeds a site keeps some queue there, not all
# it has. A-REX would start the submissions of all before it looks at the end of any.
_ON_THE_WAY = 200
_POLL = 2.0
# So long may nothing happen, in seconds, before what has not ended is given up.
_PATIENCE = 600.0


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
    seconds: float


def run(target: Target, plan: Sequence[Planned]) -> Course:
    """Runs a load to its end, or until nothing ends any more."""
    names: list[str] = []
    killed: set[str] = set()
    ended: set[str] = set()
    started = moved = time.monotonic()
    while len(ended) < len(plan):
        if len(names) < len(plan) and len(names) - len(ended) <= _ON_THE_WAY - _BLOCK:
            names += target.submit(plan[len(names) : len(names) + _BLOCK])
            moved = time.monotonic()
        else:
            time.sleep(_POLL)
        before = len(ended)
        ended = target.ended() & set(names)
        if len(ended) > before:
            moved = time.monotonic()
        over = sum(name in ended and not job.killed for name, job in zip(names, plan))
        due = [
            name
            for name, job in zip(names, plan)
            if job.killed and job.after <= over and name not in killed
        ]
        if due:
            killed.update(name for name, taken in zip(due, target.kill(due)) if taken)
        if time.monotonic() - moved > _PATIENCE:
            break
    return Course(names, moved - started)
