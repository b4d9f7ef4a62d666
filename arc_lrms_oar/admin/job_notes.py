"""The note that `jobs` shows for a job: what holds it up, and whether it needs attention."""

from __future__ import annotations

from arc_lrms_oar.arex.controldir import CANCELING, GridJob
from arc_lrms_oar.arex.job_listing import IN_OAR
from arc_lrms_oar.oar.deletion import pending_deletion, requesting_user
from arc_lrms_oar.oar.job_record import JobRecord
from arc_lrms_oar.oar.outcome import outcome_of
from arc_lrms_oar.oar.states import UNKNOWN, State, has_ended, state_of
from arc_lrms_oar.oar.waiting import WaitReason

# After this A-REX itself logs a submission as suspicious (docs/internals/arc.md#submit-time).
_SUBMISSION_LIMIT = 600.0
# By then scan has reported an ended job, and OAR has ended a cancelled or overdue one.
_OVERDUE = 300.0
# Somebody holds or suspends a job on purpose, so that this is no problem by itself.
_STATE_NOTES = {
    State.HOLD: ("held; `arc-oar resume` or oarresume releases it", False),
    State.SUSPENDED: (
        "suspended; `arc-oar resume` or oarresume resumes it, as root or oar",
        False,
    ),
    State.TO_ERROR: ("OAR is about to end it with an error", True),
}


def job_note(
    job: GridJob, state: str, record: JobRecord | None, waiting: WaitReason | None, now: float
) -> tuple[str, bool]:
    """A note on a job that has not finished in A-REX, and whether it is a problem.

    `state` is the job's state in OAR, "" if OAR was not asked or is unavailable. `now` is in
    seconds since 1970.
    """
    if job.state not in IN_OAR:
        late = job.state == "SUBMIT" and now - job.status_time > _SUBMISSION_LIMIT
        return (
            (f"being submitted for {_duration(now - job.status_time)}", True)
            if late
            else ("", False)
        )
    if job.is_unsubmitted:
        late = now - job.status_time > _OVERDUE
        waits = "scan has not reported it" if late else "scan is about to report it"
        return f"its submission failed; {waits}", late
    if job.local_id is None:
        return "A-REX has no job ID for it", True
    if state == UNKNOWN:
        return "OAR does not know this job", True
    known = state_of(state)
    if state and known is None:
        return f"OAR reports the state {state!r}, which this package does not know", True
    if has_ended(state) and record is not None:
        late = now - (record.stop_time or now) > _OVERDUE
        waits = "scan has not reported it" if late else "scan is about to report it"
        return f"{outcome_of(record).reason}; {waits}", late
    deletion = pending_deletion(record) if record is not None else None
    if deletion is not None and known is State.SUSPENDED:
        return "deleted while suspended; OAR deletes it when it is resumed with oarresume", True
    if job.state == CANCELING and now - job.status_time > _OVERDUE:
        return f"being cancelled for {_duration(now - job.status_time)}", True
    if deletion is not None:
        user = requesting_user(deletion)
        return f"deletion requested{f' by {user}' if user else ''}, not done yet", False
    if known in _STATE_NOTES:
        return _STATE_NOTES[known]
    return (waiting.reason, waiting.problem) if waiting is not None else ("", False)


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"
