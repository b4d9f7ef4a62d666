"""The plan of a load: its jobs, reproducible by a seed. Runs nothing itself."""

from __future__ import annotations

import random
from collections.abc import Iterator
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


class Pilot(NamedTuple):
    """One job of a steady load, which ends by itself or is killed after `seconds`."""

    planned: Planned
    seconds: int

    @property
    def command(self) -> tuple[str, ...]:
        """The command line of the job."""
        if self.planned.killed:
            return self.planned.command
        return ("/bin/sh", "-c", f"sleep {self.seconds}; exit {self.planned.exit_code}")


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


def pilots(at_once: int, seconds: int, seed: int) -> Iterator[Pilot]:
    """Yield jobs, as many as are asked for: a tenth of them is killed, and a tenth fails.

    `seconds` is their mean duration; each has between a half and one and a half of it. The first
    `at_once` jobs are shorter, so that jobs end at the same rate from the start.
    """
    chance = random.Random(seed)
    number = 0
    while True:
        number += 1
        share = chance.uniform(0.5, 1.5)
        if number <= at_once:
            share *= number / at_once
        kind = chance.random()
        exit_code = None if kind < _FAILING else FAILS_WITH if kind < 2 * _FAILING else 0
        yield Pilot(Planned(exit_code), round(share * seconds))
