"""The cluster and its queues as the information provider publishes them. Pure.

Slots are sets, so a slot that two queues or two jobs share is counted once.

A-REX takes `running`, `queued` and `suspended` for numbers of jobs, and subtracts the grid jobs of
the queue from them: docs/internals/arc.md#what-the-provider-makes-of-the-result.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from arc_lrms_oar.info.jobs import Load, Occupation, slots_of
from arc_lrms_oar.info.slots import FOREVER, Slot, Slots
from arc_lrms_oar.oar.job_record import JobRecord
from arc_lrms_oar.oar.resources import Queue
from arc_lrms_oar.settings import QueueSettings

_ACTIVE = 1
_INACTIVE = -1


class Cluster(NamedTuple):
    """The whole of OAR: slots, jobs, and queues (None if they cannot be listed).

    `held` is the time at which an advance reservation takes a slot, in seconds since 1970.
    """

    slots: Slots
    load: Load
    occupation: Occupation
    queues: Mapping[str, Queue] | None
    held: Mapping[Slot, float]
    now: float

    def is_active(self, queue: str) -> bool:
        """Whether OAR starts jobs of its queue; yes if the queues cannot be listed."""
        return self.queues is None or (queue in self.queues and self.queues[queue].active)


def cluster_info(version: str, cluster: Cluster, policy: str) -> dict[str, Any]:
    """The `cluster` of LRMSInfo.pm's schema; its slots are those that work or are taken."""
    load, slots = cluster.load, cluster.slots
    found: dict[str, Any] = {
        "lrms_type": "oar",
        "lrms_glue_type": "oar",
        "lrms_version": version,
        "totalcpus": len(slots.up | cluster.occupation.taken),
        "usedcpus": len(cluster.occupation.taken),
        "queuedcpus": sum(slots_of(record, slots) or 1 for record in load.waiting),
        "queuedjobs": load.counts["Q"],
        "runningjobs": load.counts["R"],
        "cpudistribution": slots.distribution(),
    }
    if policy:
        found["schedpolicy"] = policy
    return found


def policy_of(queues: Mapping[str, Queue] | None, names: Iterable[str]) -> str:
    """GLUE2's SchedulingPolicy of these OAR queues; "" if they differ.

    OAR's own schedulers (2.5 sources/core/modules/scheduler) order by karma or by submission.
    """
    known = {queues[name].policy for name in names if name in queues} if queues else set()
    policies = {"fairshare" if "fairsharing" in policy else "fifo" for policy in known if policy}
    return policies.pop() if len(policies) == 1 else ""


def queue_info(
    settings: QueueSettings,
    oar_queue: str,
    own: Collection[Slot] | None,
    load: Load,
    users: Iterable[str],
    cluster: Cluster,
) -> dict[str, Any]:
    """One ARC queue, for the `queues` of LRMSInfo.pm's schema.

    `own` are the slots that the queue's jobs can use, None if its condition is wrong. `load` are
    the jobs that count in it.
    """
    slots = cluster.slots
    active = own is not None and cluster.is_active(oar_queue)
    own = own or set()
    there = (slots.up | cluster.occupation.taken).intersection(own)
    free = slots.free(taken_for(settings, oar_queue, cluster.occupation)).intersection(own)
    times = free_cpus(free, slots, cluster.held, cluster.now)
    waiting = Counter(record.owner for record in load.waiting)
    preemption = is_best_effort_queue(settings, oar_queue)
    found: dict[str, Any] = {
        "status": _ACTIVE if active else _INACTIVE,
        "maxrunning": len(there),
        "running": load.counts["R"],
        "queued": load.counts["Q"],
        "suspended": load.counts["S"],
        "total": sum(load.counts.values()),
        "totalcpus": len(there),
        "MaxSlotsPerJob": len(there),
        "freeslots": len(free) if active else 0,
        "preemption": "true" if preemption else "false",
        "Preemption": int(preemption),
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
    if settings.max_user_running:
        found["maxuserrun"] = settings.max_user_running
    if settings.max_waiting:
        found["maxqueuable"] = settings.max_waiting
    return {**found, **dict(settings.limits)}


def is_best_effort_queue(settings: QueueSettings, oar_queue: str) -> bool:
    """Whether OAR may end a job of the queue to make room for another one."""
    return oar_queue == "besteffort" or "besteffort" in settings.types


def taken_for(settings: QueueSettings, oar_queue: str, occupation: Occupation) -> set[Slot]:
    """The slots that a new job of the queue cannot get now.

    OAR ends best-effort jobs to make room for a job that is not best-effort.
    """
    preempts = not is_best_effort_queue(settings, oar_queue)
    free = preempts and settings.best_effort_slots == "free"
    return occupation.kept if free else occupation.taken


def free_cpus(
    free: Iterable[Slot], slots: Slots, held: Mapping[Slot, float], now: float
) -> dict[str, int]:
    """How many slots are free (key) for how many minutes (value, 0: without limit)."""
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
    """The time at which an advance reservation takes each slot that is kept for one."""
    found: dict[Slot, float] = {}
    for record in records:
        if record.scheduled_start and record.reserved:
            for slot in slots.taken_by(record.reserved):
                found[slot] = min(found.get(slot, FOREVER), float(record.scheduled_start))
    return found
