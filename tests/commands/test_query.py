"""Query: OAR's information about jobs, as values and as a table."""

from __future__ import annotations

from typing import Any

import pytest
from standin import Standin
from support.ce import Ce
from support.oar_site import Site, each

from arc_lrms_oar.commands.query import QueryResult, query, table
from arc_lrms_oar.errors import OarUnavailable

RESOURCES: dict[str, Any] = {"resources": [1, 2], "assigned_moldable_job": 1}


def test_ended_and_running_and_unknown(site: Site) -> None:
    times: dict[str, Any] = {"submission_time": 100, "start_time": 200}
    site.oar.add_jobs(
        1, first_id=5, state="Terminated", exit_code=768, stop_time=300, **times, **RESOURCES
    )
    site.oar.add_jobs(1, first_id=3, state="Running", message="R=1", **times, **RESOURCES)
    site.oar.add_jobs(1, first_id=4, state="Waiting", message="Karma", submission_time=100)
    assert query(site.client(), [5, 99, 3, 5, 4]) == [
        QueryResult(
            5, "Terminated", 3, 100, 200, 300, ("127.0.0.1",), "Job finished with exit code 3"
        ),
        QueryResult(99, "unknown", reason="OAR does not know this job"),
        QueryResult(3, "Running", None, 100, 200, None, ("127.0.0.1",), "R=1"),
        QueryResult(
            5, "Terminated", 3, 100, 200, 300, ("127.0.0.1",), "Job finished with exit code 3"
        ),
        QueryResult(4, "Waiting", None, 100, None, None, (), "Karma"),
    ]
    assert site.argvs("oarstat") == [
        ["oarstat", "-V"],
        ["oarstat", "-s", "-J", *each("-j", [3, 4, 5, 99])],
        ["oarstat", "--format", "2", "-J", "-f", *each("-j", [3, 4, 5])],
    ]


def test_reason_of_an_error(site: Site) -> None:
    site.oar.add_jobs(1, state="Error", walltime=90)
    site.oar.add_event(1, "FRAG_JOB_REQUEST", "User root requested to frag the job 1")
    site.oar.add_event(1, "WALLTIME", "[sarko] Job [1] from 1 with 90; current time=99 (Elapsed)")
    (result,) = query(site.client(), [1])
    assert (result.exit_code, result.reason) == (
        265,
        "Job exceeded its walltime of 0:01:30 and was killed",
    )


def test_job_that_oar_3_hides(ce: Ce) -> None:
    """Killed while waiting: only its state is reported (docs/internals/oar3.md#invisible-jobs)."""
    with Standin.create(ce.place / "oar3", "3.0.2") as oar:
        site = Site(ce, oar)
        oar.add_jobs(1, state="Error", hidden=1, exit_code=None)
        oar.add_event(1, "FRAG_JOB_REQUEST", "User griduser requested to frag the job 1")
        (result,) = query(site.client(), [1])
        assert (result.state, result.exit_code) == ("Error", 265)
        assert result.reason == "Job was deleted in OAR by user griduser"


def test_no_ids(site: Site) -> None:
    assert query(site.client(), []) == []
    assert site.commands() == []


def test_oar_that_does_not_answer(site: Site) -> None:
    site.oar.set("db_down")
    with pytest.raises(OarUnavailable, match="oarstat: exit code 25: DB connection error"):
        query(site.client(), [1])


def test_table_for_people() -> None:
    results = [
        QueryResult(5, "Terminated", 0, nodes=("node1", "node2"), reason="Job finished"),
        QueryResult(123456, "Running"),
        QueryResult(7, "unknown", reason="OAR does not know this job"),
    ]
    assert table(results) == (
        "job ID  state       exit code  nodes        reason\n"
        "5       Terminated  0          node1,node2  Job finished\n"
        "123456  Running     -          -\n"
        "7       unknown     -          -            OAR does not know this job"
    )
