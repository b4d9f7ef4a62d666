"""Write A-REX's control files: `lrms_done`, `errors` and `.local` of a job.

A file is replaced as a whole or, like `errors`, appended to as a whole. Reading them is the task of
`arex.controldir`.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping, Sequence

from arc_lrms_oar.arex.controldir import GridJob, read_local_text
from arc_lrms_oar.files import write_aside
from arc_lrms_oar.safe_files import open_regular

# A `.local` file beyond this size (bytes) is not rewritten.
_LOCAL_LIMIT = 16 << 20
# Up to this number of files each is flushed by itself, more by one flush of their file system.
_FEW = 8


def done_line(code: int, reason: str) -> bytes:
    """The content of `lrms_done`, which ends the job for A-REX: exit code and reason."""
    return f"{code} {' '.join(reason.split())}\n".encode("utf-8", "replace")


def replace_files(contents: Mapping[str, bytes]) -> dict[str, OSError]:
    """Write files beside the old ones, flush all of them to disk, and rename them.

    Each keeps its owner and mode. Returns the error of each file that could not be written; that
    file is unchanged.
    """
    failed: dict[str, OSError] = {}
    asides: dict[str, str] = {}
    for path, content in contents.items():
        try:
            asides[path] = _write_aside(path, content)
        except OSError as error:
            failed[path] = error
    try:
        _flush(list(asides.values()))
    except OSError as error:
        return {**failed, **dict.fromkeys(asides, error)}
    for path, aside in asides.items():
        try:
            os.replace(aside, path)
        except OSError as error:
            failed[path] = error
    return failed


def _write_aside(path: str, content: bytes) -> str:
    """Write the next content of `path` beside it, with the same owner and mode; returns where."""
    try:
        old = os.lstat(path)
    except FileNotFoundError:
        return write_aside(path, content)
    owner = (old.st_uid, old.st_gid) if os.geteuid() == 0 else None
    return write_aside(path, content, old.st_mode & 0o777, owner=owner)


def _flush(paths: Sequence[str]) -> None:
    """Flush files to disk: many by one flush of their file system, few each by itself."""
    if len(paths) > _FEW and _flush_file_system(paths[0]):
        return
    for path in paths:
        descriptor = open_regular(path)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _flush_file_system(path: str) -> bool:
    """Call syncfs(2), which Python does not offer; False if the C library does not either."""
    import ctypes

    descriptor = open_regular(path)
    try:
        return bool(ctypes.CDLL(None).syncfs(descriptor) == 0)
    except AttributeError:
        return False
    finally:
        os.close(descriptor)


def set_local_id(job: GridJob, job_id: int) -> None:
    """Write another OAR job ID into the job's `.local` file; raises OSError."""
    path = job.file("local")
    text, _ = read_local_text(path, _LOCAL_LIMIT + 1)
    if len(text) > _LOCAL_LIMIT:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), path)
    kept = [line for line in text.split("\n") if line and not line.startswith("localid=")]
    text = "".join(line + "\n" for line in [*kept, f"localid={job_id}"])
    for error in replace_files({path: text.encode("utf-8", "surrogateescape")}).values():
        raise error


def append_errors(job: GridJob, text: bytes, replaced: int = 0) -> None:
    """Append all of `text`, or nothing, to the job's `errors` file, which A-REX shows to the user.

    The last `replaced` bytes of the file are removed first. Raises OSError.
    """
    descriptor = open_regular(job.file("errors"), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        size = max(0, os.fstat(descriptor).st_size - replaced)
        if replaced:
            os.ftruncate(descriptor, size)
        try:
            written = os.write(descriptor, text)
            if written < len(text):
                # The disk is full or the file at its size limit; a second write gets the error.
                written += os.write(descriptor, text[written:])
            if written < len(text):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            os.ftruncate(descriptor, size)
            raise
    finally:
        os.close(descriptor)
