"""How long a job was suspended, as far as OAR shows it.

OAR 2 dates the events of an administrator's `oarhold -r` and `oarresume`. It does not show the
seconds until it acts on them, nor how long a resumed job waited for its resources (the state
Resuming, which only the table job_state_logs records). OAR 3 prints the times of events as local
text, and never suspends a job (recorded: 3.0.2, suspend).

Source of the events: OAR 2.5 `sources/core/modules/node_change_state.pl`, "Suspend/Resume".
"""

from __future__ import annotations

from arc_lrms_oar.oar.job_record import JobRecord

_SUSPENDS = "HOLD_RUNNING_JOB"
_RESUMES = {
    "RESUME_JOB",
    "SUSPEND_ERROR",
    "SUSPEND_SCRIPT_ERROR",
    "SUSPEND_RESUME_MANAGER_FILE",
}


def suspended_time(record: JobRecord, now: int | None = None) -> int:
    """Seconds between start and end in which the job was suspended; 0 if OAR does not show any.

    A job that has not ended counts until `now`. OAR does not suspend a job without a cpuset.
    """
    start, stop = record.start_time, record.stop_time or now
    if start is None or stop is None or not record.cpuset:
        return 0
    total = 0
    since: int | None = None
    for event in sorted(record.events, key=lambda event: event.number):
        if event.date is None:
            continue
        if event.kind == _SUSPENDS and since is None:
            since = max(start, event.date)
        elif event.kind in _RESUMES and since is not None:
            total += max(0, min(stop, event.date) - since)
            since = None
    return total + (max(0, stop - since) if since is not None else 0)


def is_suspended(record: JobRecord) -> bool:
    """Whether the last event of this kind suspended the job and none has resumed it."""
    ordered = sorted(record.events, key=lambda event: event.number)
    kinds = [event.kind for event in ordered if event.kind in {_SUSPENDS, *_RESUMES}]
    return kinds[-1:] == [_SUSPENDS]
