"""Starts processes: the only module that does. A list of arguments in, never a shell.

`posix_spawn` is used instead of `subprocess`, which takes 4 ms to import, and instead of fork(2),
which is expensive for a large process. Each process gets its own session, standard input from
/dev/null, and no open file of this process that the caller does not pass.

Errors are those of the standard library: OSError where a program cannot be started, TimeoutError
(a subclass) where it does not end in time.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

# The same for every command, here and on another machine. OAR's tables are as wide as COLUMNS.
ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin",
    "LC_ALL": "C.UTF-8",
    "COLUMNS": "500",
}
_CHUNK = 1 << 16
# Linux's /proc/sys/fs/pipe-max-size as it is shipped.
_LARGEST_PIPE = 1 << 20
# Milliseconds between two checks whether a process has ended that still has its pipes open.
_POLL_INTERVAL = 200
# Seconds between two such checks once the pipes are closed; most processes end at once then.
_FIRST_PAUSE = 0.0002
_LONGEST_PAUSE = 0.01
_KILL_TIMEOUT = 0.5
# The exit status where it cannot be read, since SIGCHLD is ignored: no success.
_UNKNOWN_STATUS = 255


class Finished(NamedTuple):
    """A process that has ended: exit status (negative: the signal) and output."""

    status: int
    stdout: bytes
    stderr: bytes


class Process:
    """A running process; `pid` is also its session and process group.

    `stdout` and `stderr` are the reading ends of pipes, or files that the process writes to.
    """

    def __init__(self, pid: int, stdout: int, stderr: int, *, to_files: bool = False) -> None:
        self.pid = pid
        self._status: int | None = None
        self._pieces: dict[int, list[bytes]] = {stdout: [], stderr: []}
        self._open = [] if to_files else [stdout, stderr]
        self._files = [stdout, stderr] if to_files else []
        for pipe in self._open:
            os.set_blocking(pipe, False)

    def wait(self, timeout: float) -> Finished | None:
        """Return the process once it has ended, or None after `timeout` seconds.

        A child of the process that keeps its pipes open is not waited for.
        """
        deadline = time.monotonic() + timeout
        self._read_until(deadline)
        status = self._wait_until(deadline)
        if status is None:
            return None
        self._read_rest()
        output = self.output()
        self._close()
        return Finished(status, *output)

    def output(self) -> tuple[bytes, bytes]:
        """Return stdout and stderr as read until now."""
        for file in self._files:
            self._pieces[file] = [os.pread(file, os.fstat(file).st_size, 0)]
        # The pieces are replaced, so that a large output is not in memory twice.
        for pieces in self._pieces.values():
            pieces[:] = [b"".join(pieces)]
        stdout, stderr = (pieces[0] for pieces in self._pieces.values())
        return stdout, stderr

    def kill(self) -> bool:
        """Kill the process group where permitted; return whether the process has ended."""
        if self._poll() is None:
            with suppress(OSError):
                os.killpg(self.pid, signal.SIGKILL)
                self._wait_until(time.monotonic() + _KILL_TIMEOUT)
        return self._poll() is not None

    def abandon(self) -> None:
        """Kill the process group where permitted, and close pipes and files in any case."""
        self.kill()
        self._close()

    def _poll(self) -> int | None:
        """The exit status, None while the process runs."""
        if self._status is None:
            try:
                ended, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:
                self._status = _UNKNOWN_STATUS
            else:
                self._status = os.waitstatus_to_exitcode(status) if ended else None
        return self._status

    def _wait_until(self, deadline: float) -> int | None:
        pause = _FIRST_PAUSE
        while self._poll() is None and time.monotonic() < deadline:
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
        return self._poll()

    def _read_until(self, deadline: float) -> None:
        poll = select.poll()
        for pipe in self._open:
            poll.register(pipe, select.POLLIN)
        while self._open:
            ready = poll.poll(max(0, min(_POLL_INTERVAL, 1000 * (deadline - time.monotonic()))))
            for pipe, _ in ready:
                data = os.read(pipe, _CHUNK)
                self._pieces[pipe].append(data)
                if not data:
                    poll.unregister(pipe)
                    self._open.remove(pipe)
                    os.close(pipe)
            if time.monotonic() >= deadline or (not ready and self._poll() is not None):
                return

    def _read_rest(self) -> None:
        """Read what was printed last, at most what a pipe holds: a grandchild may print on."""
        for pipe in self._open:
            with suppress(BlockingIOError):
                for _ in range(_LARGEST_PIPE // _CHUNK):
                    data = os.read(pipe, _CHUNK)
                    if not data:
                        break
                    self._pieces[pipe].append(data)

    def _close(self) -> None:
        for descriptors in (self._open, self._files):
            while descriptors:
                os.close(descriptors.pop())


def run(argv: Sequence[str], timeout: float, environment: Mapping[str, str]) -> Finished:
    """Run a program to its end; any exit status is a result.

    Raises OSError where it cannot be started, TimeoutError after `timeout` seconds. A program that
    may be killed is killed then; one that may not (it has another user ID) goes on alone.
    """
    process = start(argv, environment)
    finished = process.wait(timeout)
    if finished is None:
        process.abandon()
        raise TimeoutError(errno.ETIMEDOUT, f"no end after {timeout:.0f} s")
    return finished


def start(
    argv: Sequence[str],
    environment: Mapping[str, str],
    stdin: int | None = None,
    keep: Sequence[int] = (),
    *,
    to_files: bool = False,
) -> Process:
    """Start a program, searched for in the PATH of `environment`; raises OSError.

    It reads the open file `stdin` (None: /dev/null), and inherits of the other open files `keep`
    alone. Signals that Python ignores have their default action. With `to_files` its output goes to
    files in memory: it gets no SIGPIPE when this process ends before it.
    """
    channels: list[int] = []
    channel = _file if to_files else _pipe
    try:
        channels += channel()
        channels += channel()
        _, stdout, _, stderr = channels
        for descriptor in keep:
            os.set_inheritable(descriptor, True)
        null = (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)
        actions = [
            null if stdin is None else (os.POSIX_SPAWN_DUP2, stdin, 0),
            (os.POSIX_SPAWN_DUP2, stdout, 1),
            (os.POSIX_SPAWN_DUP2, stderr, 2),
            *((os.POSIX_SPAWN_CLOSE, one) for one in _inheritable() if one not in keep),
        ]
        words = [os.fsencode(word) for word in argv]
        pid = os.posix_spawn(
            _program(words[0], environment),
            words,
            environment,
            file_actions=actions,
            setsid=True,
            setsigdef=(signal.SIGPIPE, signal.SIGXFSZ),
        )
    except (OSError, ValueError) as error:
        for descriptor in channels[::2]:
            os.close(descriptor)
        if isinstance(error, ValueError):
            # A NUL byte, which no argument can hold.
            raise OSError(errno.EINVAL, str(error)) from None
        raise
    finally:
        for descriptor in keep:
            os.set_inheritable(descriptor, False)
        for descriptor in channels[1::2]:
            os.close(descriptor)
    return Process(pid, channels[0], channels[2], to_files=to_files)


def clean_environment() -> dict[str, str]:
    """The environment of OAR's commands: of the CE's own variables only the time zone."""
    environment = {**ENVIRONMENT, "HOME": "/"}
    if "TZ" in os.environ:
        environment["TZ"] = os.environ["TZ"]
    return environment


def _pipe() -> tuple[int, int]:
    """A pipe with a writing end above 2, also where 0, 1 or 2 are closed in this process."""
    reading, writing = os.pipe()
    if writing > 2:
        return reading, writing
    try:
        return reading, fcntl.fcntl(writing, fcntl.F_DUPFD_CLOEXEC, 3)
    finally:
        os.close(writing)


def _file() -> tuple[int, int]:
    """A file in memory, twice: to read it and to write it."""
    file = os.memfd_create("arc_oar")
    try:
        return fcntl.fcntl(file, fcntl.F_DUPFD_CLOEXEC, 3), fcntl.fcntl(
            file, fcntl.F_DUPFD_CLOEXEC, 3
        )
    finally:
        os.close(file)


def _inheritable() -> list[int]:
    """The open files above 2 that a child would inherit: those this process was started with."""
    found = []
    for descriptor in map(int, os.listdir("/proc/self/fd")):
        # The one of the listing itself is closed by now.
        with suppress(OSError):
            if descriptor > 2 and os.get_inheritable(descriptor):
                found.append(descriptor)
    return found


def _program(name: bytes, environment: Mapping[str, str]) -> bytes:
    """The path of a program; one that exists and may not be run is better than none."""
    if b"/" in name:
        return name
    folders = environment["PATH"].split(":")
    paths = [os.path.join(os.fsencode(folder), name) for folder in folders]
    return max(paths, key=lambda path: (os.access(path, os.X_OK), os.access(path, os.F_OK)))
