"""Why a job waits: OAR's message and the state of the site as one reason with advice. Pure.

OAR 2 writes a reason into the job's message when its scheduler could not place the job; OAR 3 does
not. Neither mentions a stopped server, an inactive queue or nodes that are down, so these are
passed in. Sources: OAR 2.5 `sources/core/modules/scheduler/*`, and
docs/internals/oar.md#messages-of-waiting-jobs.
"""

from __future__ import annotations

import re
import time
from collections.abc import Collection
from typing import NamedTuple

from arc_lrms_oar.oar.job_record import JobRecord
from arc_lrms_oar.oar.states import State, state_of

WAITING = frozenset({State.WAITING, State.TO_ACK_RESERVATION})

# The message that OAR writes at submission, and again when it has scheduled the job.
_REQUEST = r"R=[0-9]+,"
_DEPENDENCY = r"(?i)dependency with the job ([0-9]+)"
_CONTAINER = r"(?i)(?:inner job: )?container ([0-9]+) (?:is yet|does not exist)"
_TOKEN = r"(?i)no enough token|token value"
_QUOTA = (
    r"quota_exceeded:\s*Gantt_quotas->\{(.*?)\}->\{(.*?)\}->\{(.*?)\}->\{(.*?)\}="
    r"\[([\d.]+),([\d.]+),([\d.]+)\]>\[(-?[\d.]+),(-?[\d.]+),(-?[\d.]+)\]"
)
_SCOPES = ("queue", "project", "type", "user")
_UNITS = ("resources", "running jobs", "resource hours")
_NO_MATCH = r"(?i)no enough matching resources"
# OAR 2 writes the wall time with colons, OAR 3 in seconds.
_REQUEST_2 = r"R=[0-9]+,W=[0-9]+:"
# What OAR 2's schedulers add for a job that they have placed.
_SCHEDULED = r"\(Karma=|FIFO scheduling OK"


class SiteState(NamedTuple):
    """What OAR's messages leave out; None stands for "not known".

    `total` and `alive` count cores. `inactive` has the names of queues that start no jobs.
    `server_error` says why OAR's server does not answer, "" if it does.
    """

    total: int | None = None
    alive: int | None = None
    inactive: Collection[str] = ()
    server_error: str | None = None


class WaitReason(NamedTuple):
    """Why a job waits, and what to do; `problem` means that waiting alone does not help."""

    reason: str
    advice: str
    problem: bool = False


def why_waiting(record: JobRecord, cores: int | None, site: SiteState) -> WaitReason | None:
    """The reason for which a job waits, or None for a job that does not wait.

    `cores` is the number of cores that the job requests, None if it is not known.
    """
    state = state_of(record.state)
    if state not in WAITING:
        return None
    if site.server_error:
        return WaitReason(
            f"OAR's server is not running: {site.server_error}",
            "Start OAR's server, or check its log /var/log/oar.log. Until then no job starts.",
            True,
        )
    if record.queue in site.inactive:
        return WaitReason(
            f"OAR's queue {record.queue} is not active",
            f"Run `oarnotify -e {record.queue}` (OAR 3: `oarqueue -e {record.queue}`).",
            True,
        )
    if state is State.TO_ACK_RESERVATION:
        return WaitReason(
            "OAR has not confirmed its reservation yet", "Wait: OAR is about to confirm it."
        )
    return _by_message(record.message, cores) or _by_capacity(record, cores, site)


def unscheduled_since(record: JobRecord, now: float) -> float | None:
    """Since when OAR's scheduler should have looked at a waiting job and has not; None: it has.

    Every scheduling round of OAR 2 replaces the message of a submitted job, and none of OAR 3
    leaves a predicted start in the past. Both in seconds since 1970.
    """
    if state_of(record.state) is not State.WAITING:
        return None
    if record.scheduled_start is not None:
        return record.scheduled_start if record.scheduled_start < now else None
    untouched = re.match(_REQUEST_2, record.message)
    if untouched and not record.reserved and not re.search(_SCHEDULED, record.message):
        return record.submission_time
    return None


def _by_message(message: str, cores: int | None) -> WaitReason | None:
    """The reasons that OAR's message names."""
    if found := re.search(_DEPENDENCY, message):
        return WaitReason(
            f"it depends on job {found[1]}, which has no start time",
            f"Run `explain {found[1]}` for that job.",
        )
    if found := re.search(_CONTAINER, message):
        return WaitReason(
            f"its container job {found[1]} is not scheduled",
            f"Run `explain {found[1]}` for the container job.",
        )
    if re.search(_TOKEN, message):
        return WaitReason(
            f"it needs a token that is not available ({message})",
            "Wait until jobs that hold the token end, or check OAR's token script.",
        )
    if found := re.search(_QUOTA, message):
        return _quota(found, cores)
    return None


def _quota(found: re.Match[str], cores: int | None) -> WaitReason:
    scopes = zip(_SCOPES, found.groups()[:4])
    scope = ", ".join(f"{name} {value}" for name, value in scopes if value not in ("*", "/"))
    excess = [
        f"{float(value):g} {unit}, limit {float(limit):g}"
        for unit, value, limit in zip(_UNITS, found.groups()[4:7], found.groups()[7:10])
        if float(value) > float(limit) >= 0
    ]
    reason = f"it would exceed OAR's quota for {scope or 'all jobs'}: {'; '.join(excess)}"
    limit = float(found[8])
    if cores is not None and 0 <= limit < cores:
        return WaitReason(
            reason,
            f"The job can never start: it requests {_cores(cores)}, and the quota is {limit:g}. "
            "Raise the quota (/etc/oar/scheduler_quotas.conf), or cancel the job.",
            True,
        )
    return WaitReason(
        reason,
        "Wait until other jobs of this quota end, or raise it (/etc/oar/scheduler_quotas.conf).",
    )


def _by_capacity(record: JobRecord, cores: int | None, site: SiteState) -> WaitReason:
    """The reasons that follow from the site's cores, or else from the schedule."""
    unmatched = re.search(_NO_MATCH, record.message)
    if site.alive == 0 and site.total:
        return WaitReason(
            f"none of OAR's {_cores(site.total)} is Alive",
            "Bring nodes up: `oarnodes -s` shows their states.",
            True,
        )
    if cores is not None and site.total is not None and cores > site.total:
        return WaitReason(
            f"it requests {_cores(cores)}, and OAR has {site.total}",
            f"The job can never start. Cancel it; at most {_cores(site.total)} can be requested.",
            True,
        )
    if cores is not None and site.alive is not None and cores > site.alive:
        return WaitReason(
            f"it requests {_cores(cores)}, and {site.alive} of OAR's {site.total} are Alive",
            "Bring nodes up (`oarnodes -s` shows their states), or cancel the job.",
            True,
        )
    if unmatched:
        of = f" among {_cores(site.alive, 'Alive ')}" if site.alive is not None else ""
        return WaitReason(
            f"OAR finds no matching resources{of}",
            f"Compare the job's properties, memory and cores per node (`oarstat -f -j "
            f"{record.job_id}`) with those of the nodes (`oarnodes`).",
            True,
        )
    if record.scheduled_start is not None:
        start = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.scheduled_start))
        return WaitReason(f"OAR expects it to start at {start}", f"Wait: it starts at {start}.")
    if re.search(_SCHEDULED, record.message):
        return WaitReason(
            "OAR has scheduled it for later", "Wait: OAR starts it when its resources are free."
        )
    if record.message and not re.match(_REQUEST, record.message):
        return WaitReason(f"OAR's message is: {record.message}", "Wait, or check /var/log/oar.log.")
    return WaitReason(
        "OAR has not scheduled it yet",
        "Wait for OAR's next scheduling round; if nothing changes, check /var/log/oar.log.",
    )


def _cores(number: int, adjective: str = "") -> str:
    return f"{number} {adjective}core{'' if number == 1 else 's'}"
