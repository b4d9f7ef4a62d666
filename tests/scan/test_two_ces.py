"""Two CEs with one account, equal job names and one OAR: neither touches the jobs of the other."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from standin import Standin
from support.ce import Ce, JobFiles
from support.oar_site import Site, listing
from support.scan_jobs import Hours

from arc_lrms_oar.commands.cancel import CancelOutcome, cancel

# Grid job IDs of which one is the end of the other.
IDS = (("1" * 12, "2" * 12), ("x" + "1" * 12, "y" * 12))


@pytest.fixture
def sites(place: Path, oar: Standin) -> tuple[Site, Site]:
    return Site(Ce(place / "six", 6), oar), Site(Ce(place / "seven", 7), oar)


def submitted(site: Site, grid_id: str, script: str) -> JobFiles:
    files = site.ce.job(grid_id, executable="/bin/sh", arguments=["-c", script], name="same name")
    site.ce.accepted(files, site.submit(files))
    return files


def state(site: Site) -> dict[str, tuple[str, bytes]]:
    return listing(site.ce.control, site.ce.sessions)


def test_each_reports_its_own_jobs(sites: tuple[Site, Site]) -> None:
    first, second = sites
    for site, ids in zip(sites, IDS):
        for code, grid_id in enumerate(ids):
            submitted(site, grid_id, f"exit {code}")
    for job_id in range(1, 5):
        first.oar.wait(job_id)
    before = state(second)
    assert sorted(first.scan()) == sorted(IDS[0])
    assert state(second) == before
    assert sorted(second.scan()) == sorted(IDS[1])


def test_cancel_of_the_one_leaves_the_jobs_of_the_other(
    sites: tuple[Site, Site], hours: Hours
) -> None:
    """Its own job is found by name and deleted."""
    first = sites[0]
    jobs = [submitted(site, ids[0], "sleep 60") for site, ids in zip(sites, IDS)]
    first.oar.wait_for(1, "Running")
    # The first CE's file names the second CE's job, as after a restored backup.
    local = jobs[0].file("local")
    local.write_text(local.read_text().replace("localid=1\n", "localid=2\n"))
    jobs[0].status.write_text("CANCELING\n")
    os.utime(jobs[0].status, (1, 1))
    jobs[0].file("grami").write_text(jobs[0].file("grami").read_text().replace("=1\n", "=2\n"))
    result = cancel(first.settings(), first.client(), str(jobs[0].file("grami")))
    assert result.outcome is CancelOutcome.GONE
    for _ in range(3):
        first.scan()
        hours.ahead += 301
    assert {tuple(argv) for argv in first.argvs("oardel")} == {("oardel", "1")}
    assert first.oar.job(2)["state"] != "Error"
    assert jobs[1].done() is None


@pytest.mark.parametrize("resubmitted", ["follow", "delete"])
def test_resubmitted_job_of_the_one_is_not_the_others(
    sites: tuple[Site, Site], resubmitted: str
) -> None:
    first, second = sites
    first.configure(f"resubmitted={resubmitted}")
    for site, ids in zip(sites, IDS):
        site.running(ids[0])
    new = second.oar.resubmit(2)
    before = state(first)
    assert first.scan() == []
    assert (state(first), first.argvs("oardel")) == (before, [])
    assert second.scan() == []
    assert second.argvs("oardel") == []
    local = second.ce.control.rglob("local")
    assert any(f"localid={new}\n" in path.read_text() for path in local)
