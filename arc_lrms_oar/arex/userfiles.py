"""Files that belong to the job's user, touched as that user and never through a link.

Scan runs as root over directories in which users may put what they like: links to other people's
files, FIFOs, devices, directories, gigabytes. So effective uid and gid are the user's while one of
these functions works, every open refuses links and waits for nobody, and sizes are bounded.
Where A-REX itself runs as an ordinary user, that user is the owner and nothing is switched.
"""

from __future__ import annotations

import errno
import os
import pwd
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

_SAFE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_MOST_ENTRIES = 1000
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


class Owner(NamedTuple):
    """The user to whom a job's files belong."""

    uid: int
    gid: int

    @property
    def name(self) -> str:
        """The user's name, a number where he has none."""
        try:
            return pwd.getpwuid(self.uid).pw_name
        except KeyError:
            return str(self.uid)


@contextmanager
def acting_as(owner: Owner) -> Iterator[None]:
    """Drops group and user to `owner` inside the block; does nothing for who is not root."""
    if os.geteuid() != 0 or owner.uid == 0:
        yield
        return
    groups = os.getgroups()
    group = os.getegid()
    os.setgroups([owner.gid])
    try:
        os.setegid(owner.gid)
        os.seteuid(owner.uid)
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)
        os.setgroups(groups)


def read_start(path: str, limit: int, owner: Owner) -> bytes | None:
    """The first `limit` bytes of a regular file of `owner`'s; None for anything else."""
    return _read(path, limit, owner, from_end=False)


def read_end(path: str, limit: int, owner: Owner) -> bytes | None:
    """The last `limit` bytes of a regular file of `owner`'s; None for anything else."""
    return _read(path, limit, owner, from_end=True)


def _read(path: str, limit: int, owner: Owner, from_end: bool) -> bytes | None:
    with acting_as(owner):
        try:
            descriptor = os.open(path, os.O_RDONLY | _SAFE)
        except OSError:
            return None
        try:
            status = os.fstat(descriptor)
            if not _is_file_of(owner, status):
                return None
            start = max(0, status.st_size - limit) if from_end else 0
            return _read_fully(descriptor, start, limit)
        except OSError:
            return None
        finally:
            os.close(descriptor)


def _is_file_of(owner: Owner, status: os.stat_result) -> bool:
    """What is open to all is no reason to read or write it: a link above may lead there."""
    return stat.S_ISREG(status.st_mode) and status.st_uid == owner.uid


def _read_fully(descriptor: int, start: int, limit: int) -> bytes:
    pieces = []
    while limit > 0:
        piece = os.pread(descriptor, min(limit, 1 << 20), start)
        if not piece:
            break
        pieces.append(piece)
        start += len(piece)
        limit -= len(piece)
    return b"".join(pieces)


def overwrite(path: str, content: bytes, owner: Owner) -> bool:
    """Writes `content` to a regular file of `owner`'s, made if need be; False if that fails.

    Raises OSError where there is no room, on the disk or by the user's quota: that may pass.

    In place, since the directory above is A-REX's and the user may make no file there; and cut
    last, so that who is killed on the way leaves all of the content and some of the old.
    """
    with acting_as(owner):
        try:
            descriptor = _open_closed(path, os.O_WRONLY | os.O_CREAT | _SAFE)
        except OSError as error:
            return _without_room(error)
        try:
            if not _is_file_of(owner, os.fstat(descriptor)):
                return False
            view = memoryview(content)
            while view:
                view = view[os.write(descriptor, view) :]
            os.ftruncate(descriptor, len(content))
            return True
        except OSError as error:
            return _without_room(error)
        finally:
            os.close(descriptor)


def _open_closed(path: str, flags: int) -> int:
    """Opens the file, also where the user has taken his own right to write it; raises OSError."""
    try:
        return os.open(path, flags, 0o600)
    except PermissionError:
        # There is no chmod(2) that refuses links; of an open file there is none to follow.
        place = os.open(path, os.O_PATH | _SAFE)
        try:
            os.chmod(f"/proc/self/fd/{place}", 0o600)
        finally:
            os.close(place)
        return os.open(path, flags, 0o600)


def _without_room(error: OSError) -> bool:
    """Raises the error again if it tells of lack of room; False for any other."""
    if error.errno in _NO_ROOM:
        raise error
    return False


def remove_directory(path: str, owner: Owner) -> None:
    """Removes a directory of `owner`'s and the plain files in it; what resists is left."""
    with acting_as(owner):
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | _SAFE)
        except OSError:
            return
        try:
            if os.fstat(descriptor).st_uid != owner.uid:
                return
            with os.scandir(descriptor) as entries:
                names = [entry.name for entry, _ in zip(entries, range(_MOST_ENTRIES))]
            for name in names:
                os.unlink(name, dir_fd=descriptor)
            os.rmdir(path)
        except OSError:
            return
        finally:
            os.close(descriptor)
