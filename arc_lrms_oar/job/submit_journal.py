"""The submit journal: a file from which the next attempt learns how far an earlier one came.

It exists in the job's private directory from before oarsub runs until the job ID is on disk. It
holds the name of the job script, which is new for every submission: the command that OAR records
for a job therefore shows whether the job belongs to this submission. The script is removed with a
failed submission, so a job that a hanging oarsub creates later ends at once and runs nothing.
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
_JOURNAL = "submitting"
_SIZE = 256
_LIMIT = 4096
_SCRIPT = re.compile(r"job-[0-9a-f]{12}\.sh")
# More than all attempts of A-REX can make.
_MOST_TRIES = 10_000
# The errors of file systems without locks; there the process ID in the journal must do.
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


def private_dir(session_dir: str) -> str:
    """Return the directory in the session directory for the job script and the journal."""
    return os.path.join(session_dir, PRIVATE_DIR)


class SubmitJournal:
    """An open and locked journal.

    `earlier` is true if an earlier attempt has left the journal behind. `pid` is the process ID of
    the latest oarsub, 0 for none. `tries` counts the oarsubs of all attempts.
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
        """The open file of the lock; a process that inherits it holds the lock until it ends."""
        return self._descriptor

    @property
    def ticket(self) -> str:
        """Path of a file that the latest oarsub creates first where it runs on another machine."""
        return f"{self.script}.{self.tries}"

    def record(self, pid: int) -> None:
        """Write to disk that an oarsub with process ID `pid` runs (0: is about to be started).

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
        """Remove the journal: the job ID is on disk, or there is no job. Ignores errors."""
        self._unlink(_JOURNAL)
        self.close()

    def discard(self) -> None:
        """Remove the journal and the job script: there is no job, and must not be one."""
        self._unlink(self.script_name)
        for number in range(1, self.tries + 1):
            self._unlink(f"{self.script_name}.{number}")
        self.clear()
        with suppress(OSError):
            os.rmdir(self.folder)

    def close(self) -> None:
        """Release the lock and keep the journal for the next attempt."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _unlink(self, name: str) -> None:
        with suppress(OSError):
            os.unlink(os.path.join(self.folder, name))


def open_journal(session_dir: str, timeout: float, sleep: Callable[[float], None]) -> SubmitJournal:
    """Open and lock the journal of the job in `session_dir`, and create it if necessary.

    Waits up to `timeout` seconds for another attempt that holds the lock, or for its oarsub. After
    that it removes the job script, so that nothing of that attempt can run. Raises JobError, with a
    text for the grid user, then and where the session directory cannot be written.
    """
    try:
        folder = make_private_dir(session_dir)
        descriptor = os.open(
            os.path.join(folder, _JOURNAL),
            os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC,
            0o600,
        )
    except OSError as error:
        raise _cannot_write(error) from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _cannot_write(
            OSError(errno.EINVAL, f"{PRIVATE_DIR}/{_JOURNAL} is not a regular file")
        )
    deadline = time.monotonic() + timeout
    while not _lock(descriptor):
        if time.monotonic() >= deadline:
            _read(folder, descriptor).discard()
            raise JobError("another submission of this job is still under way")
        sleep(1.0)
    return _read(folder, descriptor)


def _read(folder: str, descriptor: int) -> SubmitJournal:
    script, pid, tries = _content(os.pread(descriptor, _LIMIT, 0))
    new = f"job-{os.urandom(6).hex()}.sh"
    return SubmitJournal(folder, script or new, pid, bool(script), tries, descriptor)


def _cannot_write(error: OSError) -> JobError:
    return JobError(f"the session directory cannot be written at submission: {error.strerror}")


def make_private_dir(session_dir: str) -> str:
    """Create the private directory, accessible to the user only, and return it; raises OSError."""
    folder = private_dir(session_dir)
    try:
        os.mkdir(folder, stat.S_IRWXU)
    except FileExistsError:
        status = os.lstat(folder)
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
            raise
    os.chmod(folder, stat.S_IRWXU)
    return folder


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
    """Return script, pid and tries; nothing for a file that the user has put there."""
    if not raw:
        return "", 0, 0
    # It takes 2 ms to load, and most submissions find no journal.
    import json

    try:
        found = json.loads(raw)
        script, pid, tries = str(found["script"]), int(found["pid"]), int(found.get("tries", 0))
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError):
        return "", 0, 0
    ours = _SCRIPT.fullmatch(script) and pid >= 0 and 0 <= tries <= _MOST_TRIES
    return (script, pid, tries) if ours else ("", 0, 0)
