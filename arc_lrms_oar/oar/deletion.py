"""Request the deletion of OAR jobs, and see whether one was requested and has not taken effect yet.

OAR records the request at once and deletes the job later: after the server's next round, or after
minutes if the job is suspended (docs/internals/oar.md#deleting-a-suspended-job).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from arc_lrms_oar.oar.client import OarClient
from arc_lrms_oar.oar.job_record import Event, JobRecord
from arc_lrms_oar.oar.states import State, has_ended

_REQUEST = "FRAG_JOB_REQUEST"
_USER = r"User (\S+) requested"


def request_deletion(
    client: OarClient, ids: Collection[int], records: Mapping[int, JobRecord]
) -> None:
    """Ask OAR to delete jobs, and resume those that `records` show as suspended, so that they end.

    Raises OarRefused and OarUnavailable.
    """
    if ids:
        client.delete(ids)
    suspended = [i for i in ids if i in records and records[i].state == State.SUSPENDED.word]
    if suspended:
        client.resume(suspended)


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
