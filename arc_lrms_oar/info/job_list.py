"""OAR's jobs as the information provider publishes them, and the load that they make. Pure.

Must not ask OAR: it works on what `info.provider` has asked for.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from arc_lrms_oar.console import printable
from arc_lrms_oar.info.slots import Slot, Slots
from arc_lrms_oar.oar.job_record import JobRecord
from arc_lrms_oar.oar.states import State, state_of
from arc_lrms_oar.oar.waiting import SiteState, why_waiting

# Jobs that have their resources. Those of a suspended one OAR gives to others
# (SCHEDULER_AVAILABLE_SUSPENDED_RESOURCE_TYPE).
_RUNNING = {
    State.TO_LAUNCH,
    State.LAUNCHING,
    State.RUNNING,
    State.RESUMING,
    State.FINISHING,
    State.TO_ERROR,
}
_SUSPENDED = {State.SUSPENDED, State.HOLD}


class Load:
    """Some of OAR's jobs: those that run, wait and are suspended, and the slots that are taken."""

    def __init__(self, records: Iterable[JobRecord], slots: Slots) -> None:
        self.running: list[JobRecord] = []
        self.queued: list[JobRecord] = []
        self.suspended: list[JobRecord] = []
        for record in records:
            state = state_of(record.state)
            if state in _RUNNING or (state is None and record.resources):
                self.running.append(record)
            elif state in _SUSPENDED:
                self.suspended.append(record)
            else:
                self.queued.append(record)
        self.queued.sort(key=lambda record: (record.submission_time or 0, record.job_id))
        self._slots = slots
        self.taken: set[Slot] = set()
        for record in self.running:
            self.taken |= slots.taken_by(record.resources)

    def queued_cpus(self) -> int:
        """How many slots the waiting jobs want together."""
        return sum(cpus_of(record, self._slots) for record in self.queued)

    def total(self) -> int:
        """How many jobs there are that have not ended."""
        return len(self.running) + len(self.queued) + len(self.suspended)


def cpus_of(record: JobRecord, slots: Slots) -> int:
    """The slots that a job has, or those that it wants; at least one."""
    had = len(slots.taken_by(record.resources)) or record.cores
    return had or max(1, round((record.wanted or 1) / slots.rows_of_a_slot))


def ranks(load: Load) -> dict[int, int]:
    """The place of each waiting job in its queue, 1 for the one that was submitted first."""
    found: dict[int, int] = {}
    lengths: dict[str, int] = {}
    for record in load.queued:
        lengths[record.queue] = found[record.job_id] = lengths.get(record.queue, 0) + 1
    return found


def job_info(
    record: JobRecord, slots: Slots, rank: int | None, site: SiteState, now: float
) -> dict[str, Any]:
    """One job that has not ended, as LRMSInfo.pm's schema has it: seconds, kB.

    OAR measures neither CPU time nor memory: what is told is the CPUs' time so far, and the memory
    of the resources that the job was given.
    """
    state = state_of(record.state)
    taken = slots.taken_by(record.resources)
    cpus = cpus_of(record, slots)
    row: dict[str, Any] = {
        "status": state.published if state else "O",
        "cpus": cpus,
        "nodes": sorted({slot[0] for slot in taken}) or list(record.nodes),
        "comment": comment(record, requested_cores(record, slots), site),
    }
    if rank is not None:
        row["rank"] = rank
    if record.wall_time:
        row["reqwalltime"] = record.wall_time
        row["reqcputime"] = record.wall_time * cpus
    if record.start_time and record.scheduled_start is None:
        row["walltime"] = max(0, int(now) - record.start_time)
        row["cputime"] = row["walltime"] * cpus
    memory = sum(_share(slots, slot) for slot in taken)
    if memory:
        row["mem"] = int(memory)
    return row


def _share(slots: Slots, slot: Slot) -> float:
    node = slots.nodes[slot[0]]
    return node.memory / len(node.slots)


def requested_cores(record: JobRecord, slots: Slots) -> int | None:
    """The slots that a job has or requests, or None if OAR does not give them."""
    known = record.resources or record.cores or record.wanted
    return cpus_of(record, slots) if known else None


def comment(record: JobRecord, cores: int | None, site: SiteState) -> list[str]:
    """OAR's message and why the job waits, as lines that XML allows."""
    lines = [record.message] if record.message else []
    reason = why_waiting(record, cores, site)
    if state_of(record.state) is State.HOLD:
        lines.append("held in OAR (oarhold)")
    elif reason is not None:
        lines.append(reason.reason)
    return [printable(line) for line in lines]
