"""Submit the jobs of a load, kill those to be killed, and wait until all have ended.

Independent of OAR and A-REX, which are a `Target`. Results are checked in `load_judge`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from load_plan import Planned

_BLOCK = 25
# The most jobs in flight, as pilot factories keep a limited queue at a site. With more, A-REX
# starts all submissions before it processes the end of any job.
_MOST_IN_FLIGHT = 200
# Seconds between polls, and without any progress before the rest is given up.
_POLL = 2.0
_TIMEOUT = 600.0


class Target(Protocol):
    """A system that runs jobs and gives each a unique name."""

    def submit(self, jobs: Sequence[Planned]) -> list[str]:
        """Submit jobs and return their names, in order."""

    def kill(self, names: Sequence[str]) -> list[bool]:
        """Kill jobs and return whether each request was accepted."""

    def ended(self) -> set[str]:
        """Return the names of all jobs that have ended, possibly with unrelated ones."""


class Course(NamedTuple):
    """The names of a load's jobs in the plan's order, and the seconds until all had ended."""

    names: list[str]
    seconds: float


def run(target: Target, plan: Sequence[Planned]) -> Course:
    """Run a load to its end, or until no job has ended for `_TIMEOUT` seconds."""
    names: list[str] = []
    killed: set[str] = set()
    ended: set[str] = set()
    started = moved = time.monotonic()
    while len(ended) < len(plan):
        if len(names) < len(plan) and len(names) - len(ended) <= _MOST_IN_FLIGHT - _BLOCK:
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
            killed.update(name for name, accepted in zip(due, target.kill(due)) if accepted)
        if time.monotonic() - moved > _TIMEOUT:
            break
    return Course(names, moved - started)
