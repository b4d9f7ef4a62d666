"""ARC 6 is upgraded to ARC 7 with jobs in the control directory, as docs/upgrade.md describes.

The jobs are submitted to ARC 7. While A-REX is stopped, their files are given the names that ARC 6
gives them, and `lrms=SLURMPY` as from a CE with ARC's Python wrappers. Then ARC 7's own conversion
moves them.
"""

from __future__ import annotations

import json

import pytest
from bed import Bed
from bed.arcconf import CONTROLDIR
from bed.grid import Grid, Job, shell
from live.test_disturbed import GATED, cancelled, finished, let_go

pytestmark = pytest.mark.live

UPDATE = "/usr/share/arc/update-controldir"
CANCEL = "/usr/share/arc/cancel-SLURMPY-job"
# The reverse of A-REX's conversion, for the jobs named as arguments.
TO_ARC_6 = """
cd "$1" && shift && rm -f version2
for id; do
    folder=jobs/$(echo "$id" | sed 's#^\\(...\\)\\(...\\)\\(...\\)#\\1/\\2/\\3/#')
    sed -i 's/^lrms=.*/lrms=SLURMPY/' "$folder/local"
    touch "$folder/proxy" && chmod 600 "$folder/proxy"
    for file in "$folder"/*; do mv "$file" "job.$id.${file##*/}"; done
    rmdir -p "$folder" 2>/dev/null || :
    for status in */"$id.status"; do mv "$status" "${status%/*}/job.$id.status"; done
done
"""


@pytest.fixture(scope="module")
def jobs(grid: Grid, bed: Bed) -> dict[str, Job]:
    """Three jobs that run and one that was accepted only, after the upgrade to ARC 7."""
    names = ("kept", "cancelled", "abandoned")
    jobs = dict(zip(names, grid.submit_all([(shell(GATED), {})] * 3)))
    for job in jobs.values():
        job.wait_running()
    pid = grid.read("/run/arched-arex.pid").strip()
    grid.root("kill", "-STOP", pid)
    try:
        try:
            jobs["accepted"] = grid.submit(shell("echo done"))
        finally:
            # Even where the submission fails, no stopped process is left.
            bed.service("arex", "kill")
        ids = [job.grid_id for job in jobs.values()]
        grid.root("sh", "-euc", TO_ARC_6, "sh", CONTROLDIR, *ids)
        assert f"job.{ids[0]}.local" in grid.root("ls", CONTROLDIR)
        if bed.path(UPDATE).exists():
            grid.root(UPDATE, CONTROLDIR)
            (finding,) = proxies(bed)
            assert finding["cure"] == (
                f"run: find {CONTROLDIR} -name proxy -type f -exec chmod 600 {{}} +"
            )
            grid.root("sh", "-c", finding["cure"].partition(" ")[2])
        grid.root("python3", "-m", "arc_lrms_oar", "install", cwd="/")
    finally:
        bed.service("arex", "start")
    return jobs


def findings(bed: Bed) -> list[dict[str, str]]:
    doctor = ["python3", "-m", "arc_lrms_oar", "doctor", "--json"]
    done = bed.run(doctor, cwd="/", check=False, timeout=300)
    found = json.loads(done.stdout)["findings"]
    return [row for row in found if row["level"] != "ok"]


def proxies(bed: Bed) -> list[dict[str, str]]:
    return [row for row in findings(bed) if row["check"] == "proxies"]


def row_of(job: Job) -> dict[str, object]:
    output = job.grid.root("python3", "-m", "arc_lrms_oar", "jobs", "--json", cwd="/")
    rows = {row["grid_job_id"]: row for row in json.loads(output)["jobs"]}
    found: dict[str, object] = rows[job.grid_id]
    return found


def test_layout_is_arc_7s(jobs: dict[str, Job], bed: Bed) -> None:
    for job in jobs.values():
        assert job.local()["lrms"] == "SLURMPY"
    assert proxies(bed) == []
    assert "job." not in bed.run(["ls", CONTROLDIR]).stdout


def test_accepted_job_is_submitted(jobs: dict[str, Job]) -> None:
    finished(jobs["accepted"])


def test_running_job_is_cancelled(jobs: dict[str, Job]) -> None:
    job = jobs["cancelled"]
    job.grid.user("arckill", "-k", job.url)
    cancelled(job, "Error")


def test_cancelled_without_a_cancel_script(jobs: dict[str, Job], bed: Bed) -> None:
    """A-REX ends the job at once and leaves its OAR job alone, which scan then deletes."""
    job = jobs["abandoned"]
    job.grid.root("mv", CANCEL, f"{CANCEL}.gone")
    try:
        (finding,) = [row for row in findings(bed) if row["check"] == "jobs"]
        assert finding["message"].startswith(f"A-REX runs {CANCEL} to cancel ")
        assert str(row_of(job)["note"]).startswith(f"A-REX cannot cancel it: {CANCEL} does not")
        job.grid.user("arckill", "-k", job.url)
        job.wait()
    finally:
        job.grid.root("mv", f"{CANCEL}.gone", CANCEL)
    job.wait_until(lambda: job.oar_state() == "Error", "deleted in OAR")
    log = job.grid.read(job.grid.helper_log)
    assert f"{job.grid_id}: A-REX has ended the job, but not OAR job {job.oar_id()}; it is" in log


def test_kept_job_goes_on(jobs: dict[str, Job]) -> None:
    """It runs through all this, and ends as any job."""
    let_go(jobs["kept"])
    finished(jobs["kept"])
