"""Decide what happens to one job: report it, wait, follow its successor, or give it up as lost.

Pure: everything that the decision depends on is an argument.
"""

from __future__ import annotations

from typing import NamedTuple, Union

from arc_lrms_oar.arex.diag import Diag
from arc_lrms_oar.oar.job_record import JobRecord
from arc_lrms_oar.oar.outcome import (
    Outcome,
    outcome_of,
    outcome_of_deleted_successor,
    outcome_of_lost,
    with_memory_kills,
)
from arc_lrms_oar.oar.successor import RESUBMISSION_TIMEOUT, resubmission_may_come
from arc_lrms_oar.settings import Settings

# How long the end of a diag may still arrive over a slow file system, once OAR has ended the job
# (seconds).
DIAG_TIMEOUT = 60.0
# A job that ended so long ago by OAR's clock is not waited for (seconds). The clocks of OAR and of
# the CE may differ by minutes.
_LONG_AGO = 900.0


class Policy(NamedTuple):
    """What the site has configured. `lost_time` is in seconds."""

    lost_cycles: int
    lost_time: float
    delete_resubmitted: bool

    @classmethod
    def of(cls, settings: Settings) -> Policy:
        """The policy in the site's settings."""
        delete = settings.resubmitted == "delete"
        return cls(settings.lost_cycles, settings.lost_time, delete)


class Report(NamedTuple):
    """Report this outcome to A-REX."""

    outcome: Outcome


class Lost(NamedTuple):
    """Report this outcome of a job that OAR no longer knows."""

    outcome: Outcome


class Follow(NamedTuple):
    """OAR has resubmitted the job: use the job ID `successor` from now on."""

    successor: int


class Wait(NamedTuple):
    """Leave the job alone in this cycle; `problem`, if any, completes "OAR job N …" in the log."""

    problem: str = ""


Decision = Union[Report, Lost, Follow, Wait]


def decide(
    record: JobRecord | None,
    diag: Diag,
    now: float,
    policy: Policy,
    *,
    ended_for: float = 0.0,
    successor: int | None = None,
    successor_deleted: bool = False,
    missing: tuple[int, float] | None = None,
) -> Decision:
    """What to do with a job.

    Args:
        record: OAR's record of the job, None if OAR gives none.
        diag: what the job script has written so far.
        now: the time in seconds since 1970.
        policy: the site's choices.
        ended_for: for how many seconds scan has seen that the job has ended, by the CE's clock.
        successor: the job ID under which OAR has resubmitted the job.
        successor_deleted: whether that job has ended because scan had it deleted.
        missing: for how many cycles OAR has not known the job, and since when (seconds since
            1970); None if OAR knows it.
    """
    if missing is not None:
        cycles, since = missing
        if cycles < policy.lost_cycles or now - since < policy.lost_time:
            return Wait()
        return Lost(outcome_of_lost(diag.values))
    if record is None:
        return Wait("has ended, but OAR gives no record of it")
    if successor is not None and successor_deleted:
        return Report(outcome_of_deleted_successor(successor))
    if successor is not None:
        return Wait() if policy.delete_resubmitted else Follow(successor)
    if not _ended_long_ago(record, now):
        if ended_for < RESUBMISSION_TIMEOUT and resubmission_may_come(record):
            return Wait()
        if ended_for < DIAG_TIMEOUT and not diag.complete and _script_may_have_ended(record):
            return Wait()
    try:
        outcome = outcome_of(record)
    except ValueError as error:
        return Wait(f"is not reported: {error}")
    return Report(with_memory_kills(outcome, diag.out_of_memory))


def _ended_long_ago(record: JobRecord, now: float) -> bool:
    return record.stop_time is not None and now - record.stop_time > _LONG_AGO


def _script_may_have_ended(record: JobRecord) -> bool:
    """Whether the job script may have written the end of the diag; a killed one has not."""
    status = record.exit_code
    return status is not None and not status & 0x7F and record.stop_time is not None
