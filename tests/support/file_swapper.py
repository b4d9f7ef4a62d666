"""A user who replaces his own files all the time, in a process of his own, while others use them.

What he puts there leads out of what is his: links to files of root's and of another user's, FIFOs,
devices, directories, terabytes. How long he goes on is for the one who watches him to say, by how
often he has swapped.
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


class Prey:
    """What is not the hostile user's, in directories below `place`; root makes it."""

    def __init__(self, place: Path, other: int) -> None:
        self.place = place
        place.mkdir()
        self.roots = self._file("roots", 0, 0o600)
        self.others = self._file("others", other, 0o600)
        self.open_to_all = self._file("open-to-all", other, 0o666)
        # As another job's session directory that was opened by mistake: all can read, none write.
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
        """All that a reader or writer must leave as it is."""
        found: dict[str, tuple[object, ...]] = {}
        for path in [self.place, *self.place.rglob("*")]:
            status = path.lstat()
            content = path.read_bytes() if path.is_file() else b""
            kept = (status.st_mode, status.st_uid, status.st_gid, status.st_mtime_ns)
            found[str(path)] = (*kept, content)
        return found


class Swaps:
    """How often the user has swapped until now."""

    def __init__(self) -> None:
        self._shared = mmap.mmap(-1, 8)

    @property
    def count(self) -> int:
        return int(struct.unpack("Q", self._shared[:8])[0])

    def add(self) -> None:
        self._shared[:8] = struct.pack("Q", self.count + 1)

    def wait_for_more(self) -> None:
        """Until the next swap, so that none of the watcher's rounds passes undisturbed."""
        before = self.count
        while self.count == before:
            time.sleep(0)


def kinds(prey: Prey, targets: Sequence[Path]) -> list[Callable[[Path], object]]:
    """The things that are put in the place of a file; each is given the path to make it at."""

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

    # Whom a link leads to where another of the user's links is already.
    aims = [prey.roots, prey.others, prey.open_to_all, prey.folder, prey.place / "new", *targets]
    links = [lambda path, to=to: path.symlink_to(to) for to in [*aims, Path("/dev/zero")]]
    return [*links, os.mkfifo, folder, Path.mkdir, terabyte, plain, mark, mark]


@contextmanager
def swapping(user: int, targets: Sequence[Path], prey: Prey) -> Iterator[Swaps]:
    """Swaps `targets`, outermost first, as `user` as long as the block lasts."""
    swaps = Swaps()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(user)
            os.setuid(user)
            os.umask(0o077)
            _swap(targets, kinds(prey, targets), swaps)
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
        # His own earlier swaps are in his way as well.
        with suppress(OSError):
            clear_away(aside)
            chance.choice(makers)(aside)
            clear_away(target)
            os.rename(aside, target)
        swaps.add()


def clear_away(path: Path) -> None:
    """Removes whatever is there, if anything is."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
