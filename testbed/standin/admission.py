"""The admission rules of OAR 2.x as Debian installs them."""

from __future__ import annotations

from .invocation import Invocation, Refused
from .submission import (
    DEFAULT_WALLTIME,
    FORBIDDEN_LEVELS,
    TYPES,
    Submission,
    combined,
    default_type,
)

RULE = "[ADMISSION RULE] "


def admit(call: Invocation, job: Submission) -> str:
    """Apply the rules to the job and return what they print; raises Refused."""
    return _Rules(call).admit(job)


class _Rules:
    def __init__(self, call: Invocation) -> None:
        self._call = call
        self._out = ""

    def _refuse(self, rc: int, text: str) -> Refused:
        return Refused(rc, self._out, text)

    def admit(self, job: Submission) -> str:
        """Apply Debian's default admission rules in their order."""
        knobs = self._call.db.knobs()
        if knobs.get("refuse_root") and self._call.user in ("root", "oar"):
            self._deny("root and oar users are not allowed to submit jobs.")
        if knobs.get("admission_refusal"):
            self._deny(str(knobs["admission_refusal"]))
        if job.queue == "admin" and self._call.user != "root":
            self._deny("Only member of the group admin can submit jobs in the admin queue")
        for groups, _ in job.alternatives:
            for name in (name for _, levels in groups for name, _ in levels):
                if name in FORBIDDEN_LEVELS:
                    self._deny(f"'{name}' resource is not allowed")
        self._besteffort(job)
        job.condition = combined(job.condition, "desktop_computing = 'NO'")
        if any(walltime < 0 for _, walltime in job.alternatives):
            self._out += f"{RULE}Set default walltime to {DEFAULT_WALLTIME}.\n"
        for kind in job.types:
            if not TYPES.match(kind):
                self._deny(f"Error: unknown job type: {kind}")
        job.alternatives = [
            (default_type(groups), DEFAULT_WALLTIME if walltime < 0 else walltime)
            for groups, walltime in job.alternatives
        ]
        self._out += f"{RULE}Modify resource description with type constraints\n"
        queues = {row["name"] for row in self._call.db.rows("SELECT name FROM queues")}
        if job.queue not in queues:
            if self._call.dialect.hash_errors:
                raise self._refuse(248, f"# Error: queue '{job.queue}' does not exist\n")
            raise self._refuse(248, f"ERROR : The queue {job.queue} does not exist\n")
        return self._out

    def _besteffort(self, job: Submission) -> None:
        if "besteffort" in job.types and job.queue != "besteffort":
            job.queue = "besteffort"
            self._out += f"{RULE}Automatically redirect in the besteffort queue\n"
        if job.queue == "besteffort" and "besteffort" not in job.types:
            job.types.append("besteffort")
            self._out += f"{RULE}Automatically add the besteffort type\n"
        if "besteffort" in job.types:
            job.condition = combined(job.condition, "besteffort = 'YES'")
            self._out += f"{RULE}Automatically add the besteffort constraint on the resources\n"
            if job.reservation:
                self._deny("Error: a job cannot both be of type besteffort and be a reservation.")

    def _deny(self, text: str) -> None:
        raise self._refuse(254, f"{RULE}{text}\n\n")
