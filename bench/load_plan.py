"""Which jobs a load is made of: the same ones for the same seed, wherever they are run.

Must not run anything.
"""

from __future__ import annotations

import random
from typing import NamedTuple

FAILS_WITH = 3
_KILLED, _FAILING = 0.20, 0.10
# So long that a job which is to be killed never ends by itself.
_FOR_EVER = "7200"


class Planned(NamedTuple):
    """One job of a load.

    `exit_code` is what it ends with by itself; None where it is killed, which is as soon as `after`
    of those that end by themselves have ended.
    """

    exit_code: int | None
    after: int = 0

    @property
    def killed(self) -> bool:
        return self.exit_code is None

    @property
    def command(self) -> tuple[str, ...]:
        """What it runs."""
        if self.killed:
            return ("/bin/sleep", _FOR_EVER)
        return ("/bin/sh", "-c", f"exit {FAILS_WITH}") if self.exit_code else ("/bin/true",)


def make_plan(jobs: int, seed: int) -> list[Planned]:
    """`jobs` jobs in a random order, of which a fifth is killed and a tenth fails."""
    chance = random.Random(seed)
    killed, failing = round(jobs * _KILLED), round(jobs * _FAILING)
    ending = jobs - killed
    plan = [Planned(None, chance.randrange(ending)) for _ in range(killed)]
    plan += [Planned(FAILS_WITH)] * failing
    plan += [Planned(0)] * (ending - failing)
    chance.shuffle(plan)
    return plan
