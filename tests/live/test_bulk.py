"""`hold`, `resume`, `cancel`, `drain` and `report` with real jobs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from bed import Bed
from bed.grid import Grid, Job, shell

pytestmark = pytest.mark.live

NAME = "bulk test"


def arc_oar(grid: Grid, *words: str, **more: Any) -> str:
    return grid.root("python3", "-m", "arc_lrms_oar", *words, **more)


@pytest.fixture(scope="module")
def jobs(grid: Grid) -> Iterator[list[Job]]:
    """Two jobs that wait for the year 2037."""
    description = shell("true", extra=f'(runtimeenvironment="TEST/LATER")(jobname="{NAME}")')
    found = grid.submit_all([(description, {})] * 2)
    for job in found:
        job.wait("INLRMS")
    yield found
    for job in found:
        if job.state() != "FINISHED":
            grid.user("arckill", "-k", job.url)
            job.wait()


def test_hold_and_resume(grid: Grid, jobs: list[Job]) -> None:
    chosen = ("--name", NAME)
    assert "2 jobs would be held" in arc_oar(grid, "hold", *chosen, "--dry-run")
    assert [job.oar_state() for job in jobs] == ["Waiting"] * 2
    refused = grid.bed.run(
        ["python3", "-m", "arc_lrms_oar", "hold", *chosen, "--confirm", "3"], check=False
    )
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    arc_oar(grid, "hold", *chosen, "--confirm", "2")
    for job in jobs:
        job.wait_until(lambda job=job: job.oar_state() == "Hold", "held")  # type: ignore[misc]
    arc_oar(grid, "resume", *(job.grid_id for job in jobs), "--confirm", "2")
    for job in jobs:
        job.wait_until(lambda job=job: job.oar_state() == "Waiting", "waiting")  # type: ignore[misc]


def test_drain(grid: Grid, bed: Bed, jobs: list[Job]) -> None:
    job = jobs[0]

    def published() -> bool:
        return "ServingState>draining<" in grid.read("/var/spool/arc/jobstatus/info.xml")

    before = grid.read("/etc/arc.conf")
    arc_oar(grid, "drain", "--start")
    try:
        bed.service("arex", "restart")
        shown = json.loads(arc_oar(grid, "drain", "--json"))
        assert shown["draining"] is shown["running_drains"] is True
        assert shown["jobs_left"] >= 2
        job.wait_until(published, "draining is published")
        with pytest.raises(AssertionError, match="arcsub did not submit the job"):
            grid.submit(shell("true"))
        assert job.state() == "INLRMS"
    finally:
        arc_oar(grid, "drain", "--stop")
        bed.service("arex", "restart")
    assert grid.read("/etc/arc.conf") == before


def test_cancel_and_report(grid: Grid, jobs: list[Job]) -> None:
    def cancelled() -> int:
        found = json.loads(arc_oar(grid, "report", "--by", "reason", "--json"))
        assert found["notes"] == []
        return sum(row["jobs"] for row in found["ended"] if row["reason"] == "cancelled")

    before = cancelled()
    arc_oar(grid, "cancel", "--name", NAME, "--confirm", "2")
    for job in jobs:
        job.wait()
        assert job.failure() == "Job is canceled by external request"
        job.wait_until(lambda job=job: job.oar_state() == "Error", "deleted")  # type: ignore[misc]
    jobs[0].wait_until(lambda: cancelled() == before + 2, "accounted")
