"""Runs one command of OAR: a list of arguments in, what it printed out, never a shell.

oarsub, oarstat and oardel are setuid wrappers that become user `oar` altogether: their caller
cannot kill them, and with the database down oarsub and oardel never return
(docs/internals/oar.md#setuid-wrappers). So a time-out here gives up on the child and its pipes
and does not wait for it.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

from arc_lrms_oar.errors import OarUnavailable

# What every command of OAR gets, here and elsewhere.
ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin",
    "LC_ALL": "C.UTF-8",
    "COLUMNS": "500",
}
_CHUNK = 1 << 16
# Linux's /proc/sys/fs/pipe-max-size as it is shipped.
_LARGEST_PIPE = 1 << 20
# How long to look at the pipes before looking whether the command has ended, in milliseconds.
_LOOK = 200
# Between looks whether a command has ended, which most do at once when their output has.
_FIRST_PAUSE = 0.0002
_LONGEST_PAUSE = 0.05
_KILL_PATIENCE = 0.5
# Where the system tells nobody how a process has ended (SIGCHLD is ignored): no success.
_UNTOLD = 255


class Completed(NamedTuple):
    """A command that ended: its arguments, exit code (negative: signal) and what it printed."""

    argv: list[str]
    code: int
    stdout: str
    stderr: str


class CommandFailed(OarUnavailable):
    """A command could not be started or ended with an exit code that tells nothing.

    Carries `argv`, `code` (None: it never ran or never ended), `stdout` and `stderr`.
    """

    def __init__(
        self, why: str, argv: Sequence[str], code: int | None, stdout: str, stderr: str
    ) -> None:
        super().__init__(f"{os.path.basename(argv[0])}: {why}")
        self.argv = list(argv)
        self.code = code
        self.stdout = stdout
        self.stderr = stderr


class CommandTimeout(CommandFailed):
    """A command did not end in its time. What it had printed until then is kept."""


class Child(NamedTuple):
    """A process just started, and the descriptors that read its stdout and its stderr."""

    pid: int
    stdout: int
    stderr: int


class Command:
    """A command under way; `pid` is its process, which is also its process group."""

    def __init__(self, argv: Sequence[str], child: Child) -> None:
        self.argv = list(argv)
        self.pid = child.pid
        self._code: int | None = None
        self._pieces: dict[int, list[bytes]] = {child.stdout: [], child.stderr: []}
        self._open = [child.stdout, child.stderr]
        for pipe in self._open:
            os.set_blocking(pipe, False)

    def wait(self, timeout: float) -> Completed | None:
        """The command's end, or None where it has not come after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        self._read_until(deadline)
        code = self._end(deadline)
        if code is None:
            return None
        self._read_the_rest()
        self._close()
        return Completed(self.argv, code, *self.printed())

    def printed(self) -> tuple[str, str]:
        """What the command has printed on stdout and stderr until now."""
        pieces = self._pieces.values()
        out, err = (b"".join(piece).decode("utf-8", "replace") for piece in pieces)
        return out, err

    def kill(self) -> bool:
        """Ends the command where the system allows it; tells whether it has ended."""
        if self._poll() is None:
            with suppress(OSError):
                os.killpg(self.pid, signal.SIGKILL)
                self._end(time.monotonic() + _KILL_PATIENCE)
        return self._poll() is not None

    def abandon(self) -> None:
        """Ends the command where the system allows it, and lets go of its pipes in any case."""
        self.kill()
        self._close()

    def _poll(self) -> int | None:
        """The exit code, None where the command is at work."""
        if self._code is None:
            try:
                ended, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:
                self._code = _UNTOLD
            else:
                self._code = os.waitstatus_to_exitcode(status) if ended else None
        return self._code

    def _end(self, deadline: float) -> int | None:
        """The exit code, waited for until `deadline`."""
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
            ready = poll.poll(max(0, min(_LOOK, 1000 * (deadline - time.monotonic()))))
            for pipe, _ in ready:
                data = os.read(pipe, _CHUNK)
                self._pieces[pipe].append(data)
                if not data:
                    poll.unregister(pipe)
                    self._open.remove(pipe)
                    os.close(pipe)
            # A grandchild may hold the pipes open long after the command itself has ended.
            if time.monotonic() >= deadline or (not ready and self._poll() is not None):
                return

    def _read_the_rest(self) -> None:
        """What the command printed last; no more than a pipe holds, for a grandchild may go on."""
        for pipe in self._open:
            with suppress(BlockingIOError):
                for _ in range(_LARGEST_PIPE // _CHUNK):
                    data = os.read(pipe, _CHUNK)
                    if not data:
                        break
                    self._pieces[pipe].append(data)

    def _close(self) -> None:
        while self._open:
            os.close(self._open.pop())


class LocalRunner:
    """Runs OAR's commands on this machine.

    `bin_path` is the directory of the commands (empty: the usual places), `timeout` in seconds.
    What an admin alone may run, such as oarnotify, is found in the sbin directory beside it.
    """

    def __init__(self, bin_path: str, timeout: float) -> None:
        self._bin_path = bin_path
        self.timeout = timeout

    def start(self, argv: Sequence[str], keep: Sequence[int] = (), ticket: str = "") -> Command:
        """Starts `argv`, whose first word is the command's name; raises CommandFailed.

        Of the open files it inherits `keep` (descriptors) alone. A command of this machine needs no
        `ticket` (see `oar.ssh`): it has begun on return.
        """
        program = os.path.join(self._bin_path, argv[0])
        if self._bin_path and not os.path.exists(program):
            beside = os.path.join(os.path.dirname(self._bin_path), "sbin", argv[0])
            program = beside if os.path.exists(beside) else program
        return Command(argv, spawn(argv, [program, *argv[1:]], None, keep))

    def lives(self, pid: int, ticket: str) -> bool:
        """Whether the command that was process `pid`, an oarsub, has not ended yet."""
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                return b"oarsub" in file.read(65536)
        except OSError:
            return False

    def run(self, argv: Sequence[str], timeout: float | None = None) -> Completed:
        """Runs `argv` to its end; any exit code is an answer.

        Raises CommandFailed where it cannot be started, CommandTimeout where it does not end in
        `timeout` seconds.
        """
        return self.finish(self.start(argv), self.timeout if timeout is None else timeout)

    def begin(self, argv: Sequence[str]) -> Callable[[], Completed]:
        """Starts `argv` and gives what waits for its end; both raise as `run` does."""
        command = self.start(argv)
        return lambda: self.finish(command, self.timeout)

    def finish(self, command: Command, timeout: float) -> Completed:
        """The end of a command under way; raises CommandTimeout."""
        completed = command.wait(timeout)
        if completed is None:
            output = command.printed()
            command.abandon()
            raise CommandTimeout(f"no answer in {timeout:.0f} s", command.argv, None, *output)
        return completed


def spawn(
    argv: Sequence[str], words: Sequence[str], stdin: int | None, keep: Sequence[int] = ()
) -> Child:
    """Starts `words` in a session of its own; raises CommandFailed in the name of `argv`.

    It reads the descriptor `stdin`, or nothing; of our other open files it inherits `keep` alone.
    By posix_spawn: `subprocess` takes 4 ms to load, and a fork is dear for a large process.
    """
    pipes: list[int] = []
    try:
        pipes += _pipe()
        pipes += _pipe()
        _, out, _, err = pipes
        for one in keep:
            os.set_inheritable(one, True)
        nothing = (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)
        actions = [
            nothing if stdin is None else (os.POSIX_SPAWN_DUP2, stdin, 0),
            (os.POSIX_SPAWN_DUP2, out, 1),
            (os.POSIX_SPAWN_DUP2, err, 2),
            *((os.POSIX_SPAWN_CLOSE, one) for one in _inherited() if one not in keep),
        ]
        line = [os.fsencode(word) for word in words]
        pid = os.posix_spawn(
            _found(line[0]),
            line,
            _environment(),
            file_actions=actions,
            setsid=True,
            # Python ignores these.
            setsigdef=(signal.SIGPIPE, signal.SIGXFSZ),
        )
    except (OSError, ValueError) as error:
        for one in pipes[::2]:
            os.close(one)
        why = getattr(error, "strerror", None) or str(error)
        raise CommandFailed(f"cannot be run: {why}", argv, None, "", "") from None
    finally:
        for one in keep:
            os.set_inheritable(one, False)
        for one in pipes[1::2]:
            os.close(one)
    return Child(pid, pipes[0], pipes[2])


def _pipe() -> tuple[int, int]:
    """A pipe whose writing end is none of 0, 1 and 2, should one of these be closed here."""
    reading, writing = os.pipe()
    if writing > 2:
        return reading, writing
    try:
        return reading, fcntl.fcntl(writing, fcntl.F_DUPFD_CLOEXEC, 3)
    finally:
        os.close(writing)


def _inherited() -> list[int]:
    """Our open files that a child would have, too, besides 0, 1 and 2: who started us left them."""
    found = []
    for one in map(int, os.listdir("/proc/self/fd")):
        # The listing itself is closed by now.
        with suppress(OSError):
            if one > 2 and os.get_inheritable(one):
                found.append(one)
    return found


def _found(program: bytes) -> bytes:
    """The path of a program, a name of which is looked for in the usual places alone.

    One that is there and may not be run comes before one that is not there.
    """
    if b"/" in program:
        return program
    places = [os.path.join(os.fsencode(p), program) for p in ENVIRONMENT["PATH"].split(":")]
    return max(places, key=lambda path: (os.access(path, os.X_OK), os.access(path, os.F_OK)))


def _environment() -> dict[str, str]:
    """Nothing of the CE's own environment but the time zone."""
    environment = {**ENVIRONMENT, "HOME": "/"}
    if "TZ" in os.environ:
        environment["TZ"] = os.environ["TZ"]
    return environment
