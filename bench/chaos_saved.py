"""A finished chaos run, which can be stored in a file and checked again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from chaos_judge import Finding, judge
from chaos_plan import Plan, PlannedJob
from chaos_records import Account, GridJob, Happened, OarJob, Records


@dataclass(frozen=True)
class Saved:
    """The plan of a run, what happened, and what was left behind."""

    suite: str
    plan: Plan
    happened: Sequence[Happened]
    records: Records

    def findings(self) -> list[Finding]:
        """Return every violation of an invariant."""
        return judge(self.plan, self.happened, self.records)

    def store(self, path: Path) -> None:
        """Write the run into a file."""
        plan = {
            "minutes": self.plan.minutes,
            "seed": self.plan.seed,
            "jobs": [tuple(job) for job in self.plan.jobs],
        }
        content = {
            "suite": self.suite,
            "plan": plan,
            "happened": [asdict(one) for one in self.happened],
            "records": asdict(self.records),
        }
        path.write_text(json.dumps(content))

    @classmethod
    def load(cls, path: Path) -> Saved:
        """Read a run that was stored."""
        content = json.loads(path.read_text())
        plan, records = content["plan"], content["records"]
        jobs = [
            GridJob(**{**job, "left": tuple(job["left"]), "account": _account(job["account"])})
            for job in records["jobs"]
        ]
        oar_jobs = [
            OarJob(**{**job, "events": tuple(job["events"])}) for job in records["oar_jobs"]
        ]
        happened = [
            Happened(**{**one, "targets": tuple(one["targets"])}) for one in content["happened"]
        ]
        return cls(
            content["suite"],
            Plan(
                plan["minutes"], plan["seed"], tuple(PlannedJob(*job) for job in plan["jobs"]), ()
            ),
            happened,
            Records(jobs, oar_jobs, records["notes"], records["left"]),
        )


def _account(values: dict[str, Any] | None) -> Account | None:
    return None if values is None else Account(**values)
