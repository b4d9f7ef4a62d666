"""Checks of what a submission leaves behind: files of the session directory, queries, errors."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from arc_lrms_oar.errors import OarLrmsError
from support.ce import GRID_ID, JobFiles
from support.oar_site import Site

# How a submission looks for the OAR job of an earlier attempt.
JOB_NAME_QUERY = ["oarstat", "--format", "2", "-J", "--sql", f"job_name = 'some_name-{GRID_ID}'"]


def private_files(files: JobFiles) -> list[str]:
    """Return the names in the job's private directory; the script's random name is "script".

    The mark of a start is left out: the job may have started by now, or not.
    """
    folder = files.session / ".arc_oar"
    names = sorted(os.listdir(folder)) if folder.exists() else []
    return [
        "script" if name.startswith("job-") else name
        for name in names
        if ".sh.started-" not in name
    ]


def script_of(files: JobFiles) -> Path:
    """Return the path of the job script."""
    (path,) = (files.session / ".arc_oar").glob("job-*.sh")
    return path


def refused(site: Site, files: JobFiles) -> OarLrmsError:
    """Submit a job that must be refused, and return the error: no job ID and no file is left."""
    with pytest.raises(OarLrmsError) as caught:
        site.submit(files)
    assert files.local_id() == ""
    assert private_files(files) == []
    assert "\n" not in str(caught.value)
    return caught.value
