"""doctor's checks of jobs: proxies, scripts of another LRMS, and OAR jobs that A-REX left alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.ce import GRID_ID
from support.oar_site import Site
from support.scan_jobs import OTHER, finished

from arc_lrms_oar.admin import arc_locations, check_jobs
from arc_lrms_oar.admin.arc_locations import Arc
from arc_lrms_oar.admin.findings import Finding
from arc_lrms_oar.admin.job_overview import OverviewReader


@pytest.fixture
def data(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """ARC's data directory."""
    folder = place / "data"
    folder.mkdir()
    found = Arc("7.0.0", str(folder), "", "", "the test")
    monkeypatch.setattr(arc_locations, "find_arc", lambda: found)
    return folder


def note(site: Site) -> tuple[str, bool]:
    """What `jobs` shows for the only job."""
    (row,) = OverviewReader(site.settings(), site.client()).read(0).rows
    return row.note, row.problem


def left(site: Site) -> Finding:
    (found,) = check_jobs.check_left_jobs(site.client(), check_jobs.jobs_of(site.settings()))
    return found


def test_proxies(any_site: Site) -> None:
    proxies = [any_site.running(grid_id).file("proxy") for grid_id in (GRID_ID, OTHER)]
    for path in proxies:
        path.touch(mode=0o600)
    jobs = check_jobs.jobs_of(any_site.settings())
    (good,) = check_jobs.check_proxies(any_site.settings(), jobs)
    assert good.level == "ok"
    proxies[0].chmod(0o755)
    (bad,) = check_jobs.check_proxies(any_site.settings(), jobs)
    assert (bad.level, bad.message.count(str(proxies[0]))) == ("warn", 1)
    assert "of 1 jobs" in bad.message
    assert bad.cure == (
        f"run: find {any_site.ce.control} -name proxy -type f -exec chmod 600 {{}} +"
    )


def test_scripts_of_another_lrms(site: Site, data: Path) -> None:
    files = site.running()
    files.file("local").write_text(files.file("local").read_text().replace("OAR", "SLURMPY"))
    (bad,) = check_jobs.check_scripts_of_jobs(check_jobs.jobs_of(site.settings()))
    assert (bad.level, bad.check) == ("FAIL", "jobs")
    script = data / "cancel-SLURMPY-job"
    assert bad.message.startswith(f"A-REX runs {script} to cancel 1 jobs, such as {GRID_ID}, and")
    assert bad.cure.endswith("-m arc_lrms_oar install")
    shown = f"A-REX cannot cancel it: {script} does not exist; run: python3 -m arc_lrms_oar install"
    assert note(site) == (shown, True)
    script.touch()
    assert list(check_jobs.check_scripts_of_jobs(check_jobs.jobs_of(site.settings()))) == []
    assert note(site) == ("", False)


@pytest.mark.parametrize("state", ["Running", "Waiting", "Suspended"])
def test_job_that_arex_has_ended(site: Site, state: str) -> None:
    job_id = site.add_job_of(GRID_ID, state=state)
    finished(site, GRID_ID, "User requested to cancel the job", local_id=job_id)
    assert left(site).message == "1 jobs that A-REX has ended go on in OAR: OAR jobs 1"
    assert left(site).cure == "run: oardel 1"
    assert note(site) == ("goes on in OAR, although A-REX has ended it; run: oardel 1", True)


def test_ended_jobs_are_no_problem(site: Site) -> None:
    """Neither one that has ended in OAR, too, nor one whose job ID is another job's by now."""
    finished(site, GRID_ID, local_id=site.add_job_of(GRID_ID, state="Terminated"))
    finished(site, OTHER, local_id=site.add_job_of("another", state="Running"))
    assert left(site).level == "ok"
    rows = OverviewReader(site.settings(), site.client()).read(0).rows
    assert [row.problem for row in rows] == [False, False]


def test_oar_is_not_asked_about_reported_jobs(site: Site) -> None:
    files = finished(site, GRID_ID, local_id=site.add_job_of(GRID_ID, state="Running"))
    files.file("diag").write_text("LRMSExitcode=0\n")
    assert left(site).level == "ok"
    assert site.commands() == []
