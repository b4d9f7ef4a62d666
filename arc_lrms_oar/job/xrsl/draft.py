"""A job while its xRSL is being read, with the fields of ARC's own JobDescription.

It contains no attribute names; it can only copy itself for alternatives and become an `XrslJob`.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field

from arc_lrms_oar.job.description import JobDescription, RuntimeEnvironment
from arc_lrms_oar.job.xrsl.tree import Condition


@dataclass(frozen=True)
class XrslJob:
    """One job of a job description in xRSL.

    `ignored` are lines "attribute: reason" about attributes that do not reach OAR, or not
    unchanged. `alternatives` are the further jobs of a disjunction; a client tries the next one if
    no CE accepts the one before. `unset` names the fields of the description that hold a default.
    Only A-REX uses `rerun` and `log_dir`.
    """

    description: JobDescription
    ignored: tuple[str, ...] = ()
    alternatives: tuple[XrslJob, ...] = ()
    rerun: int | None = None
    log_dir: str | None = None
    unset: frozenset[str] = frozenset()


@dataclass
class Draft:
    """Fields as in JobDescription; `late` are conditions that ARC evaluates after all others."""

    executable: str = ""
    arguments: list[str] = field(default_factory=list)
    name: str = ""
    environment: list[tuple[str, str]] = field(default_factory=list)
    stdin: str = ""
    stdout: str = ""
    stderr: str = ""
    log_dir: str = ""
    platform: str = ""
    queue: str = ""
    cpu_time: int | None = None
    wall_time: int | None = None
    memory: int | None = None
    disk: int | None = None
    count: int | None = None
    count_per_node: int | None = None
    exclusive: bool | None = None
    runtime_environments: list[RuntimeEnvironment] = field(default_factory=list)
    start_time: int | None = None
    priority: int | None = None
    rerun: int | None = None
    input_files: list[str] = field(default_factory=list)
    output_files: list[str] = field(default_factory=list)
    late: dict[str, Condition] = field(default_factory=dict)
    ignored: dict[str, None] = field(default_factory=dict)
    alternatives: list[Draft] = field(default_factory=list)

    def copy(self) -> Draft:
        """Return a copy without alternatives."""
        other = copy.copy(self)
        for name, value in vars(self).items():
            if isinstance(value, (list, dict)):
                setattr(other, name, value.copy())
        other.alternatives = []
        return other

    def note(self, line: str) -> None:
        """Add a line to `ignored`, once."""
        self.ignored.setdefault(line)

    def finished(self) -> XrslJob:
        """Return the finished job; numbers that must be positive and are not count as unset."""
        count = self.count if self.count is not None and self.count > 0 else None
        description = JobDescription(
            executable=self.executable,
            arguments=tuple(self.arguments),
            name=self.name or None,
            environment=tuple(self.environment),
            stdin=self.stdin or None,
            stdout=self.stdout or None,
            stderr=self.stderr or None,
            queue=self.queue or None,
            cpu_time=self.cpu_time,
            wall_time=self.wall_time,
            memory=_not_negative(self.memory),
            disk=_not_negative(self.disk),
            count=count or 1,
            count_per_node=max(self.count_per_node or 0, 0) or None,
            num_nodes=_nodes(count, self.count_per_node),
            exclusive=bool(self.exclusive),
            runtime_environments=tuple(self.runtime_environments),
            start_time=self.start_time,
            priority=_not_negative(self.priority),
            input_files=tuple(self.input_files),
            output_files=tuple(self.output_files),
        )
        unset = {"count"} if count is None else set()
        if self.exclusive is None:
            unset.add("exclusive")
        return XrslJob(
            description,
            tuple(self.ignored),
            tuple(alternative.finished() for alternative in self.alternatives),
            _not_negative(self.rerun),
            self.log_dir or None,
            frozenset(unset),
        )


Drafts = list[Draft]


def note(drafts: Drafts, what: str, reason: str) -> None:
    """Add the line "what: reason" to `ignored` of all `drafts`."""
    for draft in drafts:
        draft.note(f"{what}: {reason}")


def _not_negative(number: int | None) -> int | None:
    return number if number is None or number >= 0 else None


def _nodes(count: int | None, per_node: int | None) -> int | None:
    """Return the value that A-REX adds to GRAMi as `numnodes`."""
    return -(-count // per_node) if count and per_node and per_node > 0 else None
