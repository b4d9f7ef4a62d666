"""The status of a testbed: its daemons, versions and OAR's jobs. Nothing is started or changed."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field

from .namespace import Namespace
from .services import Postgres, members
from .suites import Suite

VERSIONS = "/etc/testbed-versions.json"
QUERY = "select state, count(*) from jobs group by state order by state"


@dataclass
class Status:
    suite: str
    up: bool
    root: str | None = None
    checkout: str | None = None
    init: int | None = None
    daemons: dict[str, int | None] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    jobs: dict[str, int] | None = None

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1)

    def to_text(self) -> str:
        if not self.up:
            return f"{self.suite}: down"
        lines = [f"{self.suite}: up, {describe(self.versions)}"]
        lines.append(f"  checkout  {self.checkout}")
        lines.append(f"  init      {self.init} on this host")
        for name, pid in self.daemons.items():
            state = self.problems.get(name, "answers")
            lines.append(f"  {name:9} {pid if pid is not None else '-'} inside, {state}")
        lines.append(f"  OAR jobs  {describe_jobs(self.jobs)}")
        return "\n".join(lines)


def describe(versions: dict[str, str]) -> str:
    names = {"arc": "ARC", "oar": "OAR", "python": "Python", "postgresql": "PostgreSQL"}
    return ", ".join(f"{names.get(key, key)} {value}" for key, value in versions.items())


def describe_jobs(jobs: dict[str, int] | None) -> str:
    if jobs is None:
        return "unknown: the database does not answer"
    return ", ".join(f"{count} {state}" for state, count in jobs.items()) or "none"


def parse_job_counts(text: str) -> dict[str, int]:
    """Parse unaligned output of psql, `STATE|COUNT` per line."""
    counts = {}
    for line in text.splitlines():
        state, _, count = line.partition("|")
        if count.strip().isdigit():
            counts[state] = int(count)
    return counts


def job_counts(inside: Namespace, suite: Suite) -> dict[str, int] | None:
    if Postgres(inside, suite).problem():
        return None
    done = inside.run(["psql", "-d", "oar", "-Atc", QUERY], user="postgres", cwd="/", timeout=30)
    return parse_job_counts(done.stdout.decode()) if done.returncode == 0 else None


def versions(inside: Namespace) -> dict[str, str]:
    return {str(k): str(v) for k, v in json.loads(inside.path(VERSIONS).read_text()).items()}


def read(inside: Namespace, suite: Suite) -> Status:
    status = Status(suite.name, up=inside.pid() is not None, init=inside.pid())
    if status.up:
        services = members(inside, suite)
        status.daemons = {service.name: service.pid() for service in services}
        found = {service.name: service.problem() for service in services}
        status.problems = {name: text for name, text in found.items() if text}
        status.versions = versions(inside)
        status.jobs = job_counts(inside, suite)
    return status
