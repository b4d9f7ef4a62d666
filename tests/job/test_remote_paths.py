"""Paths on the remote machine: only those in the session directory differ."""

from __future__ import annotations

import pytest

from arc_lrms_oar.job.description import JobDescription
from arc_lrms_oar.job.remote_paths import remote_path, with_remote_paths

HERE = "/var/spool/arc/sessiondir/ID"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (HERE, "/scratch/ID"),
        (f"{HERE}/.arc_oar/job.sh", "/scratch/ID/.arc_oar/job.sh"),
        (f"{HERE}x/file", f"{HERE}x/file"),
        ("/dev/null", "/dev/null"),
    ],
)
def test_remote_path(path: str, expected: str) -> None:
    assert remote_path(path, HERE, "/scratch") == expected
    assert remote_path(path, HERE, "") == path


def test_job_with_remote_paths() -> None:
    job = JobDescription("x", stdin="/dev/null", stdout=f"{HERE}/o", session_dir=HERE)
    assert with_remote_paths(job, "/scratch") == JobDescription(
        "x", stdin="/dev/null", stdout="/scratch/ID/o", session_dir="/scratch/ID"
    )
    assert with_remote_paths(job, "") == job
