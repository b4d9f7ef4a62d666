"""A-REX's control directory, in the layouts of ARC 6 and 7."""

from __future__ import annotations

import os
import stat
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


def test_layouts_may_stand_side_by_side(place: Path) -> None:
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
def test_local_id_that_is_none(any_ce: Ce, local_id: str) -> None:
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


def test_local_file_of_any_bytes(any_ce: Ce) -> None:
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


def replace(path: Path, content: bytes) -> dict[str, OSError]:
    return controldir.replace_files({str(path): content})


@pytest.mark.parametrize(
    ("code", "reason", "line"),
    [
        (0, "Job finished", b"0 Job finished\n"),
        (265, " killed\nby \udcff\tsomebody ", b"265 killed by ? somebody\n"),
        (512, "", b"512 \n"),
    ],
)
def test_report_is_one_line(code: int, reason: str, line: bytes) -> None:
    assert controldir.done_line(code, reason) == line


def replaced(path: Path, content: bytes) -> None:
    assert controldir.replace_files({str(path): content}) == {}


@pytest.mark.parametrize("count", [1, 20])
def test_replaced_files_keep_their_modes(place: Path, count: int) -> None:
    """One by one, and so many that they are brought to the disk together."""
    paths = [place / str(number) for number in range(count)]
    for path in paths:
        path.write_text("old")
        path.chmod(0o640)
    assert controldir.replace_files({str(path): path.name.encode() for path in paths}) == {}
    assert [path.read_text() for path in paths] == [path.name for path in paths]
    assert {stat.S_IMODE(path.stat().st_mode) for path in paths} == {0o640}
    assert len(os.listdir(place)) == count


def test_new_file_is_for_its_owner_alone(place: Path) -> None:
    replaced(place / "new", b"text")
    assert stat.S_IMODE((place / "new").stat().st_mode) == 0o600


def test_file_that_cannot_be_replaced_does_not_stop_the_others(place: Path) -> None:
    good, bad, blocked = (place / name for name in ("good", "none/bad", "blocked"))
    (place / ".blocked.arc_oar").mkdir()
    failed = controldir.replace_files({str(bad): b"x", str(blocked): b"x", str(good): b"x"})
    assert list(failed) == [str(bad), str(blocked)]
    assert (good.read_bytes(), blocked.exists()) == (b"x", False)


def test_link_beside_the_file_is_not_followed(place: Path) -> None:
    path, target = place / "lrms_done", place / "target"
    target.write_text("old")
    (place / ".lrms_done.arc_oar").symlink_to(target)
    replaced(path, b"new")
    assert (path.read_bytes(), path.is_symlink(), target.read_text()) == (b"new", False, "old")


@needs_root
def test_replaced_file_keeps_its_owner(place: Path) -> None:
    path = place / "file"
    path.write_text("old")
    os.chown(path, 1234, 4321)
    replaced(path, b"new")
    assert (path.stat().st_uid, path.stat().st_gid) == (1234, 4321)


def test_leftover_of_a_killed_scan_is_no_hindrance(place: Path) -> None:
    path = place / "lrms_done"
    (place / ".lrms_done.arc_oar").write_text("a long half-written thing")
    replaced(path, b"0 ok\n")
    assert path.read_bytes() == b"0 ok\n"


def test_other_id_in_local_file(any_ce: Ce) -> None:
    files = any_ce.in_lrms(GRID_ID, 12)
    path = files.file("local")
    path.write_bytes(path.read_bytes() + b"jobname=\xff\n")
    before = path.read_bytes()
    controldir.set_local_id(only(any_ce), 34)
    assert only(any_ce).local_id == 34
    assert path.read_bytes() == before.replace(b"localid=12\n", b"") + b"localid=34\n"


@pytest.mark.parametrize(
    "end", ["\r", "\v", "\f", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"]
)
def test_only_newlines_end_a_line_of_the_local_file(any_ce: Ce, end: str) -> None:
    """A job's name is the user's own, and A-REX ends a line at a newline only."""
    files = any_ce.in_lrms(GRID_ID, 12)
    path = files.file("local")
    name = f"jobname=a{end}localid=99{end}sessiondir=/etc\n"
    path.write_bytes(path.read_bytes() + name.encode())
    job = only(any_ce)
    assert (job.local_id, job.session_dir) == (12, str(files.session))
    before = path.read_bytes()
    controldir.set_local_id(job, 34)
    assert path.read_bytes() == before.replace(b"localid=12\n", b"") + b"localid=34\n"


def test_errors_are_appended_and_made_if_need_be(any_ce: Ce) -> None:
    files = any_ce.in_lrms(GRID_ID, 1)
    files.file("errors").write_text("before\n")
    controldir.append_errors(only(any_ce), b"after\n")
    assert files.errors() == "before\nafter\n"
    assert controldir.read_errors(only(any_ce), 100) == b"before\nafter\n"
    assert controldir.read_errors(only(any_ce), 6) == b"after\n"
    files.file("errors").unlink()
    assert controldir.read_errors(only(any_ce), 100) == b""
    controldir.append_errors(only(any_ce), b"new\n")
    assert files.errors() == "new\n"
    assert stat.S_IMODE(files.file("errors").stat().st_mode) == 0o600


def test_errors_are_not_written_through_a_link(any_ce: Ce) -> None:
    files = any_ce.in_lrms(GRID_ID, 1)
    other = any_ce.place / "other"
    other.write_text("")
    files.file("errors").unlink()
    files.file("errors").symlink_to(other)
    with pytest.raises(OSError, match="symbolic links"):
        controldir.append_errors(only(any_ce), b"text")
    assert other.read_text() == ""


def test_last_argument_of_gm_kick(any_ce: Ce) -> None:
    files = any_ce.in_lrms(GRID_ID, 1)
    wanted = files.file("local") if any_ce.layout == 6 else any_ce.control
    assert controldir.kick_argument(only(any_ce)) == str(wanted)


def test_many_files_are_replaced_and_each_failure_is_told(place: Path) -> None:
    paths = [place / f"file{number}" for number in range(20)]
    (place / ".file7.arc_oar").mkdir()
    failed = controldir.replace_files({str(path): path.name.encode() for path in paths})
    assert list(failed) == [str(place / "file7")]
    assert sorted(path.name for path in place.glob("file*[0-9]")) == sorted(
        path.name for path in paths if path.name != "file7"
    )
    assert all(path.read_bytes() == path.name.encode() for path in paths if path.name != "file7")
