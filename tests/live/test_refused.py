"""A job whose submission fails, as its grid user sees it through REST: the reason, and a retry."""

from __future__ import annotations

import pytest
from bed.grid import Grid, shell

pytestmark = pytest.mark.live

REASON = "OAR refused the job: There are not enough resources for your request"
ERROR = f"LRMS error: (512) {REASON}"


def test_reason_of_a_refusal(grid: Grid) -> None:
    job = grid.submit(shell("echo never", count="999", rerun="2"))
    job.wait()
    assert job.failure() == ERROR
    assert job.oar_jobs() == []
    assert job.diag()["lrmsmessage"] == [REASON]
    assert "exitcode" not in job.diag()
    job.wait_until(
        lambda: f"Job Error: {ERROR}" in grid.user("arcstat", "-l", job.url), "in arcstat", 180
    )
    grid.user("arcresume", job.url)
    job.wait_until(lambda: job.control("errors").count(f"\n{REASON}\n") >= 2, "submitted anew")
    job.wait()
    assert job.failure() == ERROR
