"""The name of a grid job in OAR, and how an OAR job proves which grid job it belongs to.

Pure. A job ID alone proves nothing: OAR assigns an ID again after its database was restored or
created anew, and with one account for everybody (A-REX's map_to_user) all jobs have the same owner.
"""

from __future__ import annotations

import re

# The column job_name of OAR's database (OAR 2.5 `sources/core/database/pg_structure.sql`).
_NAME_LIMIT = 100
# What follows the grid job ID in the commands of all OAR jobs that submission makes.
_SCRIPT = "/.arc_oar/job-"
# An SQL pattern of those commands.
COMMANDS = f"%{_SCRIPT}%"


def safe_name(text: str) -> str:
    """Reduce `text` to letters, digits, `_` and `-`; every run of other characters becomes one `_`.

    The result never begins with a `-`, so no command takes it for an option.
    """
    return re.sub(r"[^A-Za-z0-9_-]+", "_", text).strip("_-")


def job_name(name: str, grid_id: str) -> str:
    """Return the job's name in OAR: the beginning of the user's name, then the whole grid job ID.

    The grid job ID makes it unique, so that an interrupted submission can be found by it.
    """
    unique = safe_name(grid_id)
    length = _NAME_LIMIT - len(unique) - 1
    label = safe_name(name)[: min(max(length, 0), 40)].strip("_-")
    return f"{label}-{unique}" if label else unique


def grid_id_in(command: str) -> str | None:
    """The grid job ID in the command of an OAR job that submission has made, None in others."""
    match = re.search(rf"/([A-Za-z0-9_-]+){re.escape(_SCRIPT)}", command)
    return match[1] if match else None


def is_job_of(grid_id: str, name: str, command: str) -> bool:
    """Whether an OAR job with this name and command was submitted for the grid job.

    The name ends in the grid job ID, or the command is the script in the private directory of the
    session directory, which A-REX names after the grid job ID. Admission rules may change the one
    or the other.
    """
    unique = safe_name(grid_id)
    if unique and (name == unique or name.endswith((f"-{unique}", f"_{unique}"))):
        return True
    return f"/{grid_id}{_SCRIPT}" in command
