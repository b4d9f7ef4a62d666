"""Files that are replaced as a whole: written beside the old one, then renamed.

A reader finds the old content or the new one, never a part. What exists already at either path, a
link or a FIFO for example, is replaced and never opened: the jobs' users can write in some of the
directories.
"""

from __future__ import annotations

import os
from contextlib import suppress

_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def aside_path(path: str) -> str:
    """The path under which the next content of `path` is written, in the same directory.

    It is always the same one, so that a process that was killed leaves at most one file, which the
    next write replaces. Neither A-REX (`job.ID.status`, `submit-*-job`) nor node_exporter
    (`*.prom`) reads a name of this form.
    """
    folder, name = os.path.split(path)
    return os.path.join(folder, f".{name}.arc_oar")


def atomic_write(path: str, content: bytes, mode: int = 0o600, sync: bool = False) -> None:
    """Replace the file at `path` by one with `content` and the permissions `mode`.

    With `sync` the content is on disk before the file is renamed. Raises OSError; the old file is
    then unchanged, and nothing is left beside it.
    """
    aside = write_aside(path, content, mode, sync)
    try:
        os.replace(aside, path)
    except OSError:
        _remove(aside)
        raise


def write_aside(
    path: str,
    content: bytes,
    mode: int = 0o600,
    sync: bool = False,
    owner: tuple[int, int] | None = None,
) -> str:
    """Write the next content of `path` beside it and return where, for the caller to rename.

    `owner` is the (uid, gid) that the file gets; None leaves it to the process. Raises OSError and
    removes the file where it cannot be written.
    """
    aside = aside_path(path)
    with suppress(FileNotFoundError):
        os.unlink(aside)
    descriptor = os.open(aside, _FLAGS, 0o600)
    try:
        write_all(descriptor, content)
        # The owner first: chown(2) clears the set-user-ID bits.
        if owner is not None:
            os.fchown(descriptor, *owner)
        os.fchmod(descriptor, mode)
        if sync:
            os.fsync(descriptor)
    except OSError:
        _remove(aside)
        raise
    finally:
        os.close(descriptor)
    return aside


def write_all(descriptor: int, content: bytes) -> None:
    """Write all of `content`, which one write(2) may not do; raises OSError."""
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _remove(path: str) -> None:
    with suppress(OSError):
        os.unlink(path)
