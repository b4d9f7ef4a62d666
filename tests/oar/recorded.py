"""Reads fixtures/, the recorded output of the real commands, by OAR's version and scenario.

Expectations are in the tests, not here.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from arc_lrms_oar.oar import json_parser
from arc_lrms_oar.oar.dialect import dialect_of
from arc_lrms_oar.oar.job_record import Event, JobRecord

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
# The versions of which all scenarios are recorded.
VERSIONS = ("2.5.9", "2.6.1", "3.0.2")
RECORDED = (*VERSIONS, "3.0.3dev")


@dataclass(frozen=True)
class Call:
    """One command and its answer; see fixtures/README.md."""

    version: str
    scenario: str
    step: str
    command: str
    user: str
    date: str
    code: int
    stdout: str
    stderr: str

    @property
    def where(self) -> str:
        return f"{self.version}/{self.scenario}/{self.step}"

    @property
    def program(self) -> str:
        names = (os.path.basename(word) for word in self.command.split())
        return next((name for name in names if name.startswith("oar")), "")

    @property
    def renamed(self) -> bool:
        """Whether the keys are those of 2.6.1's undocumented format, which is never requested."""
        return "--format 3" in self.command

    def asks(self, program: str, *options: str) -> bool:
        """Whether this is `program` with all of `options`."""
        return self.program == program and set(options) <= set(self.command.split())


@functools.cache
def calls() -> tuple[Call, ...]:
    """All calls of all recordings."""
    return tuple(
        Call(version, path.stem, **call)
        for version in RECORDED
        for path in sorted((FIXTURES / version).glob("*.json"))
        for call in json.loads(path.read_text(encoding="utf-8"))["calls"]
    )


def call(version: str, scenario: str, step: str) -> Call:
    """The one call of that name."""
    found = [x for x in calls() if (x.version, x.scenario, x.step) == (version, scenario, step)]
    if len(found) != 1:
        raise LookupError(f"{len(found)} recordings are called {version}/{scenario}/{step}")
    return found[0]


def records() -> Iterator[tuple[Call, JobRecord]]:
    """Each job in each answer to `oarstat -J -f`, with its events."""
    for asked in calls():
        if not asked.asks("oarstat", "-J", "-f") or asked.code != 0 or asked.renamed:
            continue
        found = dialect_of(asked.version).read_records(asked.stdout)
        if asked.version.startswith("3"):
            events = _events(asked)
            found = {
                job_id: record._replace(events=events.get(job_id, ()))
                for job_id, record in found.items()
            }
        for record in found.values():
            yield asked, record


def _events(asked: Call) -> dict[int, tuple[Event, ...]]:
    """The events that OAR 3 prints by a command of its own."""
    step = asked.step.replace("J-f", "e-J")
    wanted = (asked.version, asked.scenario, step)
    for other in calls():
        if (other.version, other.scenario, other.step) == wanted and "-j" in other.command.split():
            return json_parser.events_3(other.stdout)
    return {}
