"""Query: what OAR tells of some jobs, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from arc_lrms_oar.console import columns, printable
from arc_lrms_oar.oar.client import OarClient
from arc_lrms_oar.oar.job_record import JobRecord
from arc_lrms_oar.oar.outcome import verdict
from arc_lrms_oar.oar.states import UNKNOWN, has_ended


class QueryResult(NamedTuple):
    """One job. `state` is OAR's word, or "unknown". Times are seconds since 1970.

    `exit_code` is as `lrms_done` takes it and None for a job that has not ended; `reason` says
    how it ended, or why it waits.
    """

    job_id: int
    state: str
    exit_code: int | None = None
    submitted: int | None = None
    started: int | None = None
    ended: int | None = None
    nodes: tuple[str, ...] = ()
    reason: str = ""


def query(client: OarClient, ids: Iterable[int]) -> list[QueryResult]:
    """What OAR tells of each of `ids`, in their order; raises OarUnavailable."""
    wanted = list(ids)
    states = client.states(wanted)
    records = client.records(states)
    return [
        _result(records[job_id]) if job_id in records else _bare(job_id, states)
        for job_id in wanted
    ]


def _bare(job_id: int, states: dict[int, str]) -> QueryResult:
    if job_id in states:
        return QueryResult(job_id, states[job_id], reason="OAR tells no more than its state")
    return QueryResult(job_id, UNKNOWN, reason="OAR does not know this job")


def _result(record: JobRecord) -> QueryResult:
    end = verdict(record, {}) if has_ended(record.state) else None
    return QueryResult(
        job_id=record.job_id,
        state=record.state,
        exit_code=end.code if end else None,
        submitted=record.submission_time,
        started=record.start_time,
        ended=record.stop_time,
        nodes=record.nodes,
        reason=end.reason if end else record.message,
    )


def table(results: Sequence[QueryResult]) -> str:
    """`results` as text for people, a line each below a heading."""
    rows: list[tuple[str, ...]] = [("job ID", "state", "exit code", "nodes", "reason")]
    for result in results:
        code = "-" if result.exit_code is None else str(result.exit_code)
        nodes = ",".join(result.nodes) or "-"
        texts = (printable(text) for text in (result.state, code, nodes, result.reason))
        rows.append((str(result.job_id), *texts))
    return columns(rows)
