"""Read and write the files of a job's user, as that user and never through a link.

Scan runs as root over directories in which users may create what they like. Effective user and
group ID are the user's while one of these functions works, and files are opened by
`safe_files`. Where A-REX runs as an ordinary user, that user is the owner of the files and
nothing is switched.
"""

from __future__ import annotations

import errno
import os
import pwd
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import NamedTuple

from arc_lrms_oar.files import aside_path, write_all
from arc_lrms_oar.safe_files import SAFE, open_regular, read_range

# No more than this number of files is removed with a directory.
_MOST_ENTRIES = 1000
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


class Owner(NamedTuple):
    """The user to whom a job's files belong."""

    uid: int
    gid: int

    @property
    def name(self) -> str:
        """The user name, or the user ID if there is no such user any more."""
        try:
            return pwd.getpwuid(self.uid).pw_name
        except KeyError:
            return str(self.uid)


@contextmanager
def acting_as(owner: Owner) -> Iterator[None]:
    """Drop group and user to `owner` inside the block; do nothing if the caller is not root."""
    if os.geteuid() != 0 or owner.uid == 0:
        yield
        return
    groups = os.getgroups()
    group = os.getegid()
    os.setgroups(_groups(owner))
    try:
        os.setegid(owner.gid)
        os.seteuid(owner.uid)
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)
        os.setgroups(groups)


@lru_cache(maxsize=64)
def _groups(owner: Owner) -> list[int]:
    """The groups of the user, as initgroups(3) sets them; only `gid` if there is no such user."""
    try:
        name = pwd.getpwuid(owner.uid).pw_name
        return os.getgrouplist(name, owner.gid)
    except (KeyError, OSError):
        return [owner.gid]


def read_start(path: str, limit: int, owner: Owner) -> bytes | None:
    """The first `limit` bytes of a regular file that `owner` owns; None for anything else."""
    return _read(path, limit, owner, from_end=False)


def read_end(path: str, limit: int, owner: Owner) -> bytes | None:
    """The last `limit` bytes of a regular file that `owner` owns; None for anything else."""
    return _read(path, limit, owner, from_end=True)


def _read(path: str, limit: int, owner: Owner, from_end: bool) -> bytes | None:
    with acting_as(owner):
        try:
            descriptor = open_regular(path)
        except OSError:
            return None
        try:
            status = os.fstat(descriptor)
            if status.st_uid != owner.uid:
                return None
            start = max(0, status.st_size - limit) if from_end else 0
            return read_range(descriptor, start, limit)
        except OSError:
            return None
        finally:
            os.close(descriptor)


def overwrite(path: str, content: bytes, owner: Owner) -> bool:
    """Write `content` to a regular file that `owner` owns, which is created if necessary.

    Returns False if that fails. Raises OSError if the disk or the user's quota is full, since that
    may change.

    The file is written in place, since the directory above it is A-REX's and the user may not
    create files there. It is truncated last: a process that is killed on the way leaves all of the
    content and some of the old one.
    """
    with acting_as(owner):
        try:
            descriptor = _open_for_writing(path)
        except OSError as error:
            return _false_unless_full(error)
        try:
            # Another user's file is not written even if it is open to all: a link in a directory
            # above may lead there.
            if os.fstat(descriptor).st_uid != owner.uid:
                return False
            write_all(descriptor, content)
            os.ftruncate(descriptor, len(content))
            return True
        except OSError as error:
            return _false_unless_full(error)
        finally:
            os.close(descriptor)


def replace(path: str, content: bytes, owner: Owner) -> bool:
    """Replace a file that `overwrite` could not write, for example one under a lease.

    Only root can do that, and only in a directory that root alone can write: nobody else can put
    anything in the place of the new file, which belongs to `owner`. Returns False if it fails, and
    then leaves no file of its own behind, on a full disk either.
    """
    if os.geteuid() != 0:
        return False
    folder, name = os.path.split(path)
    aside = os.path.basename(aside_path(path))
    try:
        directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | SAFE)
    except OSError:
        return False
    try:
        status = os.fstat(directory)
        if status.st_uid != 0 or status.st_mode & 0o022:
            return False
        with suppress(FileNotFoundError):
            os.unlink(aside, dir_fd=directory)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | SAFE
        descriptor = os.open(aside, flags, 0o600, dir_fd=directory)
        try:
            write_all(descriptor, content)
            os.fchown(descriptor, owner.uid, owner.gid)
        finally:
            os.close(descriptor)
        os.rename(aside, name, src_dir_fd=directory, dst_dir_fd=directory)
        return True
    except OSError:
        with suppress(OSError):
            os.unlink(aside, dir_fd=directory)
        return False
    finally:
        os.close(directory)


def _open_for_writing(path: str) -> int:
    """Open a file, also if its owner has removed their own permission to write it."""
    flags = os.O_WRONLY | os.O_CREAT
    try:
        return open_regular(path, flags)
    except PermissionError:
        # No chmod(2) refuses links; of an open file there is none to follow.
        handle = os.open(path, os.O_PATH | SAFE)
        try:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise
            os.chmod(f"/proc/self/fd/{handle}", 0o600)
        finally:
            os.close(handle)
        return open_regular(path, flags)


def _false_unless_full(error: OSError) -> bool:
    if error.errno in _DISK_FULL:
        raise error
    return False


def remove_directory(path: str, owner: Owner) -> None:
    """Remove a directory that `owner` owns and the files in it; ignores what cannot be removed."""
    with acting_as(owner):
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | SAFE)
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
