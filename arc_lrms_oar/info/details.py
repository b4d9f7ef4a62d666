"""What OAR 2 shows of waiting jobs in full records only: the predicted start and the request.

A full record costs OAR 2 some ten SQL queries. Their number is therefore limited, and one command
asks for all of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from arc_lrms_oar.oar.client import OarClient
from arc_lrms_oar.oar.job_record import JobRecord
from arc_lrms_oar.oar.states import State, state_of

# The number of the oldest waiting jobs that are asked for in full, and of different requests.
FULL_RECORDS = 100


def add_details(
    client: OarClient,
    records: dict[int, JobRecord],
    wanted: Iterable[int],
    all_requests: bool = False,
) -> None:
    """Add predicted start and request of the oldest waiting jobs, if OAR lists them only in full.

    First of A-REX's jobs, `wanted`, then of those for which OAR reports no number of resources.
    With `all_requests` the others get their request as well: one job of each kind is asked for, of
    the most frequent kinds first. Raises OarUnavailable.
    """
    if client.dialect.predicts_starts:
        return
    waiting = [
        record
        for _, record in sorted(records.items())
        if state_of(record.state) is State.WAITING and record.scheduled_start is None
    ]
    chosen = _oldest(waiting, set(wanted))
    kinds = _kinds(waiting) if all_requests else {}
    if kinds:
        known = {_kind(record) for record in chosen}
        others = [same[0] for kind, same in kinds.items() if kind not in known]
        chosen += others[:FULL_RECORDS]
    if chosen:
        records.update(client.records({record.job_id: record.state for record in chosen}))
    for same in kinds.values():
        _share_request(records, same)


def _oldest(waiting: list[JobRecord], grid: set[int]) -> list[JobRecord]:
    chosen = [record for record in waiting if record.job_id in grid]
    chosen += [r for r in waiting if r.job_id not in grid and r.wanted is None]
    return chosen[:FULL_RECORDS]


def _kinds(waiting: list[JobRecord]) -> dict[Any, list[JobRecord]]:
    """The jobs whose number of resources is known, by their kind, the most frequent one first."""
    found: dict[Any, list[JobRecord]] = {}
    for record in waiting:
        if record.wanted is not None:
            found.setdefault(_kind(record), []).append(record)
    return dict(sorted(found.items(), key=lambda item: -len(item[1])))


def _kind(record: JobRecord) -> tuple[object, ...]:
    """What jobs of the same request have in common, and jobs of different ones hardly ever."""
    return record.owner, record.queue, record.condition, record.wanted, record.wall_time


def _share_request(records: dict[int, JobRecord], same: list[JobRecord]) -> None:
    full = [records[record.job_id].resource_request for record in same]
    request = next(filter(None, full), "")
    for record, own in zip(same, full):
        if request and not own:
            records[record.job_id] = record._replace(resource_request=request)
