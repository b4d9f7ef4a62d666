"""A job whose submission fails, as its grid user sees it through REST: the reason, and a retry."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from bed import Bed
from bed.grid import Grid, shell

from arc_lrms_oar.local_ids import is_unsubmitted

pytestmark = pytest.mark.live

SCAN = "/usr/share/arc/scan-OAR-job"
REASON = "OAR refused the job: There are not enough resources for your request"
ERROR = f"LRMS error: (512) {REASON}"
TOO_MANY = shell("echo never", count="999", rerun="2")


@pytest.fixture
def without_scan(bed: Bed) -> Iterator[None]:
    """A-REX cannot start scan until the test allows it, and tries every 10 s."""
    bed.run(["chmod", "a-x", SCAN])
    # The brackets keep this pattern from the command line that has it.
    bed.run(["pkill", "-f", SCAN.replace("/scan", "/[s]can")], check=False)
    yield
    bed.run(["chmod", "a+x", SCAN])


def test_reason_of_a_refusal(grid: Grid) -> None:
    job = grid.submit(TOO_MANY)
    job.wait()
    assert job.failure() == ERROR
    assert job.oar_jobs() == []
    assert job.diag()["lrmsmessage"] == [REASON]
    assert "exitcode" not in job.diag()
    if grid.bed.suite.client_shows_errors:
        job.wait_until(
            lambda: f"Job Error: {ERROR}" in grid.user("arcstat", "-l", job.url), "in arcstat", 180
        )
    grid.user("arcresume", job.url)
    job.wait_until(lambda: job.control("errors").count(f"\n{REASON}\n") >= 2, "submitted anew")
    job.wait()
    assert job.failure() == ERROR


@pytest.mark.usefixtures("without_scan")
def test_cancelled_before_the_report(grid: Grid, bed: Bed) -> None:
    job = grid.submit(TOO_MANY)
    job.wait("INLRMS")
    assert is_unsubmitted(job.local()["localid"])
    grid.user("arckill", "-k", job.url)
    line = f"{job.grid_id}: no OAR job was submitted, so there is nothing to cancel"
    job.wait_until(lambda: line in job.control("errors"), "cancelled")
    bed.run(["chmod", "a+x", SCAN])
    job.wait()
    assert job.failure().startswith("Job is canceled by external request")
    assert job.oar_jobs() == []
