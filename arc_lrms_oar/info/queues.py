"""The cluster and its queues as the information provider publishes them. Pure.

Slots are sets: what two queues share, and what two jobs share, is counted once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from arc_lrms_oar.info.job_list import Load
from arc_lrms_oar.info.slots import FOREVER, Slot, Slots
from arc_lrms_oar.oar.job_record import JobRecord
from arc_lrms_oar.oar.resources import Queue
from arc_lrms_oar.settings import QueueSettings

_ACTIVE = 1
_INACTIVE = -1


def cluster_info(version: str, slots: Slots, load: Load, policy: str) -> dict[str, Any]:
    """The cluster as LRMSInfo.pm's schema has it; its slots are those that are up or taken."""
    found: dict[str, Any] = {
        "lrms_type": "oar",
        "lrms_glue_type": "oar",
        "lrms_version": version,
        "totalcpus": len(slots.up | load.taken),
        "usedcpus": len(load.taken),
        "queuedcpus": load.queued_cpus(),
        "queuedjobs": len(load.queued),
        "runningjobs": len(load.running),
        "cpudistribution": slots.distribution(),
    }
    if policy:
        found["schedpolicy"] = policy
    return found


def is_active(queue: str, queues: Mapping[str, Queue] | None) -> bool:
    """Whether OAR starts jobs of its queue; where it cannot be known, it is taken to do so."""
    return queues is None or (queue in queues and queues[queue].active)


def policy_of(queues: Mapping[str, Queue] | None, names: Iterable[str]) -> str:
    """GLUE2's word for the scheduling of these queues of OAR; "" where they differ.

    OAR's own schedulers (2.5 sources/core/modules/scheduler) go by karma or by submission.
    """
    told = {queues[name].policy for name in names if name in queues} if queues else set()
    words = {"fairshare" if "fairsharing" in policy else "fifo" for policy in told if policy}
    return words.pop() if len(words) == 1 else ""


def queue_info(
    settings: QueueSettings,
    name: str,
    own: Collection[Slot],
    users: Iterable[str],
    slots: Slots,
    taken: Collection[Slot],
    load: Load,
    queues: Mapping[str, Queue] | None,
    held: Mapping[Slot, float],
    now: float,
) -> dict[str, Any]:
    """One queue: `name` is OAR's, `own` are its slots, `load` its jobs, `taken` all that is taken.

    `held` tells of advance reservations: when a slot will be taken (seconds since 1970).
    """
    there = (slots.up | load.taken).intersection(own)
    free = slots.free(taken).intersection(own)
    active = is_active(name, queues)
    times = free_cpus(free, slots, held, now)
    waiting = Counter(record.owner for record in load.queued)
    found: dict[str, Any] = {
        "status": _ACTIVE if active else _INACTIVE,
        "maxrunning": len(there),
        "running": len(load.taken.intersection(own)),
        "queued": len(load.queued),
        "suspended": len(load.suspended),
        "total": load.total(),
        "totalcpus": len(there),
        "freeslots": len(free) if active else 0,
        "preemption": "true" if _best_effort(settings, name) else "false",
        "users": {
            user: {"freecpus": times if active else {"0": 0}, "queuelength": waiting[user]}
            for user in users
        },
        "nodes": sorted({slot[0] for slot in own}),
    }
    if settings.default_walltime:
        found["defaultwallt"] = settings.default_walltime
        found["defaultcput"] = settings.default_walltime
    if settings.acl_users:
        found["acl_users"] = list(settings.acl_users)
    return {**found, **dict(settings.limits)}


def _best_effort(settings: QueueSettings, name: str) -> bool:
    """Whether OAR may end a job of the queue to make room for another one."""
    return name == "besteffort" or "besteffort" in settings.types


def free_cpus(
    free: Iterable[Slot], slots: Slots, held: Mapping[Slot, float], now: float
) -> dict[str, int]:
    """How many slots are free (key) for so many minutes (value, 0: without limit)."""
    ends = Counter(min(slots.until[slot], held.get(slot, FOREVER)) for slot in free)
    found: dict[str, int] = {}
    count = 0
    for end in sorted(ends, reverse=True):
        count += ends[end]
        minutes = 0 if end == FOREVER else int(end - now) // 60
        if minutes > 0 or end == FOREVER:
            found[str(count)] = minutes
    return found or {"0": 0}


def reservations(records: Iterable[JobRecord], slots: Slots) -> dict[Slot, float]:
    """When each slot that is kept for an advance reservation will be taken."""
    found: dict[Slot, float] = {}
    for record in records:
        if record.scheduled_start and record.reserved:
            for slot in slots.taken_by(record.reserved):
                found[slot] = min(found.get(slot, FOREVER), float(record.scheduled_start))
    return found
