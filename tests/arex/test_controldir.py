"""A-REX's control directory, in the layouts of ARC 6 and 7."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.ce import GRID_ID, NOBODY, Ce
from support.users import needs_root

from arc_lrms_oar.arex import controldir
from arc_lrms_oar.arex.controldir import GridJob, read_job
from arc_lrms_oar.arex.userfiles import Owner
from arc_lrms_oar.errors import ControlDirError


def found(ce: Ce) -> dict[str, GridJob]:
    names = os.listdir(ce.control / "processing")
    jobs = (read_job(str(ce.control), name) for name in names)
    return {job.grid_id: job for job in jobs if job is not None}


def only(ce: Ce) -> GridJob:
    (job,) = found(ce).values()
    return job


def test_job_in_the_lrms(any_ce: Ce) -> None:
    files = any_ce.in_lrms(GRID_ID, 4711)
    os.utime(files.status, (1000, 2000))
    job = only(any_ce)
    assert (job.grid_id, job.state, job.layout) == (GRID_ID, "INLRMS", any_ce.layout)
    assert (job.local_id, job.session_dir) == (4711, str(files.session))
    assert job.status_time == 2000
    for kind in ("local", "grami", "errors", "lrms_done"):
        assert job.file(kind) == str(files.file(kind))
        assert controldir.sibling(str(files.file("grami")), kind) == str(files.file(kind))


def test_paths_of_both_layouts() -> None:
    assert (
        controldir.control_file("/c", "abcdefghijklm", "local", 6) == "/c/job.abcdefghijklm.local"
    )
    assert controldir.control_file("/c", "abcdefghijklm", "local", 7) == (
        "/c/jobs/abc/def/ghi/jklm/local"
    )


def test_both_layouts_may_exist_side_by_side(place: Path) -> None:
    Ce(place / "six").in_lrms("sixsixsixsix", 6)
    seven = Ce(place / "seven", 7)
    seven.in_lrms("sevensevenseven", 7)
    for path in (place / "six" / "control").glob("job.*"):
        path.rename(seven.control / path.name)
    status = "processing/job.sixsixsixsix.status"
    (place / "six" / "control" / status).rename(seven.control / status)
    assert {(job.grid_id, job.layout, job.local_id) for job in found(seven).values()} == {
        ("sixsixsixsix", 6, 6),
        ("sevensevenseven", 7, 7),
    }


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("INLRMS\n", "INLRMS"),
        ("CANCELING\n", "CANCELING"),
        ("PENDING:INLRMS\n", "INLRMS"),
        ("INLRMS", "INLRMS"),
        ("INLRMS\nrest", "INLRMS"),
        ("SUBMIT\n", None),
        ("PREPARING\n", None),
        ("FINISHING\n", None),
        ("PENDING:PREPARING\n", None),
        ("INLRMSX\n", None),
        ("", None),
    ],
)
def test_states(any_ce: Ce, status: str, state: str | None) -> None:
    any_ce.in_lrms(GRID_ID, 1).status.write_text(status)
    assert [job.state for job in found(any_ce).values()] == ([state] if state else [])


def test_reported_job(any_ce: Ce) -> None:
    files = any_ce.in_lrms(GRID_ID, 1)
    assert only(any_ce).reported is False
    files.file("lrms_done").write_text("0 done\n")
    assert only(any_ce).reported is True


def test_other_files_of_the_processing_directory_are_left_out(any_ce: Ce) -> None:
    processing = any_ce.control / "processing"
    for name in ("x", "job.status", ".status", "a.b.status", "job.a.status.new", "job..status"):
        (processing / name).write_text("INLRMS\n")
    (processing / "directory.status").mkdir()
    (processing / "job.link.status").symlink_to("/nowhere")
    any_ce.in_lrms(GRID_ID, 1)
    assert list(found(any_ce)) == [GRID_ID]


@pytest.mark.parametrize("local_id", ["", "0", "-5", "12a", "1" * 19, "12 ", "007", "none"])
def test_invalid_local_id(any_ce: Ce, local_id: str) -> None:
    any_ce.in_lrms(GRID_ID, local_id)
    assert only(any_ce).local_id is None


def test_local_id_beyond_31_bits(any_ce: Ce) -> None:
    any_ce.in_lrms(GRID_ID, 2**33)
    assert only(any_ce).local_id == 2**33


def test_missing_local_file(any_ce: Ce) -> None:
    any_ce.in_lrms(GRID_ID, 1).file("local").unlink()
    assert (only(any_ce).local_id, only(any_ce).session_dir) == (None, "")


def test_local_file_that_is_a_directory(any_ce: Ce) -> None:
    path = any_ce.in_lrms(GRID_ID, 1).file("local")
    path.unlink()
    path.mkdir()
    assert only(any_ce).local_id is None


def test_local_file_with_arbitrary_bytes(any_ce: Ce) -> None:
    path = any_ce.in_lrms(GRID_ID, 1).file("local")
    path.write_bytes(b"\xff\xfe\0=\n\nlocalid=8\n=\nsessiondir=/s/\xe9\nlocalid=9\n")
    assert (only(any_ce).local_id, only(any_ce).session_dir) == (9, "/s/\udce9")


def test_status_file_that_has_vanished(any_ce: Ce) -> None:
    files = any_ce.in_lrms(GRID_ID, 1)
    files.status.unlink()
    assert read_job(str(any_ce.control), files.status.name) is None


@needs_root
def test_owner_is_that_of_the_jobs_files(place: Path, layout: int) -> None:
    ce = Ce(place, layout, owner=NOBODY)
    files = ce.in_lrms(GRID_ID, 1)
    assert controldir.owner_of(only(ce)) == Owner(NOBODY, NOBODY)
    files.file("grami").unlink()
    os.chown(files.file("local"), 1234, 4321)
    assert controldir.owner_of(only(ce)) == Owner(1234, 4321)


def test_owner_of_a_job_whose_files_are_gone(any_ce: Ce) -> None:
    files = any_ce.in_lrms(GRID_ID, 1)
    job = only(any_ce)
    for kind in ("grami", "local", "errors"):
        files.file(kind).unlink()
    with pytest.raises(ControlDirError, match=f"^{GRID_ID}: its files are gone from "):
        controldir.owner_of(job)


def test_last_argument_of_gm_kick(any_ce: Ce) -> None:
    files = any_ce.in_lrms(GRID_ID, 1)
    wanted = files.file("local") if any_ce.layout == 6 else any_ce.control
    assert controldir.kick_argument(only(any_ce)) == str(wanted)
