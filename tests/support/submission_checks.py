"""What a submission leaves in the session directory, and what a refused one must not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from arc_lrms_oar.errors import OarLrmsError
from support.ce import GRID_ID, JobFiles
from support.oar_site import Site

# How a submission asks for the job that an earlier try may have brought in.
JOB_NAME_QUERY = ["oarstat", "--format", "2", "-J", "--sql", f"job_name = 'some_name-{GRID_ID}'"]


def private_files(files: JobFiles) -> list[str]:
    """What stands in the job's private directory, without the chance in the script's name."""
    folder = files.session / ".arc_oar"
    names = sorted(os.listdir(folder)) if folder.exists() else []
    return ["script" if name.startswith("job-") else name for name in names]


def script_of(files: JobFiles) -> Path:
    (path,) = (files.session / ".arc_oar").glob("job-*.sh")
    return path


def refused(site: Site, files: JobFiles) -> OarLrmsError:
    """The error of a submission that leaves no job, no id and no trace."""
    with pytest.raises(OarLrmsError) as caught:
        site.submit(files)
    assert files.local_id() == ""
    assert private_files(files) == []
    assert "\n" not in str(caught.value)
    return caught.value
