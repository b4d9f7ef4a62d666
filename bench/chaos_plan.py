"""The plan of a chaos run: its jobs and faults, reproducible by a seed. Runs nothing itself."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import NamedTuple

JOBS_PER_MINUTE = 15.0
# The share of the time after which nothing is started any more.
_LAST_START = 0.85
# Seconds: longer than any run, so that a job to be killed never ends by itself.
_FOR_EVER = 7200
# OAR runs an idempotent job again that exits with 99 after more than 60 s.
AGAIN, AGAIN_AFTER = 99, 60


class JobKind(NamedTuple):
    """A kind of job: `seconds` it takes at least and at most, and how often it occurs.

    `exit_code` is that of its program, None if the job never ends by itself. `slots` are each on a
    node of their own. `queue` is the queue in ARC. `minutes` is the shortest run that has the kind.
    """

    name: str
    often: int
    exit_code: int | None
    seconds: tuple[int, int] = (0, 3)
    walltime: str = "3 hours"
    queue: str = "default"
    slots: int = 1
    minutes: float = 0.0


JOB_KINDS = {
    kind.name: kind
    for kind in (
        JobKind("short", 34, 0),
        JobKind("long", 16, 0, (20, 60)),
        JobKind("failing", 12, 3),
        # The shell of the job kills itself: 128 plus SIGKILL.
        JobKind("dying", 6, 137),
        JobKind("killed", 12, None, (_FOR_EVER, _FOR_EVER)),
        JobKind("over", 5, None, (_FOR_EVER, _FOR_EVER), walltime="1 minute"),
        JobKind("nodes", 6, 0, (1, 10), slots=2),
        JobKind("besteffort", 5, 0, (1, 20), queue="besteffort"),
        JobKind("again", 4, 0, (AGAIN_AFTER + 2, AGAIN_AFTER + 7), queue="idempotent", minutes=3.0),
    )
}


class PlannedJob(NamedTuple):
    """One job: submitted `at` seconds after the start; `kill_at` is None if it is not killed."""

    number: int
    kind: str
    at: float
    seconds: int
    kill_at: float | None = None

    @property
    def name(self) -> str:
        """Its job name, from which the checker finds it again."""
        return f"chaos-{self.number:04}"

    @property
    def exit_code(self) -> int | None:
        """The exit code of its program, None if it does not end by itself."""
        return JOB_KINDS[self.kind].exit_code


class FaultKind(NamedTuple):
    """A kind of fault: its `lane`, how long it lasts at least and at most, and how often it occurs.

    Faults of one lane never overlap.
    """

    name: str
    lane: str
    often: int
    seconds: tuple[float, float] = (0.0, 0.0)


FAULT_KINDS = {
    kind.name: kind
    for kind in (
        FaultKind("arex-kill", "ce", 4, (1, 10)),
        FaultKind("arex-restart", "ce", 2, (0, 5)),
        FaultKind("control-full", "ce", 2, (3, 15)),
        FaultKind("session-full", "ce", 2, (3, 20)),
        FaultKind("oar-kill", "oar", 3, (1, 15)),
        FaultKind("oar-restart", "oar", 2, (0, 10)),
        FaultKind("database-kill", "oar", 3, (1, 15)),
        FaultKind("database-restart", "oar", 2, (0, 10)),
        FaultKind("database-full", "oar", 2, (3, 15)),
        FaultKind("sshd-kill", "oar", 2, (2, 10)),
        FaultKind("node-refuses", "oar", 2, (3, 15)),
        FaultKind("node-dead", "oar", 3, (5, 20)),
        FaultKind("clock-jump", "oar", 3, (10, 30)),
        FaultKind("scan-kill", "processes", 1),
        FaultKind("submit-kill", "processes", 1),
        FaultKind("hold", "jobs", 2, (5, 20)),
        FaultKind("suspend", "jobs", 2, (5, 15)),
        FaultKind("longer-walltime", "jobs", 1),
        FaultKind("shorter-walltime", "jobs", 1),
    )
}
RESTORE = FaultKind("restore-dump", "oar", 0, (25, 45))
LANES = ("ce", "oar", "processes", "jobs")
# Seconds between the end of a fault and the next one of its lane.
_PAUSE = {"ce": (12, 35), "oar": (12, 35), "processes": (6, 18), "jobs": (5, 20)}
# A run that is shorter than this (minutes) has no time for the end of the jobs that a restored dump
# does not have.
_SHORTEST_WITH_RESTORE = 4.0
_JUMPS = (-300, -60, -3, 3, 60, 300)
_SMALL_JUMPS = (-20, -3, 3, 20)


class Fault(NamedTuple):
    """One fault `at` seconds after the start.

    `choice` in [0, 1) selects the target among those that exist then. `jump` is that of OAR's clock
    in seconds.
    """

    kind: str
    lane: str
    at: float
    seconds: float
    choice: float
    jump: int = 0


class Plan(NamedTuple):
    """All that happens in a run of `minutes` minutes."""

    minutes: float
    seed: int
    jobs: tuple[PlannedJob, ...]
    faults: tuple[Fault, ...]


def make_plan(minutes: float, seed: int, jobs_per_minute: float = JOBS_PER_MINUTE) -> Plan:
    """Return the plan of this seed. Every kind of job and, if there is time, of fault occurs."""
    chance = random.Random(f"{seed} {minutes:g} {jobs_per_minute:g}")
    end = 60 * minutes * _LAST_START
    jobs = tuple(_jobs(chance, end, max(len(JOB_KINDS), round(minutes * jobs_per_minute)), minutes))
    faults = [fault for lane in LANES for fault in _lane(chance, lane, end, minutes)]
    return Plan(minutes, seed, jobs, tuple(sorted(faults, key=lambda fault: fault.at)))


def _jobs(chance: random.Random, end: float, number: int, minutes: float) -> Iterator[PlannedJob]:
    kinds = [kind for kind in JOB_KINDS.values() if kind.minutes <= minutes]
    names = [kind.name for kind in kinds]
    names += chance.choices(names, [kind.often for kind in kinds], k=number - len(names))
    chance.shuffle(names)
    for number, at in enumerate(sorted(chance.uniform(0, end) for _ in names)):
        kind = JOB_KINDS[names[number]]
        kill_at = at + chance.expovariate(1 / 15) if kind.name == "killed" else None
        yield PlannedJob(number, kind.name, at, chance.randint(*kind.seconds), kill_at)


def _lane(chance: random.Random, lane: str, end: float, minutes: float) -> Iterator[Fault]:
    kinds = [kind for kind in FAULT_KINDS.values() if kind.lane == lane]
    order = [kind.name for kind in kinds]
    chance.shuffle(order)
    restore_at = end / 2 if lane == RESTORE.lane and minutes >= _SHORTEST_WITH_RESTORE else end
    at = chance.uniform(*_PAUSE[lane])
    while at < end:
        if at >= restore_at:
            restore_at, kind = end, RESTORE
        elif order:
            kind = FAULT_KINDS[order.pop()]
        else:
            (kind,) = chance.choices(kinds, [kind.often for kind in kinds])
        seconds = chance.uniform(*kind.seconds)
        jumps = _SMALL_JUMPS if minutes < _SHORTEST_WITH_RESTORE else _JUMPS
        jump = chance.choice(jumps) if kind.name == "clock-jump" else 0
        yield Fault(kind.name, lane, at, seconds, chance.random(), jump)
        at += seconds + chance.uniform(*_PAUSE[lane])


def lines_of(plan: Plan) -> Sequence[str]:
    """Return the plan for people: a line for the jobs, and one for each fault."""
    counts = {name: sum(job.kind == name for job in plan.jobs) for name in JOB_KINDS}
    jobs = ", ".join(f"{number} {name}" for name, number in counts.items() if number)
    found = [f"{plan.minutes:g} minutes, seed {plan.seed}, {len(plan.jobs)} jobs: {jobs}"]
    for fault in plan.faults:
        jump = f" by {fault.jump:+} s" if fault.jump else ""
        lasts = f" for {fault.seconds:.0f} s" if fault.seconds else ""
        found.append(f"{fault.at:8.1f} s  {fault.kind}{jump}{lasts}")
    return found
