"""Users write other users' OAR job IDs into the files that A-REX gives them; scan runs as root.

Where root runs the tests the job's user is really another one; elsewhere it is the caller.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
from standin import Standin
from support.ce import GRID_ID, NOBODY, Ce, JobFiles
from support.oar_site import Site
from support.scan_jobs import OTHER, Hours, ended, noted, said
from support.users import needs_root

VICTIM = "victim"
USER = NOBODY if os.geteuid() == 0 else None


@pytest.fixture
def hostile(place: Path, oar: Standin, layout: int) -> Site:
    """A site whose grid jobs belong to a user who is not root, with ARC 6 and 7."""
    return Site(Ce(place / "ce", layout, USER), oar)


def canceling(site: Site, job_id: int, grid_id: str = GRID_ID) -> JobFiles:
    files = site.ce.in_lrms(grid_id, job_id, "CANCELING")
    os.utime(files.status, (time.time() - 100, time.time() - 100))
    return files


def test_job_of_another_user_is_not_cancelled(
    hostile: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile.oar.add_jobs(1, owner=VICTIM)
    canceling(hostile, 1)
    hostile.oar.add_jobs(1)
    canceling(hostile, 2, OTHER)
    hostile.scan()
    assert hostile.argvs("oardel") == [["oardel", "2"]]
    (line,) = said(capsys)
    assert line.startswith(
        "[WARNING] not cancelled, since OAR has no such job of its user, some of: "
    )
    assert "(OAR job 1)" in line


def test_job_that_does_not_exist_yet_is_not_cancelled(hostile: Site) -> None:
    """By the time of the oardel it could be another user's."""
    canceling(hostile, 4711)
    hostile.scan()
    assert hostile.argvs("oardel") == []


@pytest.mark.parametrize("version", ["2.5.9", "2.6.1", "3.0.2"])
def test_end_of_another_users_job_is_not_reported(
    ce: Ce, version: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with Standin.create(ce.place / "oar", version) as oar:
        site = Site(ce, oar)
        row: dict[str, Any] = {"state": "Terminated", "exit_code": 3 << 8}
        files = noted(site.running(owner=VICTIM, **row), 3)
        own = ended(site, OTHER)
        before = (files.errors(), files.diag.read_bytes())
        assert site.scan() == [OTHER]
        assert (files.done(), files.errors(), files.diag.read_bytes()) == (None, *before)
        assert own.done() == "0 Job finished with exit code 0\n"
        line = f"{GRID_ID}: OAR job 1 belongs to {VICTIM}, not to {ce.user}; it is left alone"
        assert f"[ERROR] {line}" in said(capsys)


@needs_root
def test_id_that_other_users_claim_too(hostile: Site, capsys: pytest.CaptureFixture[str]) -> None:
    """The job of OAR's owner is reported and no other, whatever the order of the listing."""
    thieves = [noted(hostile.ce.in_lrms(letter * 50, 1)) for letter in "0159aAzZ"]
    for files in thieves:
        for kind in ("grami", "local", "errors"):
            os.chown(files.file(kind), 2, 2)
    files = ended(hostile)
    assert hostile.scan() == [GRID_ID]
    assert files.done() == "0 Job finished with exit code 0\n"
    assert {thief.done() for thief in thieves} == {None}
    assert sum("have the same OAR job ID" in line for line in said(capsys)) == 1


def test_successor_of_another_users_job_is_not_deleted(hostile: Site, hours: Hours) -> None:
    hostile.configure("resubmitted=delete")
    files = hostile.running(owner=VICTIM)
    hostile.oar.resubmit(1, 1)
    for _ in range(3):
        assert hostile.scan() == []
        hours.ahead += 400
    assert (hostile.argvs("oardel"), files.done()) == ([], None)
