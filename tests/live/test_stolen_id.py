"""A grid user claims another user's OAR job, in files of A-REX that belong to the grid user.

scan runs as root, and OAR lets root delete any job. scan must delete only the grid user's own jobs.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from bed import Bed
from bed.grid import USER
from support.bed_site import BedJob, BedSite

pytestmark = pytest.mark.live

VICTIM = "victim"
TAG = f"{time.time_ns():x}"[-6:]
DELETED = "FRAG_JOB_REQUEST"


def record(bed: Bed, job_id: int) -> dict[str, Any]:
    output = bed.run(["oarstat", "--format", "2", "-J", "-f", "-j", str(job_id)]).stdout
    return dict(json.loads(output)[str(job_id)])


def was_deleted(bed: Bed, job_id: int) -> bool:
    return any(event["type"] == DELETED for event in record(bed, job_id)["events"])


@pytest.fixture
def victims(bed: Bed) -> Iterator[int]:
    """The job ID of an OAR job that belongs to a local user without grid jobs."""
    bed.run(["useradd", "--create-home", "--shell", "/bin/bash", VICTIM], check=False)
    words = ["oarsub", "-d", f"/home/{VICTIM}", "-l", "/core=1,walltime=0:10:0", "sleep 500"]
    output = bed.run(words, user=VICTIM).stdout
    job_id = int(output.rpartition("OAR_JOB_ID=")[2])
    yield job_id
    bed.run(["oardel", str(job_id)])


def claim(job: BedJob, job_id: int) -> None:
    """As the user, set the job's OAR job ID, and mark the job as cancelled 2 minutes ago."""
    local, grid_id = job.file("local"), job.grid_id
    status = f"{job.site.place}/control/processing/job.{grid_id}.status"
    text = (
        f"text=$(sed 's/^localid=.*/localid={job_id}/' {local}) && echo \"$text\" >{local} && "
        f"echo CANCELING >{status} && touch -d '-2 min' {status}"
    )
    job.site.bed.run(["sh", "-c", text], user=USER)


def test_job_of_another_user_is_left_alone(bed: Bed, victims: int) -> None:
    site = BedSite(bed, f"/var/spool/stolen-{TAG}")
    job = site.job(f"{TAG}stolen", "sleep 500")
    assert job.submit().returncode == 0
    (own,) = job.ids()
    site.in_lrms(job)
    # As A-REX writes it (ControlFileHandling.cpp, job_state_write_file).
    site.write(f"control/processing/job.{job.grid_id}.status", "INLRMS\n", users=True)
    claim(job, victims)
    log = bed.run(site.scan_words()).stderr
    # The job's own OAR job is found by its name.
    assert f"{job.grid_id}: OAR has OAR job {own} for it, not OAR job {victims}" in log
    assert was_deleted(bed, own)
    assert not was_deleted(bed, victims)
