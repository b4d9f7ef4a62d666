"""When A-REX's control files reach the disk, and what is left of them after a failed write."""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from support.ce import GRID_ID, Ce

from arc_lrms_oar.arex import control_files
from arc_lrms_oar.arex.controldir import GridJob, read_job

MANY, FEW = 9, 8


class Disk:
    """Records every flush, with the files in the directory at that moment."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.paths = [folder / str(number) for number in range(MANY)]
        self.flushes: list[tuple[str, int, int]] = []
        monkeypatch.setattr(os, "fsync", self.record("fsync"))

    def record(self, name: str, result: int = 0) -> Callable[[int], int]:
        def flush(file: int) -> int:
            assert os.fstat(file).st_dev == self.folder.stat().st_dev
            renamed = [path for path in self.paths if path.exists()]
            written = [path for path in self.folder.iterdir() if path.read_bytes()]
            self.flushes.append((name, len(written), len(renamed)))
            return result

        return flush

    def replace(self, count: int) -> None:
        contents = {str(path): b"text" for path in self.paths[:count]}
        assert control_files.replace_files(contents) == {}
        assert [path.read_bytes() for path in self.paths[:count]] == [b"text"] * count


@pytest.fixture
def disk(place: Path, monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(place, monkeypatch)


class FakeLibrary:
    """A C library with the function syncfs, or without it."""

    def __init__(self, syncfs: Callable[[int], int] | None) -> None:
        if syncfs is not None:
            self.syncfs = syncfs


def use_library(monkeypatch: pytest.MonkeyPatch, syncfs: Callable[[int], int] | None) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: FakeLibrary(syncfs))


def test_few_files_are_flushed_one_by_one(disk: Disk) -> None:
    """All of them are written before the first flush, and renamed after the last."""
    disk.replace(FEW)
    assert disk.flushes == [("fsync", FEW, 0)] * FEW


def test_many_files_are_flushed_by_one_call(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    use_library(monkeypatch, disk.record("syncfs"))
    disk.replace(MANY)
    assert disk.flushes == [("syncfs", MANY, 0)]


def test_system_without_syncfs(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    use_library(monkeypatch, None)
    disk.replace(MANY)
    assert disk.flushes == [("fsync", MANY, 0)] * MANY


def test_syncfs_that_fails(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    use_library(monkeypatch, disk.record("syncfs", -1))
    disk.replace(MANY)
    assert disk.flushes == [("syncfs", MANY, 0), *[("fsync", MANY, 0)] * MANY]


def test_flush_that_fails_leaves_the_old_files(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    path = place / "file"
    path.write_text("old")
    failed = control_files.replace_files({str(path): b"new"})
    assert (list(failed), failed[str(path)].errno) == ([str(path)], errno.EIO)
    assert path.read_text() == "old"


class ShortWrites:
    """Replaces os.write: `sizes` are the bytes that each call writes, None for a full disk."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *sizes: int | None) -> None:
        self.sizes = list(sizes)
        self.write = os.write
        monkeypatch.setattr(os, "write", self)

    def __call__(self, file: int, content: bytes) -> int:
        size = self.sizes.pop(0)
        if size is None:
            raise OSError(errno.ENOSPC, "No space left on device")
        return self.write(file, content[:size])


@pytest.fixture
def job(ce: Ce) -> GridJob:
    files = ce.in_lrms(GRID_ID, 1)
    files.file("errors").write_text("before\n")
    found = read_job(str(ce.control), files.status.name)
    assert found is not None
    return found


def errors(job: GridJob) -> str:
    return Path(job.file("errors")).read_text()


def test_short_write_of_errors_is_continued(job: GridJob, monkeypatch: pytest.MonkeyPatch) -> None:
    ShortWrites(monkeypatch, 3, 100)
    control_files.append_errors(job, b"after\n")
    assert errors(job) == "before\nafter\n"


@pytest.mark.parametrize("sizes", [(None,), (3, None), (3, 1)])
def test_text_that_does_not_fit_into_errors_leaves_nothing(
    job: GridJob, monkeypatch: pytest.MonkeyPatch, sizes: tuple[int | None, ...]
) -> None:
    ShortWrites(monkeypatch, *sizes)
    with pytest.raises(OSError, match="No space left on device"):
        control_files.append_errors(job, b"after\n")
    assert errors(job) == "before\n"
