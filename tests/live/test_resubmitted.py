"""A job that fails once at launch: OAR resubmits it by itself, with a new job ID."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from bed import Bed
from bed.grid import Grid, shell

pytestmark = pytest.mark.live

HERE = Path(__file__).parent
CONFIGURATION = "/etc/oar/oar.conf"
PROLOGUE = "/var/lib/oar/fails_once"
FLAG = "/tmp/fails_once"


@contextmanager
def prologue_that_fails_once(bed: Bed) -> Iterator[None]:
    """Let the prologue of the next job fail.

    OAR reads its configuration for each job. It sets a node to Suspected if the prologue fails
    there.
    """
    configuration = bed.path(CONFIGURATION)
    before = configuration.read_bytes()
    bed.run(["tee", PROLOGUE], input=f"#!/bin/sh\n! rmdir {FLAG} 2>/dev/null\n")
    bed.run(["chmod", "755", PROLOGUE])
    bed.run(["install", "-d", "-o", "oar", FLAG])
    configuration.write_bytes(before + f'PROLOGUE_EXEC_FILE="{PROLOGUE}"\n'.encode())
    try:
        yield
    finally:
        configuration.write_bytes(before)
        for number in range(1, 5):
            bed.run(["oarnodesetting", "-h", f"127.0.0.{number}", "-s", "Alive"], check=False)


def test_followed_to_its_end(grid: Grid, bed: Bed) -> None:
    with prologue_that_fails_once(bed):
        job = grid.submit(shell("echo done"))
        job.wait()
    assert job.failure() == "", job.diagnostics()
    assert job.output("out.txt") == "done\n"
    first, second = sorted(held["Job_Id"] for held in job.oar_jobs())
    assert f"joboption_jobid={second}\n" in job.control("grami")
    log = grid.read("/var/log/arc/job.helper.errors")
    assert f"{job.grid_id}: OAR job {first} is now {second}" in log
    assert f"{job.grid_id}: OAR job {second} ended: 0 " in log


def test_deleted_where_the_site_wants_that(grid: Grid, bed: Bed, tmp_path: Path) -> None:
    template = (HERE / "arc.conf.in").read_text()
    changed = tmp_path / "arc.conf.in"
    changed.write_text(
        re.sub(r"(?m)^\[custom:oar\]$", "[custom:oar]\nresubmitted=delete", template)
    )
    bed.reconf(changed)
    try:
        with prologue_that_fails_once(bed):
            job = grid.submit(shell("echo done"))
            job.wait()
    finally:
        bed.reconf(HERE / "arc.conf.in")
    assert "OAR gave up the job and submitted it again as OAR job " in job.failure(), (
        job.diagnostics()
    )
    assert {held["state"] for held in job.oar_jobs()} <= {"Error", "Terminated"}
    assert len(job.oar_jobs()) == 2
