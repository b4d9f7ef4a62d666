"""A hostile user who keeps replacing their own files, in a process of its own, during a test.

The replacements are links to files of root and of another user, FIFOs, links to devices,
directories and huge sparse files. A test decides by `Swaps.count` how long the attack lasts.
"""

from __future__ import annotations

import mmap
import os
import random
import shutil
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

SECRET = "exitcode=7\nnodename=secret\nUserTime=7s\n"


class ForeignFiles:
    """Files below `place` that the hostile user must neither read nor change. Made by root."""

    def __init__(self, place: Path, other: int) -> None:
        self.place = place
        place.mkdir()
        self.roots = self._file("roots", 0, 0o600)
        self.others = self._file("others", other, 0o600)
        self.open_to_all = self._file("open-to-all", other, 0o666)
        # Like another job's session directory: readable for all by mistake, writable for its owner.
        self.folder = place / "folder"
        (self.folder / ".arc_oar").mkdir(parents=True)
        for name in ("out", ".arc_oar/submitting", ".arc_oar/job-0123456789ab.sh"):
            self._file(f"folder/{name}", other, 0o644)
        for path in (self.folder, self.folder / ".arc_oar"):
            os.chown(path, other, other)
            path.chmod(0o755)

    def _file(self, name: str, owner: int, mode: int) -> Path:
        path = self.place / name
        path.write_text(SECRET)
        os.chown(path, owner, owner)
        path.chmod(mode)
        return path

    def state(self) -> dict[str, tuple[object, ...]]:
        """Return mode, owner, modification time and content of everything, to compare later."""
        found: dict[str, tuple[object, ...]] = {}
        for path in [self.place, *self.place.rglob("*")]:
            status = path.lstat()
            content = path.read_bytes() if path.is_file() else b""
            kept = (status.st_mode, status.st_uid, status.st_gid, status.st_mtime_ns)
            found[str(path)] = (*kept, content)
        return found


class Swaps:
    """The number of replacements so far, shared between the processes."""

    def __init__(self) -> None:
        self._shared = mmap.mmap(-1, 8)

    @property
    def count(self) -> int:
        return int(struct.unpack("Q", self._shared[:8])[0])

    def add(self) -> None:
        self._shared[:8] = struct.pack("Q", self.count + 1)

    def wait_for_more(self) -> None:
        """Wait for the next replacement, so that every round of a test is disturbed."""
        before = self.count
        while self.count == before:
            time.sleep(0)


def kinds(foreign: ForeignFiles, targets: Sequence[Path]) -> list[Callable[[Path], object]]:
    """Return functions that each create one kind of replacement at a path."""

    def folder(path: Path) -> None:
        path.mkdir()
        (path / "file").touch()

    def terabyte(path: Path) -> None:
        path.touch()
        os.truncate(path, 1 << 40)

    def plain(path: Path) -> None:
        path.write_text("exitcode=0\n")

    def mark(path: Path) -> None:
        path.write_text('{"script": "job-0123456789ab.sh", "pid": 0, "tries": 3}')

    # `targets` as well: links to links.
    aims = [foreign.roots, foreign.others, foreign.open_to_all, foreign.folder]
    aims += [foreign.place / "new", *targets, Path("/dev/zero")]
    links = [lambda path, to=to: path.symlink_to(to) for to in aims]
    return [*links, os.mkfifo, folder, Path.mkdir, terabyte, plain, mark, mark]


@contextmanager
def swapping(user: int, targets: Sequence[Path], foreign: ForeignFiles) -> Iterator[Swaps]:
    """Keep replacing `targets` as the user with this uid while the block lasts."""
    swaps = Swaps()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(user)
            os.setuid(user)
            os.umask(0o077)
            _swap(targets, kinds(foreign, targets), swaps)
        finally:
            os._exit(1)
    try:
        yield swaps
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)


def _swap(
    targets: Sequence[Path], makers: Sequence[Callable[[Path], object]], swaps: Swaps
) -> None:
    chance = random.Random(7)
    while True:
        target = chance.choice(targets)
        aside = target.parent / "aside"
        # An earlier replacement of a directory can be in the way.
        with suppress(OSError):
            clear_away(aside)
            chance.choice(makers)(aside)
            clear_away(target)
            os.rename(aside, target)
        swaps.add()


def clear_away(path: Path) -> None:
    """Remove a file or directory, if it exists."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
