"""The name of a grid job in OAR, and the proof that an OAR job belongs to a grid job."""

from __future__ import annotations

import pytest

from arc_lrms_oar.job.oar_name import is_job_of, job_name

ID = "4J2NDm97woAoPSAtDmVmuSEmABFKDmABFKDmZgFKDmABFKDmQCOyTo"


@pytest.mark.parametrize("name", ["", "some name", "ä", "-x", "a" * 200, "new\nline"])
@pytest.mark.parametrize("grid_id", [ID, "12345", "a.b", "x" * 99])
def test_submitted_name_proves_the_job(name: str, grid_id: str) -> None:
    assert is_job_of(grid_id, job_name(name, grid_id), "")
    assert not is_job_of("7" + grid_id, job_name(name, grid_id), "")


@pytest.mark.parametrize(
    "command", ["/sessions/{}/.arc_oar/job-1a2b.sh", "/r/{}/.arc_oar/job-x.sh y"]
)
def test_script_in_the_session_directory_proves_the_job(command: str) -> None:
    assert is_job_of(ID, "renamed", command.format(ID))
    assert not is_job_of(ID, "renamed", command.format("x" + ID))


@pytest.mark.parametrize(
    ("name", "command"),
    [("", ""), (f"{ID}-x", ""), (f"x{ID}", ""), ("", ID), ("", f"/s/{ID}/x.sh")],
)
def test_job_without_proof(name: str, command: str) -> None:
    assert not is_job_of(ID, name, command)


@pytest.mark.parametrize("grid_id", ["", "..", "-"])
def test_grid_job_id_without_letters_proves_nothing(grid_id: str) -> None:
    assert not is_job_of(grid_id, "", "")
    assert not is_job_of(grid_id, "x-", "")
