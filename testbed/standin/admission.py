"""The admission rules of OAR 2.x as Debian installs them, and #OAR lines in a scanned script.

Must not: estimate or insert anything.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping

from .command import Call, Refused
from .options import Option, Parsed
from .submission import (
    DEFAULT_WALLTIME,
    FORBIDDEN_LEVELS,
    TYPES,
    Submission,
    combined,
    default_type,
)

RULE = "[ADMISSION RULE] "


def admit(call: Call, job: Submission) -> str:
    """Change the job as the rules do, and return what they say; or refuse it."""
    return _Rules(call).admit(job)


class _Rules:
    def __init__(self, call: Call) -> None:
        self._call = call
        self._out = ""

    def _refuse(self, rc: int, text: str) -> Refused:
        return Refused(rc, self._out, text)

    def admit(self, job: Submission) -> str:
        """Debian's default admission rules, in their order."""
        knobs = self._call.store.knobs()
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
        queues = {row["name"] for row in self._call.store.rows("SELECT name FROM queues")}
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


def scan(call: Call, parsed: Parsed, options: Mapping[str, Option]) -> str:
    """#OAR lines are more options; the command line wins where only one can count.

    Returns what they add to the initial request.
    """
    path, added = parsed.arguments[0], ""
    try:
        with open(shlex.split(path)[0], encoding="utf-8", errors="replace") as script:
            lines = script.readlines()
    except OSError as error:
        at = 98 if call.dialect.hash_errors else 94
        raise _bad(
            f"cat: {path}: {error.strerror}\nUse of uninitialized value in pattern match (m//)"
            f" at /usr/share/perl5/OAR/Sub.pm line {at}.\n"
            f"[ERROR] Cannot open the file {path}.\n",
        ) from None
    for number, line in enumerate(lines, 1):
        match = re.match(r"#OAR\s+(.*?)\s*$", line)
        if not match:
            continue
        # OAR takes the rest of the line as it stands, quotes and all.
        option, _, value = match.group(1).partition(" ")
        if "=" in option and option.startswith("--"):
            option, _, value = match.group(1).partition("=")
        known = options.get(option)
        if known is None:
            raise _bad(
                f"/!\\ Not able to scan file line: {match.group(0)}. at"
                f" /usr/share/perl5/OAR/Sub.pm line 144, <FILE> line {number}.\n"
                f"[ERROR] 1 error(s) encountered while parsing the file {path}.\n",
            )
        if known.name in ("resource", "type", "anterior") or not parsed.has(known.name):
            parsed.add(known.name, value.strip())
        added += f"; {line.strip()}"
    return added


def _bad(text: str) -> Refused:
    return Refused(12, err=text)
