"""What a chaos run leaves behind, as plain values: A-REX's jobs, OAR's jobs, and the faults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

ENDED = ("Terminated", "Error")
# Seconds: A-REX's work on a job goes on a little after a fault, and so does OAR's.
_AFTERMATH = 60.0
# How a local job ID starts that is none of OAR's: that of a job whose submission failed.
_UNSUBMITTED = "not-submitted-"
# What happens after the faults of the plan: jobs that OAR has left in their launch are deleted.
DELETE_STUCK = "delete-stuck"


@dataclass(frozen=True)
class Account:
    """An accounting record of A-REX. `start`, `end`: of the job in OAR, 0 if it has none."""

    complete: bool
    exit_code: int
    wall: int
    nodes: int
    cores: int
    start: int
    end: int


@dataclass(frozen=True)
class GridJob:
    """A job in A-REX.

    `number` is that of the planned job, None if A-REX has lost its name. `left` are the files in
    its private directory. `begun` and `ended` are seconds since 1970. `unexplained`: the job has
    failed, and A-REX has no reason.
    """

    grid_id: str
    number: int | None
    state: str
    failure: str
    local_id: str
    account: Account | None
    left: tuple[str, ...] = ()
    begun: float = 0.0
    ended: float = 0.0
    unexplained: bool = False

    @property
    def oar_id(self) -> int:
        """The ID of its job in OAR, 0 if it has none."""
        return int(self.local_id) if self.local_id.isdigit() else 0

    @property
    def unsubmitted(self) -> bool:
        """Whether submission has handed the job over to scan as failed."""
        return self.local_id.startswith(_UNSUBMITTED)


@dataclass(frozen=True)
class OarJob:
    """A job in OAR.

    `status` is the raw wait status. `start` and `stop` are 0 if it has not started or ended.
    `resubmits` is the job that OAR has replaced by it, or 0. `events` are "TYPE description", in
    order.
    """

    job_id: int
    grid_id: str
    state: str
    status: int | None
    start: int
    stop: int
    resubmits: int
    events: tuple[str, ...]
    nodes: int
    cores: int

    def has_event(self, kind: str, text: str = "") -> bool:
        """Return whether it has an event of this type with this text in the description."""
        return any(one.partition(" ")[0] == kind and text in one for one in self.events)


@dataclass(frozen=True)
class Happened:
    """A fault that has happened, with its true times (seconds since 1970) and its targets."""

    kind: str
    begin: float
    end: float
    targets: tuple[str, ...] = ()

    def concerns(self, job: GridJob) -> bool:
        """Return whether the fault lasted while the job was in A-REX, or ended just before."""
        return self.begin <= (job.ended or self.begin) and job.begun <= self.end + _AFTERMATH

    def hit(self, job: GridJob) -> bool:
        """Return whether the job is one of the targets."""
        return any(job.grid_id in target for target in self.targets)


@dataclass(frozen=True)
class Records:
    """Everything that is left.

    `notes`: the lines of each job's program, by job name. `left`: other files and processes.
    """

    jobs: Sequence[GridJob]
    oar_jobs: Sequence[OarJob]
    notes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    left: Sequence[str] = ()
