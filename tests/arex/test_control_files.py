"""A-REX's control files are replaced as a whole and appended to as a whole."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from support.ce import GRID_ID, Ce
from support.users import needs_root

from arc_lrms_oar.arex import control_files, controldir
from arc_lrms_oar.arex.controldir import GridJob, read_job


def only(ce: Ce) -> GridJob:
    """The only job in the LRMS."""
    (name,) = os.listdir(ce.control / "processing")
    job = read_job(str(ce.control), name)
    assert job is not None
    return job


@pytest.mark.parametrize(
    ("code", "reason", "line"),
    [
        (0, "Job finished", b"0 Job finished\n"),
        (265, " killed\nby \udcff\tsomebody ", b"265 killed by ? somebody\n"),
        (512, "", b"512 \n"),
    ],
)
def test_lrms_done_is_one_line(code: int, reason: str, line: bytes) -> None:
    assert control_files.done_line(code, reason) == line


def replaced(path: Path, content: bytes) -> None:
    assert control_files.replace_files({str(path): content}) == {}


@pytest.mark.parametrize("count", [1, 20])
def test_replaced_files_keep_their_modes(place: Path, count: int) -> None:
    """One by one, and so many that one flush of the file system is used."""
    paths = [place / str(number) for number in range(count)]
    for path in paths:
        path.write_text("old")
        path.chmod(0o640)
    assert control_files.replace_files({str(path): path.name.encode() for path in paths}) == {}
    assert [path.read_text() for path in paths] == [path.name for path in paths]
    assert {stat.S_IMODE(path.stat().st_mode) for path in paths} == {0o640}
    assert len(os.listdir(place)) == count


def test_new_file_is_private(place: Path) -> None:
    replaced(place / "new", b"text")
    assert stat.S_IMODE((place / "new").stat().st_mode) == 0o600


def test_file_that_cannot_be_replaced_does_not_stop_the_others(place: Path) -> None:
    good, bad, blocked = (place / name for name in ("good", "none/bad", "blocked"))
    (place / ".blocked.arc_oar").mkdir()
    failed = control_files.replace_files({str(bad): b"x", str(blocked): b"x", str(good): b"x"})
    assert list(failed) == [str(bad), str(blocked)]
    assert (good.read_bytes(), blocked.exists()) == (b"x", False)


def test_link_beside_the_file_is_replaced_and_not_followed(place: Path) -> None:
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


def test_file_that_a_killed_scan_has_left_is_replaced(place: Path) -> None:
    path = place / "lrms_done"
    (place / ".lrms_done.arc_oar").write_text("a long half-written thing")
    replaced(path, b"0 ok\n")
    assert path.read_bytes() == b"0 ok\n"


def test_new_job_id_in_local_file(any_ce: Ce) -> None:
    files = any_ce.in_lrms(GRID_ID, 12)
    path = files.file("local")
    path.write_bytes(path.read_bytes() + b"jobname=\xff\n")
    before = path.read_bytes()
    control_files.set_local_id(only(any_ce), 34)
    assert only(any_ce).local_id == 34
    assert path.read_bytes() == before.replace(b"localid=12\n", b"") + b"localid=34\n"


@pytest.mark.parametrize(
    "end", ["\r", "\v", "\f", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"]
)
def test_only_newlines_end_a_line_of_the_local_file(any_ce: Ce, end: str) -> None:
    """The user chooses the job's name, and A-REX ends a line at a newline only."""
    files = any_ce.in_lrms(GRID_ID, 12)
    path = files.file("local")
    name = f"jobname=a{end}localid=99{end}sessiondir=/etc\n"
    path.write_bytes(path.read_bytes() + name.encode())
    job = only(any_ce)
    assert (job.local_id, job.session_dir) == (12, str(files.session))
    before = path.read_bytes()
    control_files.set_local_id(job, 34)
    assert path.read_bytes() == before.replace(b"localid=12\n", b"") + b"localid=34\n"


def test_errors_are_appended_and_created(any_ce: Ce) -> None:
    files = any_ce.in_lrms(GRID_ID, 1)
    files.file("errors").write_text("before\n")
    control_files.append_errors(only(any_ce), b"after\n")
    assert files.errors() == "before\nafter\n"
    assert controldir.read_errors(only(any_ce), 100) == b"before\nafter\n"
    assert controldir.read_errors(only(any_ce), 6) == b"after\n"
    files.file("errors").unlink()
    assert controldir.read_errors(only(any_ce), 100) == b""
    control_files.append_errors(only(any_ce), b"new\n")
    assert files.errors() == "new\n"
    assert stat.S_IMODE(files.file("errors").stat().st_mode) == 0o600


def test_errors_are_not_written_through_a_link(any_ce: Ce) -> None:
    files = any_ce.in_lrms(GRID_ID, 1)
    other = any_ce.place / "other"
    other.write_text("")
    files.file("errors").unlink()
    files.file("errors").symlink_to(other)
    with pytest.raises(OSError, match="symbolic links"):
        control_files.append_errors(only(any_ce), b"text")
    assert other.read_text() == ""


def test_many_files_are_replaced_and_each_failure_is_returned(place: Path) -> None:
    paths = [place / f"file{number}" for number in range(20)]
    (place / ".file7.arc_oar").mkdir()
    failed = control_files.replace_files({str(path): path.name.encode() for path in paths})
    assert list(failed) == [str(place / "file7")]
    assert sorted(path.name for path in place.glob("file*[0-9]")) == sorted(
        path.name for path in paths if path.name != "file7"
    )
    assert all(path.read_bytes() == path.name.encode() for path in paths if path.name != "file7")
