"""Files that are replaced as a whole."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from arc_lrms_oar.files import aside_path, atomic_write, write_aside


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_aside_path() -> None:
    assert aside_path("/metrics/arc_oar.prom") == "/metrics/.arc_oar.prom.arc_oar"
    assert aside_path("name") == ".name.arc_oar"


@pytest.mark.parametrize("sync", [False, True])
def test_new_file(tmp_path: Path, sync: bool) -> None:
    os.umask(0o077)
    atomic_write(str(tmp_path / "new"), b"content", 0o644, sync)
    assert (tmp_path / "new").read_bytes() == b"content"
    assert mode_of(tmp_path / "new") == 0o644
    assert os.listdir(tmp_path) == ["new"]


def test_longer_remainder_of_a_killed_process(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    (tmp_path / ".file.arc_oar").write_text("half of a longer content")
    atomic_write(str(tmp_path / "file"), b"new")
    assert (tmp_path / "file").read_bytes() == b"new"
    assert mode_of(tmp_path / "file") == 0o600
    assert os.listdir(tmp_path) == ["file"]


def test_link_at_the_path_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("kept")
    (tmp_path / "file").symlink_to(tmp_path / "target")
    atomic_write(str(tmp_path / "file"), b"new")
    assert not (tmp_path / "file").is_symlink()
    assert (tmp_path / "target").read_text() == "kept"


@pytest.mark.parametrize("kind", ["link", "fifo"])
def test_other_file_beside_is_replaced_and_never_opened(tmp_path: Path, kind: str) -> None:
    (tmp_path / "target").write_text("kept")
    beside = tmp_path / ".file.arc_oar"
    if kind == "fifo":
        os.mkfifo(beside)
    else:
        beside.symlink_to(tmp_path / "target")
    atomic_write(str(tmp_path / "file"), b"new")
    assert (tmp_path / "file").read_bytes() == b"new"
    assert (tmp_path / "target").read_text() == "kept"


def test_directory_beside(tmp_path: Path) -> None:
    (tmp_path / ".file.arc_oar").mkdir()
    with pytest.raises(OSError, match=r"Is a directory|Operation not permitted"):
        atomic_write(str(tmp_path / "file"), b"new")


def test_directory_at_the_path(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()
    with pytest.raises(IsADirectoryError):
        atomic_write(str(tmp_path / "file"), b"new")
    assert os.listdir(tmp_path) == ["file"]


def test_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A first part fits, the rest does not: the old file is unchanged, and nothing is left."""
    (tmp_path / "file").write_text("old")
    write = os.write

    def full(descriptor: int, data: memoryview) -> int:
        if len(data) < 7:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, data[:3])

    monkeypatch.setattr("os.write", full)
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        atomic_write(str(tmp_path / "file"), b"content")
    assert (tmp_path / "file").read_text() == "old"
    assert os.listdir(tmp_path) == ["file"]


def test_written_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr("os.write", lambda descriptor, data: write(descriptor, data[:3]))
    atomic_write(str(tmp_path / "file"), b"content")
    assert (tmp_path / "file").read_bytes() == b"content"


@pytest.mark.skipif(os.geteuid() != 0, reason="chown(2) is for root")
def test_owner(tmp_path: Path) -> None:
    aside = write_aside(str(tmp_path / "file"), b"content", 0o640, owner=(1234, 1235))
    assert aside == str(tmp_path / ".file.arc_oar")
    status = os.stat(aside)
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (1234, 1235, 0o640)
