"""The options of A-REX's information provider: what it asks about."""

from __future__ import annotations

import json
import sys
from typing import Any, NamedTuple

from arc_lrms_oar.arex.job_listing import IN_OAR, JobListing, user_of
from arc_lrms_oar.errors import ConfigError, ControlDirError
from arc_lrms_oar.local_ids import is_unsubmitted
from arc_lrms_oar.settings import Settings


class Wanted(NamedTuple):
    """What the provider asks about: the users of each ARC queue, and OAR job IDs.

    `unsubmitted` are the local job IDs of jobs whose submission failed.
    """

    users: dict[str, list[str]]
    job_ids: list[int]
    unsubmitted: list[str]


def options_schema() -> dict[str, Any]:
    """The options as ARC's `infoproviders/InfoChecker.pm` describes them."""
    return {"lrms": "*", "queues": {"*": {"users": [""]}}, "jobs": [""], "controldir": "*"}


def read_options(path: str | None, settings: Settings) -> dict[str, Any]:
    """The options in a JSON file (`-`: stdin), None: those that A-REX would pass now.

    Raises ConfigError.
    """
    if path is None:
        return _usual_options(settings)
    try:
        if path == "-":
            found = json.load(sys.stdin)
        else:
            with open(path, encoding="utf-8") as file:
                found = json.load(file)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot read the provider's options: {error}") from None
    if not isinstance(found, dict):
        raise ConfigError(f"{path}: expected the provider's options as a JSON object")
    return found


def _usual_options(settings: Settings) -> dict[str, Any]:
    """All queues of arc.conf, the grid jobs that are in OAR, and their users.

    Without permission to read the control directory there are no jobs and no users.
    """
    try:
        every = JobListing(settings.control_dir).unfinished()
        jobs = [job for job in every if job.state in IN_OAR]
    except ControlDirError:
        jobs = []
    users = sorted({user for job in jobs if (user := user_of(job))})
    return {
        "queues": {name: {"users": users} for name in settings.queues},
        "jobs": [job.written_id for job in jobs if job.local_id or job.is_unsubmitted],
    }


def check_options(options: dict[Any, Any]) -> Wanted:
    """The options as values; job IDs that are no numbers are left out.

    Inline::Python passes Perl's strings as bytes. Raises ConfigError.
    """
    decoded = _decoded(options)
    queues, jobs = decoded.get("queues") or {}, decoded.get("jobs") or []
    if not isinstance(queues, dict) or not all(isinstance(row, dict) for row in queues.values()):
        raise ConfigError("the provider's option queues: expected an object of objects")
    users = {name: row.get("users") or [] for name, row in queues.items()}
    if not all(isinstance(one, list) for one in (jobs, *users.values())):
        raise ConfigError("the provider's options jobs and users: expected lists")
    return Wanted(
        {name: [str(user) for user in names] for name, names in users.items()},
        [int(job_id) for job_id in jobs if str(job_id).isdecimal()],
        [str(job_id) for job_id in jobs if is_unsubmitted(str(job_id))],
    )


def _decoded(value: Any) -> Any:
    if isinstance(value, dict):
        return {_decoded(key): _decoded(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_decoded(one) for one in value]
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
