"""Files of the job's user: accessed as that user, never through a link, and without waiting.

Where root runs the tests, the user is really another one; elsewhere it is the caller.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from support.ce import NOBODY
from support.users import needs_root

from arc_lrms_oar.arex import userfiles
from arc_lrms_oar.arex.userfiles import Owner, acting_as, overwrite, read_end, read_start

USER = Owner(NOBODY, NOBODY) if os.geteuid() == 0 else Owner(os.geteuid(), os.getegid())


@pytest.fixture
def home(place: Path) -> Path:
    """A directory that the user owns."""
    made = place / "home"
    made.mkdir(mode=0o700)
    os.chown(made, USER.uid, USER.gid)
    return made


def users_file(path: Path, content: bytes = b"text", mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    os.chown(path, USER.uid, USER.gid)
    return path


def test_start_and_end_of_a_file(home: Path) -> None:
    path = str(users_file(home / "file", b"0123456789"))
    assert read_start(path, 4, USER) == b"0123"
    assert read_end(path, 4, USER) == b"6789"
    assert read_start(path, 100, USER) == read_end(path, 100, USER) == b"0123456789"
    assert read_start(path, 0, USER) == read_end(path, 0, USER) == b""


def test_empty_file_differs_from_a_missing_one(home: Path) -> None:
    path = str(users_file(home / "file", b""))
    assert read_start(path, 4, USER) == read_end(path, 4, USER) == b""
    assert read_start(path + "x", 4, USER) is None


def test_huge_file_is_read_up_to_the_limit(home: Path) -> None:
    path = users_file(home / "file", b"begin")
    with open(path, "r+b") as file:
        file.truncate(1 << 40)
        file.seek(0, os.SEEK_END)
        file.write(b"end")
    assert read_start(str(path), 3 << 20, USER) == b"begin" + bytes((3 << 20) - 5)
    assert read_end(str(path), 5, USER) == b"\0\0end"


ODD: dict[str, Callable[[Path], object]] = {
    "link": lambda path: path.symlink_to(path.parent / "elsewhere"),
    "dangling link": lambda path: path.symlink_to(path.parent / "made through a link"),
    "link to itself": lambda path: path.symlink_to(path),
    "fifo": os.mkfifo,
    "directory": Path.mkdir,
    "socket": lambda path: socket.socket(socket.AF_UNIX).bind(str(path)),
    "link to a device": lambda path: path.symlink_to("/dev/zero"),
    "link to the terminal": lambda path: path.symlink_to("/dev/tty"),
}


@pytest.mark.parametrize("kind", ODD)
def test_other_kinds_of_files_are_left_alone(home: Path, kind: str) -> None:
    path = home / "file"
    users_file(home / "elsewhere", b"secret")
    ODD[kind](path)
    before = (sorted(os.listdir(home)), path.lstat())
    assert read_start(str(path), 10, USER) is None
    assert read_end(str(path), 10, USER) is None
    assert overwrite(str(path), b"text", USER) is False
    assert (sorted(os.listdir(home)), path.lstat().st_ino) == (before[0], before[1].st_ino)
    assert (home / "elsewhere").read_bytes() == b"secret"


def test_fifo_that_somebody_reads_is_not_written(home: Path) -> None:
    path = home / "file"
    os.mkfifo(path)
    os.chown(path, USER.uid, USER.gid)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert overwrite(str(path), b"text", USER) is False
        assert os.read(reader, 10) == b""
    finally:
        os.close(reader)


@needs_root
def test_real_device_is_left_alone(home: Path) -> None:
    path = home / "file"
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5))
        path.chmod(0o666)
        os.close(os.open(path, os.O_RDONLY))
    except OSError:
        pytest.skip("no devices can be made here")
    assert read_start(str(path), 10, USER) is None
    assert overwrite(str(path), b"text", USER) is False


def test_overwrite_creates_shortens_and_keeps_the_mode(home: Path) -> None:
    path = home / "file"
    assert overwrite(str(path), b"a longer text", USER) is True
    assert path.stat().st_uid == USER.uid
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    inode = path.stat().st_ino
    assert overwrite(str(path), b"short", USER) is True
    assert (path.read_bytes(), path.stat().st_ino) == (b"short", inode)


@pytest.mark.parametrize("mode", [0o400, 0o000])
def test_file_without_write_permission_is_written(home: Path, mode: int) -> None:
    """Otherwise users could keep their own accounting instead of OAR's."""
    path = users_file(home / "file", b"WallTime=1s\n", mode)
    assert overwrite(str(path), b"text", USER) is True
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"text", 0o600)


def test_overwrite_without_the_directory(home: Path) -> None:
    assert overwrite(str(home / "none" / "file"), b"text", USER) is False


@needs_root
def test_files_are_accessed_as_the_user(home: Path, place: Path) -> None:
    roots = place / "roots"
    roots.write_bytes(b"secret")
    roots.chmod(0o600)
    assert read_start(str(roots), 10, USER) is None
    assert overwrite(str(roots), b"text", USER) is False
    assert overwrite(str(place / "new"), b"text", USER) is False
    # A hard link of the user to root's file gives no access: the user's permissions apply.
    os.link(roots, home / "file")
    assert read_end(str(home / "file"), 10, USER) is None
    assert overwrite(str(home / "file"), b"text", USER) is False
    assert roots.read_bytes() == b"secret"


@needs_root
def test_file_of_another_user_is_left_alone_even_if_it_is_open_to_all(place: Path) -> None:
    """Links in the user's directories may lead to it."""
    folder = place / "open"
    folder.mkdir()
    path = folder / "file"
    path.write_bytes(b"another's")
    for opened, mode in ((path, 0o666), (folder, 0o777)):
        opened.chmod(mode)
    assert read_start(str(path), 10, USER) is None
    assert read_end(str(path), 10, USER) is None
    assert overwrite(str(path), b"text", USER) is False
    userfiles.remove_directory(str(folder), USER)
    assert path.read_bytes() == b"another's"


@needs_root
def test_group_and_supplementary_groups_are_dropped(place: Path) -> None:
    path = place / "file"
    path.write_bytes(b"secret")
    os.chown(path, 0, 4242)
    path.chmod(0o640)
    groups = os.getgroups()
    os.setgroups([4242])
    try:
        assert read_start(str(path), 10, USER) is None
        assert os.getgroups() == [4242]
    finally:
        os.setgroups(groups)


@needs_root
def test_identity_inside_and_after() -> None:
    before = (os.getresuid(), os.getresgid(), os.getgroups())
    with acting_as(Owner(NOBODY, 1234)):
        assert (os.geteuid(), os.getegid(), os.getgroups()) == (NOBODY, 1234, [1234])
    assert (os.getresuid(), os.getresgid(), os.getgroups()) == before
    with pytest.raises(KeyError), acting_as(USER):
        raise KeyError
    assert (os.getresuid(), os.getresgid(), os.getgroups()) == before


@needs_root
def test_nothing_is_switched_for_a_job_of_root() -> None:
    before = (os.getresuid(), os.getresgid(), os.getgroups())
    with acting_as(Owner(0, 1234)):
        assert (os.getresuid(), os.getresgid(), os.getgroups()) == before


def test_name_of_a_user_who_was_deleted() -> None:
    assert Owner(4_000_000_001, 1).name == "4000000001"


class Errors:
    """Replaces os.write by one that writes one byte at a time, or fails."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, number: int = 0) -> None:
        self.number = number
        self.write = os.write
        monkeypatch.setattr(os, "write", self)

    def __call__(self, file: int, content: bytes) -> int:
        if self.number:
            raise OSError(self.number, os.strerror(self.number))
        return self.write(file, content[:1])


def test_short_writes_are_continued(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = users_file(home / "file", b"")
    Errors(monkeypatch)
    assert overwrite(str(path), b"text", USER) is True
    assert path.read_bytes() == b"text"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_full_disk_or_quota_is_an_error(
    home: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """The next cycle may succeed, unlike after other errors."""
    path = users_file(home / "file", b"")
    Errors(monkeypatch, number)
    with pytest.raises(OSError, match=os.strerror(number)):
        overwrite(str(path), b"text", USER)


def test_other_errors_of_a_write_are_not_raised(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = users_file(home / "file", b"")
    Errors(monkeypatch, errno.EIO)
    assert overwrite(str(path), b"text", USER) is False


def test_removed_directory(home: Path) -> None:
    target = users_file(home / "target")
    folder = home / "private"
    folder.mkdir()
    os.chown(folder, USER.uid, USER.gid)
    (folder / "script").write_text("x")
    (folder / "link").symlink_to(target)
    userfiles.remove_directory(str(folder), USER)
    assert not folder.exists()
    assert target.read_bytes() == b"text"
    userfiles.remove_directory(str(folder), USER)


def test_link_to_a_directory_is_not_emptied(home: Path) -> None:
    real = home / "real"
    real.mkdir()
    os.chown(real, USER.uid, USER.gid)
    (real / "file").touch()
    (home / "private").symlink_to(real)
    userfiles.remove_directory(str(home / "private"), USER)
    assert (real / "file").exists()
    assert (home / "private").is_symlink()


def test_directory_with_a_subdirectory_is_kept(home: Path) -> None:
    folder = home / "private"
    (folder / "sub").mkdir(parents=True)
    os.chown(folder, USER.uid, USER.gid)
    userfiles.remove_directory(str(folder), USER)
    assert (folder / "sub").exists()


def test_removing_a_directory_of_very_many_files_is_bounded(home: Path) -> None:
    folder = home / "private"
    folder.mkdir()
    os.chown(folder, USER.uid, USER.gid)
    for number in range(1200):
        (folder / str(number)).touch()
    userfiles.remove_directory(str(folder), USER)
    assert len(os.listdir(folder)) == 200


@needs_root
def test_directory_of_root_is_not_removed(home: Path) -> None:
    folder = home / "private"
    folder.mkdir()
    (folder / "file").touch()
    userfiles.remove_directory(str(folder), USER)
    assert (folder / "file").exists()


@needs_root
def test_file_is_replaced_only_where_nobody_else_can_write(place: Path) -> None:
    """Elsewhere another user could put a link in the place of the new file."""
    path = users_file(place / "file", b"old")
    assert userfiles.replace(str(path), b"text", USER) is True
    status = path.stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (NOBODY, NOBODY, 0o600)
    assert path.read_bytes() == b"text"
    for owner, mode in ((0, 0o775), (0, 0o757), (NOBODY, 0o755)):
        os.chown(place, owner, owner)
        place.chmod(mode)
        assert userfiles.replace(str(path), b"other", USER) is False
    os.chown(place, 0, 0)
    assert path.read_bytes() == b"text"


@needs_root
def test_replacement_leaves_nothing_on_a_full_disk(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = users_file(place / "file", b"old")

    def full(descriptor: int, data: memoryview) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("os.write", full)
        assert userfiles.replace(str(path), b"text", USER) is False
    assert os.listdir(place) == ["file"]
    assert path.read_bytes() == b"old"
