"""The plan of a load: its jobs, reproducible by a seed. Runs nothing itself."""

from __future__ import annotations

import random
from typing import NamedTuple, Protocol

FAILS_WITH = 3
_KILLED, _FAILING = 0.20, 0.10
# Seconds; longer than any load takes, so that a job to be killed never ends by itself.
_SLEEP = "7200"


class Runnable(Protocol):
    """A job that can be submitted."""

    @property
    def command(self) -> tuple[str, ...]:
        """The command line of the job."""


class Planned(NamedTuple):
    """One job of a load.

    `exit_code`: how it ends by itself; None if it is killed. `after`: it is killed as soon as so
    many of the jobs that end by themselves have ended.
    """

    exit_code: int | None
    after: int = 0

    @property
    def killed(self) -> bool:
        return self.exit_code is None

    @property
    def command(self) -> tuple[str, ...]:
        """The command line of the job."""
        if self.killed:
            return ("/bin/sleep", _SLEEP)
        return ("/bin/sh", "-c", f"exit {FAILS_WITH}") if self.exit_code else ("/bin/true",)


def make_plan(jobs: int, seed: int) -> list[Planned]:
    """Return `jobs` jobs in random order: a fifth is killed and a tenth fails."""
    chance = random.Random(seed)
    killed, failing = round(jobs * _KILLED), round(jobs * _FAILING)
    ending = jobs - killed
    plan = [Planned(None, chance.randrange(ending)) for _ in range(killed)]
    plan += [Planned(FAILS_WITH)] * failing
    plan += [Planned(0)] * (ending - failing)
    chance.shuffle(plan)
    return plan
