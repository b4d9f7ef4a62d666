"""A grid user names another's OAR job as his own, in the files that A-REX has given him.

For root, who runs scan, OAR deletes any job. It must do so for the user's own alone.
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
    said = bed.run(["oarstat", "--format", "2", "-J", "-f", "-j", str(job_id)]).stdout
    return dict(json.loads(said)[str(job_id)])


def was_deleted(bed: Bed, job_id: int) -> bool:
    return any(event["type"] == DELETED for event in record(bed, job_id)["events"])


@pytest.fixture
def victims(bed: Bed) -> Iterator[int]:
    """The id of the OAR job of a local user who is no grid user."""
    bed.run(["useradd", "--create-home", "--shell", "/bin/bash", VICTIM], check=False)
    words = ["oarsub", "-d", f"/home/{VICTIM}", "-l", "/core=1,walltime=0:10:0", "sleep 500"]
    said = bed.run(words, user=VICTIM).stdout
    job_id = int(said.rpartition("OAR_JOB_ID=")[2])
    yield job_id
    bed.run(["oardel", str(job_id)])


def claim(job: BedJob, job_id: int) -> None:
    """The user writes the id into his job, and that it was cancelled some time ago."""
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
    # As A-REX leaves it (ControlFileHandling.cpp, job_state_write_file).
    site.write(f"control/processing/job.{job.grid_id}.status", "INLRMS\n", users=True)
    claim(job, victims)
    said = bed.run(site.scan_words()).stderr
    assert f"some of: {job.grid_id} (OAR job {victims})" in said
    assert not was_deleted(bed, victims)
    # So that scan need not wait for a minute until it tries again.
    site.path("control/arc_lrms_oar.scan").unlink()
    claim(job, own)
    bed.run(site.scan_words())
    assert was_deleted(bed, own)
    assert not was_deleted(bed, victims)
