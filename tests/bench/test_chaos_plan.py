"""The plan of bench/chaos."""

from __future__ import annotations

from itertools import pairwise

import pytest
from chaos_plan import FAULT_KINDS, JOB_KINDS, LANES, RESTORE, Plan, lines_of, make_plan

MINUTES = (2.0, 5.0, 20.0)


@pytest.fixture(params=MINUTES)
def plan(request: pytest.FixtureRequest) -> Plan:
    return make_plan(request.param, 1)


def test_same_seed_gives_the_same_plan(plan: Plan) -> None:
    again = make_plan(plan.minutes, plan.seed)
    assert again == plan
    assert lines_of(again) == lines_of(plan)
    assert make_plan(plan.minutes, plan.seed + 1) != plan


def test_every_kind_of_job_occurs(plan: Plan) -> None:
    wanted = {kind.name for kind in JOB_KINDS.values() if kind.minutes <= plan.minutes}
    assert {job.kind for job in plan.jobs} == wanted
    assert [job.number for job in plan.jobs] == [*range(len(plan.jobs))]


def test_several_hundred_jobs_in_20_minutes() -> None:
    assert len(make_plan(20, 1).jobs) == 300
    assert len(make_plan(20, 1, jobs_per_minute=30).jobs) == 600


def test_only_jobs_to_be_killed_are_killed(plan: Plan) -> None:
    for job in plan.jobs:
        assert (job.kill_at is not None) == (job.kind == "killed")
        assert job.kill_at is None or job.kill_at >= job.at


@pytest.mark.parametrize("seed", range(5))
def test_every_kind_of_fault_occurs_in_20_minutes(seed: int) -> None:
    faults = make_plan(20, seed).faults
    assert {fault.kind for fault in faults} == {*FAULT_KINDS, RESTORE.name}


@pytest.mark.parametrize("lane", LANES)
def test_faults_of_one_lane_do_not_overlap(plan: Plan, lane: str) -> None:
    faults = [fault for fault in plan.faults if fault.lane == lane]
    assert faults
    for one, other in pairwise(faults):
        assert one.at + one.seconds < other.at


def test_dump_is_restored_once_if_there_is_time(plan: Plan) -> None:
    restored = [fault for fault in plan.faults if fault.kind == RESTORE.name]
    assert len(restored) == (plan.minutes >= 4)


def test_everything_is_started_early_enough_to_end(plan: Plan) -> None:
    assert max(job.at for job in plan.jobs) < 60 * plan.minutes
    assert max(fault.at for fault in plan.faults) < 60 * plan.minutes


def test_plan_for_people() -> None:
    plan = make_plan(2, 7)
    first, *rest = lines_of(plan)
    assert first.startswith("2 minutes, seed 7, 30 jobs: ")
    assert len(rest) == len(plan.faults)
    assert all(fault.kind in line for fault, line in zip(plan.faults, rest))
