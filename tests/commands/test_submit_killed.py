"""A submission killed at each of its steps, with a live oarsub: one job, one job ID."""

from __future__ import annotations

import os
from functools import partial

import pytest
from support.ce import JobFiles
from support.kill_at_step import killed_before
from support.oar_site import Site
from support.submission_checks import private_files

from arc_lrms_oar.retry import Retry

WORKERS = 4


def attempt(site: Site, files: JobFiles) -> int:
    """Submit as A-REX does, with the real clock, because an oarsub may have to be waited for."""
    return site.submit(files, Retry(60, (0.1,)))


@pytest.mark.parametrize("first", range(1, WORKERS + 1))
def test_every_step(site: Site, first: int) -> None:
    site.oar.set("autorun", 0)
    # Long enough for the next attempt to start while the first oarsub runs.
    site.oar.set("slow", "oarsub:0.4")
    step, kills = first, 0
    while True:
        files = site.ce.job(f"{step:04}".ljust(20, "k"))
        killed = killed_before(step, partial(attempt, site, files))
        job_id = attempt(site, files)
        held = site.oar.jobs(f"job_name LIKE '%{files.grid_id}'")
        assert [row["job_id"] for row in held] == [job_id], f"step {step}"
        assert files.local_id() == str(job_id), f"step {step}"
        assert "script" in private_files(files), f"step {step}"
        assert files.file("grami").read_text().count("joboption_jobid=") == 1, f"step {step}"
        assert os.path.exists(held[0]["command"])
        if not killed:
            break
        kills += 1
        step += WORKERS
    assert kills > 3
