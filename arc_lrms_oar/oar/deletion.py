"""Whether a job's deletion was requested but has not taken effect yet.

OAR records the request at once and deletes the job later: after the server's next round, or after
minutes if the job is suspended (docs/internals/oar.md#deleting-a-suspended-job).
"""

from __future__ import annotations

import re

from arc_lrms_oar.oar.job_record import Event, JobRecord
from arc_lrms_oar.oar.states import has_ended

_REQUEST = "FRAG_JOB_REQUEST"
_USER = r"User (\S+) requested"


def pending_deletion(record: JobRecord) -> Event | None:
    """The newest event that requests the deletion of a job that has not ended, or None."""
    if has_ended(record.state):
        return None
    requests = [event for event in record.events if event.kind == _REQUEST]
    return max(requests, key=lambda event: event.number, default=None)


def requesting_user(event: Event) -> str:
    """The user who requested the deletion, or ""."""
    found = re.search(_USER, event.text)
    return found[1] if found else ""
