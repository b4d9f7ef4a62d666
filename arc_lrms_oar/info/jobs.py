"""OAR's jobs as the information provider publishes them. Pure.

The status that is published for a job also decides how it is counted, so that a grid job and the
totals of its queue always agree: A-REX subtracts the grid jobs from the totals to get the local
jobs (docs/internals/arc.md#what-the-provider-makes-of-the-result). A job that occupies its slots is
published as running, also while OAR launches it or cleans up after it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sized
from typing import Any

from arc_lrms_oar.console import printable
from arc_lrms_oar.info.requests import requested_slots, requested_wall_time
from arc_lrms_oar.info.slots import Slot, Slots
from arc_lrms_oar.oar.job_record import JobRecord
from arc_lrms_oar.oar.states import State, state_of
from arc_lrms_oar.oar.waiting import SiteState, why_waiting

# States in which a job occupies its resources. OAR gives those of a suspended job to others
# (SCHEDULER_AVAILABLE_SUSPENDED_RESOURCE_TYPE in oar.conf).
_OCCUPYING = {
    State.TO_LAUNCH,
    State.LAUNCHING,
    State.RUNNING,
    State.RESUMING,
    State.FINISHING,
    State.TO_ERROR,
}
# The status that is published for an unknown state.
OTHER = "O"


def status_of(state: str) -> str:
    """The status that A-REX's provider expects for one of OAR's states."""
    known = state_of(state)
    return known.published if known else OTHER


def is_best_effort(record: JobRecord) -> bool:
    """Whether OAR ends the job to make room for one that is not best-effort.

    OAR 3 does not show the types of a job; by its default admission rules such jobs are in the
    queue besteffort.
    """
    return "besteffort" in record.types or record.queue == "besteffort"


class Load:
    """Jobs that have not ended, counted by the status that is published for them."""

    def __init__(self, records: Iterable[JobRecord]) -> None:
        self.counts: Counter[str] = Counter()
        self.waiting: list[JobRecord] = []
        for record in records:
            status = status_of(record.state)
            self.counts[status] += 1
            if status == "Q":
                self.waiting.append(record)
        self.waiting.sort(key=lambda record: (record.submission_time or 0, record.job_id))

    def ranks(self) -> dict[int, int]:
        """The position of each waiting job in its OAR queue, 1 for the first submitted."""
        found: dict[int, int] = {}
        lengths: Counter[str] = Counter()
        for record in self.waiting:
            lengths[record.queue] += 1
            found[record.job_id] = lengths[record.queue]
        return found


class Occupation:
    """The slots that jobs occupy.

    `taken` are all of them, `kept` those of jobs that are not best-effort.
    """

    def __init__(self, records: Iterable[JobRecord], slots: Slots) -> None:
        self.taken: set[Slot] = set()
        best_effort: set[Slot] = set()
        kept: set[Slot] = set()
        for record in records:
            state = state_of(record.state)
            if record.resources and (state in _OCCUPYING or state is None):
                occupied = slots.taken_by(record.resources)
                self.taken |= occupied
                if is_best_effort(record):
                    best_effort |= occupied
                else:
                    kept |= occupied
        self.kept = kept if best_effort else self.taken


def slots_of(record: JobRecord, slots: Slots, taken: Sized | None = None) -> int | None:
    """The number of slots that a job has or requests, None if OAR does not report it.

    `taken` are the slots that it has, if the caller has them.
    """
    has = len(slots.taken_by(record.resources) if taken is None else taken)
    return has or record.cores or requested_slots(record, slots)


def job_info(
    record: JobRecord, slots: Slots, rank: int | None, site: SiteState, now: float
) -> dict[str, Any]:
    """One job that has not ended, for the `jobs` of LRMSInfo.pm's schema. Times in seconds.

    OAR measures neither the CPU time nor the memory of a job, so `cputime` and `mem` are left out.
    """
    taken = slots.taken_by(record.resources)
    number = slots_of(record, slots, taken)
    row: dict[str, Any] = {
        "status": status_of(record.state),
        "cpus": number or 1,
        "nodes": sorted({slot[0] for slot in taken}) or list(record.nodes),
        "comment": comment(record, number, site),
    }
    if rank is not None:
        row["rank"] = rank
    wall_time = record.wall_time or requested_wall_time(record)
    if wall_time:
        row["reqwalltime"] = wall_time
        row["reqcputime"] = wall_time * row["cpus"]
    if record.start_time and record.scheduled_start is None:
        row["walltime"] = max(0, int(now) - record.start_time)
    return row


def comment(record: JobRecord, cores: int | None, site: SiteState) -> list[str]:
    """OAR's message and why the job waits, as lines that XML allows."""
    lines = [record.message] if record.message else []
    reason = why_waiting(record, cores, site)
    if state_of(record.state) is State.HOLD:
        lines.append("held in OAR (oarhold)")
    elif reason is not None:
        lines.append(reason.reason)
    return [printable(line) for line in lines]
