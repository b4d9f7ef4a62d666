"""Open and read files that a user may have prepared: never wait, follow no link, read no more than
asked for.

A user's file may be a link, a FIFO, a device, a directory, sparse and terabytes large, or under a
lease (fcntl(2), F_SETLEASE), for which a plain open(2) waits 45 s.
"""

from __future__ import annotations

import errno
import os
import stat

SAFE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_CHUNK = 1 << 20


def open_regular(path: str, flags: int = os.O_RDONLY, mode: int = 0o600) -> int:
    """Open a regular file and return its descriptor.

    Raises OSError: BlockingIOError for a file under a lease, which may be tried again later.
    """
    descriptor = os.open(path, flags | SAFE, mode)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a regular file", path)
    return descriptor


def read_range(descriptor: int, start: int, limit: int) -> bytes:
    """Up to `limit` bytes from offset `start`, fewer only at the end of the file."""
    chunks = []
    while limit > 0:
        chunk = os.pread(descriptor, min(limit, _CHUNK), start)
        if not chunk:
            break
        chunks.append(chunk)
        start += len(chunk)
        limit -= len(chunk)
    return b"".join(chunks)
