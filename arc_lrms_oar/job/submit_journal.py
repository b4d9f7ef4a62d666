"""The mark of a submission under way: what a second attempt must know of the first.

It stands in the job's private directory from before oarsub runs until the OAR id is on disk. The
name of the job script in it is new for every submission, so that OAR's own record of a job's
command tells whether that job came of this submission and no other. Without the script a job that
enters OAR late, from an oarsub given up for hanging, ends at once and runs nothing of the user's.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import stat
import time
from collections.abc import Callable
from contextlib import suppress

from arc_lrms_oar.errors import JobError

PRIVATE_DIR = ".arc_oar"
_MARK = "submitting"
_SIZE = 256
_LIMIT = 4096
_SCRIPT = re.compile(r"job-[0-9a-f]{12}\.sh")
# More than all attempts of A-REX's can make.
_MOST_TRIES = 10_000
# What file systems say that have no locks at all; then the process number in the mark must do.
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


def private_dir(session_dir: str) -> str:
    """Directory inside the session directory for the job script and the mark."""
    return os.path.join(session_dir, PRIVATE_DIR)


class Mark:
    """An open and locked mark. `pid` is the oarsub of an earlier attempt, 0 where there is none.

    `earlier` tells whether an attempt before this one has left the mark behind; `tries` counts the
    oarsubs of all attempts.
    """

    def __init__(
        self, folder: str, script_name: str, pid: int, earlier: bool, tries: int, descriptor: int
    ) -> None:
        self.folder = folder
        self.script_name = script_name
        self.pid = pid
        self.earlier = earlier
        self.tries = tries
        self._descriptor = descriptor

    @property
    def script(self) -> str:
        """Path of the job script of this submission."""
        return os.path.join(self.folder, self.script_name)

    @property
    def lock(self) -> int:
        """The open file of the lock: who inherits it holds the lock as long as he lives."""
        return self._descriptor

    @property
    def ticket(self) -> str:
        """Path of a file that the latest oarsub makes first if it runs on another machine."""
        return f"{self.script}.{self.tries}"

    def note(self, pid: int) -> None:
        """Puts on disk that an oarsub, process `pid`, is under way (0: is about to be started).

        Raises JobError, with a text for the grid user, where that cannot be done.
        """
        self.pid = pid
        self.tries += pid == 0
        content = f'{{"script": "{self.script_name}", "pid": {pid}, "tries": {self.tries}}}'
        try:
            os.pwrite(self._descriptor, content.encode().ljust(_SIZE), 0)
            os.fsync(self._descriptor)
        except OSError as error:
            raise _cannot_write(error) from None

    def clear(self) -> None:
        """Takes the mark away; the id is on disk, or there is no job. One that stays is no harm."""
        self._unlink(_MARK)
        self.close()

    def discard(self) -> None:
        """Takes everything away, the job script too: there is no job, and must not be one."""
        self._unlink(self.script_name)
        for number in range(1, self.tries + 1):
            self._unlink(f"{self.script_name}.{number}")
        self.clear()
        with suppress(OSError):
            os.rmdir(self.folder)

    def close(self) -> None:
        """Lets go of the lock and leaves the mark for the next attempt."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _unlink(self, name: str) -> None:
        with suppress(OSError):
            os.unlink(os.path.join(self.folder, name))


def open_mark(session_dir: str, patience: float, sleep: Callable[[float], None]) -> Mark:
    """Opens and locks the mark of the job with `session_dir`, making it where there is none.

    Waits up to `patience` seconds for another attempt that holds it, or for the oarsub that such
    a one has left; after that nothing of it may run any more. Raises JobError, with a text for the
    grid user, then and where the session directory cannot be written.
    """
    folder = private_dir(session_dir)
    try:
        _make_private(folder)
        descriptor = os.open(
            os.path.join(folder, _MARK),
            os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC,
            0o600,
        )
    except OSError as error:
        raise _cannot_write(error) from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _cannot_write(OSError(errno.EINVAL, f"{PRIVATE_DIR}/{_MARK} is no file"))
    deadline = time.monotonic() + patience
    while not _lock(descriptor):
        if time.monotonic() >= deadline:
            _mark(folder, descriptor).discard()
            raise JobError("another submission of this job is still under way")
        sleep(1.0)
    return _mark(folder, descriptor)


def _mark(folder: str, descriptor: int) -> Mark:
    script, pid, tries = _content(os.pread(descriptor, _LIMIT, 0))
    new = f"job-{os.urandom(6).hex()}.sh"
    return Mark(folder, script or new, pid, bool(script), tries, descriptor)


def _cannot_write(error: OSError) -> JobError:
    return JobError(f"the session directory cannot be written at submission: {error.strerror}")


def _make_private(folder: str) -> None:
    try:
        os.mkdir(folder, stat.S_IRWXU)
    except FileExistsError:
        status = os.lstat(folder)
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
            raise
    os.chmod(folder, stat.S_IRWXU)


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise _cannot_write(error) from None
    return True


def _content(raw: bytes) -> tuple[str, int, int]:
    """What a mark says; nothing where it is none of ours. The user may have brought one along."""
    if not raw:
        return "", 0, 0
    # Most submissions find no mark, and json takes 2 ms to load.
    import json

    try:
        found = json.loads(raw)
        script, pid, tries = str(found["script"]), int(found["pid"]), int(found.get("tries", 0))
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError):
        return "", 0, 0
    ours = _SCRIPT.fullmatch(script) and pid >= 0 and 0 <= tries <= _MOST_TRIES
    return (script, pid, tries) if ours else ("", 0, 0)
