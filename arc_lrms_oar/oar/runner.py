"""Runs one command of OAR: a list of arguments in, what it printed out, never a shell.

oarsub, oarstat and oardel are setuid wrappers that become user `oar` altogether: their caller
cannot kill them, and with the database down oarsub and oardel never return (OAR-REFERENCE,
surprise 14). So a time-out here gives up on the child and its pipes and does not wait for it.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
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
# Between looks whether a command has ended, which most do at once when their output has.
_FIRST_PAUSE = 0.0002
_LONGEST_PAUSE = 0.05


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


class Command:
    """A command under way; `pid` is its process, which is also its process group."""

    def __init__(self, argv: Sequence[str], child: subprocess.Popen[bytes]) -> None:
        self.argv = list(argv)
        self.pid = child.pid
        self._child = child
        self._pipes = [pipe for pipe in (child.stdout, child.stderr) if pipe is not None]
        self._pieces: list[list[bytes]] = [[] for _ in self._pipes]
        self._open = list(range(len(self._pipes)))
        for pipe in self._pipes:
            os.set_blocking(pipe.fileno(), False)

    def wait(self, timeout: float) -> Completed | None:
        """The command's end, or None where it has not come after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        self._read_until(deadline)
        pause = _FIRST_PAUSE
        while self._child.poll() is None:
            if time.monotonic() >= deadline:
                return None
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
        self._read_the_rest()
        self._close()
        return Completed(self.argv, self._child.returncode, *self.printed())

    def printed(self) -> tuple[str, str]:
        """What the command has printed on stdout and stderr until now."""
        out, err = (b"".join(pieces).decode("utf-8", "replace") for pieces in self._pieces)
        return out, err

    def kill(self) -> bool:
        """Ends the command where the system allows it; tells whether it has ended."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
            self._child.wait(0.5)
        except (OSError, subprocess.TimeoutExpired):
            return self._child.poll() is not None
        return True

    def abandon(self) -> None:
        """Ends the command where the system allows it, and lets go of its pipes in any case."""
        self.kill()
        self._close()

    def _read_until(self, deadline: float) -> None:
        with selectors.DefaultSelector() as selector:
            for index in self._open:
                selector.register(self._pipes[index], selectors.EVENT_READ, index)
            while selector.get_map():
                ready = selector.select(max(0.0, min(0.2, deadline - time.monotonic())))
                for key, _ in ready:
                    data = os.read(key.fd, _CHUNK)
                    self._pieces[key.data].append(data)
                    if not data:
                        selector.unregister(key.fileobj)
                        self._open.remove(key.data)
                # A grandchild may hold the pipes open long after the command itself has ended.
                if time.monotonic() >= deadline or (not ready and self._child.poll() is not None):
                    return

    def _read_the_rest(self) -> None:
        """What the command printed last; no more than a pipe holds, for a grandchild may go on."""
        for index in self._open:
            with contextlib.suppress(BlockingIOError):
                for _ in range(_LARGEST_PIPE // _CHUNK):
                    data = os.read(self._pipes[index].fileno(), _CHUNK)
                    if not data:
                        break
                    self._pieces[index].append(data)

    def _close(self) -> None:
        self._open.clear()
        for pipe in self._pipes:
            pipe.close()


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
        return Command(argv, spawn(argv, [program, *argv[1:]], subprocess.DEVNULL, keep))

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
    argv: Sequence[str], words: Sequence[str], stdin: int, keep: Sequence[int] = ()
) -> subprocess.Popen[bytes]:
    """Starts `words` in a process group of its own; raises CommandFailed in the name of `argv`.

    `stdin` is a descriptor, or what Popen takes for one; of the others only `keep` is inherited.
    """
    try:
        return subprocess.Popen(
            [os.fsencode(word) for word in words],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_environment(),
            start_new_session=True,
            pass_fds=keep,
        )
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise CommandFailed(f"cannot be run: {why}", argv, None, "", "") from None


def _environment() -> dict[str, str]:
    """Nothing of the CE's own environment but the time zone."""
    environment = {**ENVIRONMENT, "HOME": "/"}
    if "TZ" in os.environ:
        environment["TZ"] = os.environ["TZ"]
    return environment
