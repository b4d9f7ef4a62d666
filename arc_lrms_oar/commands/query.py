"""Query: state and outcome of OAR jobs, as values and as a table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from arc_lrms_oar.console import columns, printable
from arc_lrms_oar.oar.client import OarClient
from arc_lrms_oar.oar.job_record import JobRecord
from arc_lrms_oar.oar.outcome import outcome_of
from arc_lrms_oar.oar.states import UNKNOWN, has_ended


class QueryResult(NamedTuple):
    """One job. Times are seconds since 1970.

    `state` is OAR's name of it, or "unknown". For a grid job that OAR does not know it is A-REX's,
    and `job_id` is None if it has none. `exit_code` is the one that scan reports in `lrms_done`
    (see `oar.outcome`), None for a job that has not ended. `reason` is the reason for the end, or
    OAR's message about a job that has not ended.
    """

    job_id: int | None
    state: str
    exit_code: int | None = None
    submitted: int | None = None
    started: int | None = None
    ended: int | None = None
    nodes: tuple[str, ...] = ()
    reason: str = ""


def query(client: OarClient, ids: Iterable[int]) -> list[QueryResult]:
    """One result for each of `ids`, in their order. Raises OarUnavailable."""
    wanted = list(ids)
    states = client.states(wanted)
    records = client.records(states)
    return [
        _result(records[job_id]) if job_id in records else _bare(job_id, states)
        for job_id in wanted
    ]


def _bare(job_id: int, states: dict[int, str]) -> QueryResult:
    if job_id in states:
        return QueryResult(job_id, states[job_id], reason="OAR reports only its state")
    return QueryResult(job_id, UNKNOWN, reason="OAR does not know this job")


def _result(record: JobRecord) -> QueryResult:
    end = outcome_of(record) if has_ended(record.state) else None
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
    """A table of `results` with a heading."""
    rows: list[tuple[str, ...]] = [("job ID", "state", "exit code", "nodes", "reason")]
    for result in results:
        code = "-" if result.exit_code is None else str(result.exit_code)
        nodes = ",".join(result.nodes) or "-"
        texts = (printable(text) for text in (result.state, code, nodes, result.reason))
        rows.append((str(result.job_id or "-"), *texts))
    return columns(rows)
