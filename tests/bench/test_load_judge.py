"""The checks of bench/load, and the plan of its jobs."""

from __future__ import annotations

from dataclasses import replace

import pytest
from load_judge import (
    GridJob,
    OarJob,
    by_grid_id,
    wrongs_in_arex,
    wrongs_in_oar,
    wrongs_through_us,
)
from load_plan import Planned, make_plan

ENDS, FAILS, KILLED = Planned(0), Planned(3), Planned(None, 7)
CANCELED = "Job is canceled by external request"
FAILED = "LRMS error: (3) Job finished with exit code 3"
# What A-REX 6.17 and OAR 2.5.9 had of jobs that ended as they should.
GRID = {
    ENDS: GridJob("FINISHED", "", "12", 0),
    FAILS: GridJob("FINISHED", FAILED, "12", 3),
    KILLED: GridJob("FINISHED", CANCELED, "12", 265),
}
OAR = {
    ENDS: OarJob(12, "aB3", "Terminated", 0),
    FAILS: OarJob(12, "aB3", "Terminated", 768),
    KILLED: OarJob(12, "aB3", "Error", None),
}


@pytest.mark.parametrize("planned", GRID)
def test_nothing_wrong(planned: Planned) -> None:
    assert wrongs_in_arex(planned, GRID[planned]) == []
    assert wrongs_in_oar(planned, OAR[planned]) == []
    assert wrongs_through_us(planned, GRID[planned], [OAR[planned]]) == []


@pytest.mark.parametrize("planned", GRID)
@pytest.mark.parametrize("other", GRID)
def test_job_that_ended_differently_than_planned(planned: Planned, other: Planned) -> None:
    """A-REX, OAR and the accounting are checked separately."""
    same = planned == other
    assert (wrongs_in_arex(planned, GRID[other]) == []) is same
    assert (wrongs_in_oar(planned, OAR[other]) == []) is same
    mixed = replace(GRID[planned], accounted=GRID[other].accounted)
    assert (wrongs_through_us(planned, mixed, [OAR[planned]]) == []) is same


@pytest.mark.parametrize("planned", GRID)
def test_job_that_has_not_ended(planned: Planned) -> None:
    job = GridJob("INLRMS", "", "12", None)
    running = OarJob(12, "aB3", "Running", None)
    assert wrongs_in_arex(planned, job) == ["is in INLRMS"]
    assert wrongs_in_arex(planned, replace(job, state="")) == ["is in no state"]
    assert wrongs_in_oar(planned, running) == ["is left in OAR as Running (12)"]
    assert "is left in OAR as Running (12)" in wrongs_through_us(planned, GRID[planned], [running])


@pytest.mark.parametrize("planned", GRID)
def test_second_oar_job(planned: Planned) -> None:
    held = [OAR[planned], replace(OAR[planned], job_id=13)]
    expected = ["has OAR jobs ['12', '13'], and A-REX has local ID '12'"]
    assert wrongs_through_us(planned, GRID[planned], held) == expected


@pytest.mark.parametrize("planned", GRID)
def test_job_that_oar_has_resubmitted(planned: Planned) -> None:
    """Only the last one counts, whether A-REX has its ID or that of the first."""
    held = [OarJob(12, "aB3", "Error", None, ran=False), replace(OAR[planned], job_id=13)]
    held[1] = replace(held[1], predecessor=12)
    for local_id in ("12", "13"):
        job = replace(GRID[planned], local_id=local_id)
        assert wrongs_through_us(planned, job, held) == []
        assert wrongs_through_us(planned, job, [held[0], replace(held[1], predecessor=11)]) != []


def test_killed_job_that_never_ran_has_the_exit_code_of_arex() -> None:
    held = [replace(OAR[KILLED], ran=False)]
    assert wrongs_through_us(KILLED, replace(GRID[KILLED], accounted=1), held) == []
    assert wrongs_through_us(KILLED, GRID[KILLED], held) != []


@pytest.mark.parametrize("planned", GRID)
def test_other_oar_job_than_the_local_id(planned: Planned) -> None:
    unknown = replace(GRID[planned], local_id="")
    expected = ["has OAR jobs ['12'], and A-REX has local ID 'none'"]
    assert wrongs_through_us(planned, unknown, [OAR[planned]]) == expected


@pytest.mark.parametrize("planned", GRID)
def test_no_oar_job(planned: Planned) -> None:
    expected = ["has OAR jobs [], and A-REX has local ID '12'"]
    assert wrongs_through_us(planned, GRID[planned], []) == expected


def test_only_a_killed_job_may_have_no_oar_job() -> None:
    early = GridJob("FINISHED", CANCELED, "", None)
    assert wrongs_through_us(KILLED, early, []) == []
    assert wrongs_through_us(ENDS, GridJob("FINISHED", "", "", None), []) != []


@pytest.mark.parametrize("planned", GRID)
def test_missing_accounting_record(planned: Planned) -> None:
    job = replace(GRID[planned], accounted=None)
    assert wrongs_through_us(planned, job, [OAR[planned]]) == ["has no accounting record"]


def test_oar_jobs_of_each_grid_job() -> None:
    """The name in OAR may begin with the user's name of the job."""
    jobs = [
        replace(OAR[ENDS], job_id=i, name=name) for i, name in enumerate(("aB3", "my-job-aB3", "x"))
    ]
    found, unrelated = by_grid_id(jobs, ["aB3", "cD4"])
    assert found == {"aB3": jobs[:2], "cD4": []}
    assert unrelated == ["OAR job 2: belongs to no grid job (x)"]


def test_plan_is_reproducible_and_has_its_shares() -> None:
    plan = make_plan(1000, seed=1)
    assert plan == make_plan(1000, seed=1) != make_plan(1000, seed=2)
    assert sum(job.killed for job in plan) == 200
    assert sum(job.exit_code == 3 for job in plan) == 100
    assert sum(job.exit_code == 0 for job in plan) == 700
    moments = [job.after for job in plan if job.killed]
    assert min(moments) < 100 < 700 < max(moments) < 800
