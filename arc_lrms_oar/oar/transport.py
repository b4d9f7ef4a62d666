"""How OAR's commands are run, on this machine (`oar.local`) or on another one (`oar.ssh`).

oarsub, oarstat and oardel are setuid wrappers that become user `oar`: their caller cannot kill
them, and with the database down oarsub and oardel never return
(docs/internals/oar.md#setuid-wrappers). Therefore a timeout gives up the process and its pipes and
does not wait for its end.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from arc_lrms_oar import process
from arc_lrms_oar.errors import OarUnavailable


class Completed(NamedTuple):
    """A command that has ended: arguments, exit status (negative: the signal) and output."""

    argv: list[str]
    code: int
    stdout: str
    stderr: str


class CommandFailed(OarUnavailable):
    """A command could not be run, or ended with an exit status that is no answer.

    Carries `argv`, `code` (the exit status; None where the command did not run or did not end),
    `stdout` and `stderr`.
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
    """A command did not end in time; carries its output until then."""


class Command:
    """A command of OAR that is running; `pid` is its process on this machine."""

    def __init__(self, argv: Sequence[str], started: process.Process) -> None:
        self.argv = list(argv)
        self.pid = started.pid
        self._process = started

    def wait(self, timeout: float) -> Completed | None:
        """Return the command once it has ended, or None after `timeout` seconds."""
        finished = self._process.wait(timeout)
        return None if finished is None else Completed(self.argv, finished.status, *self.output())

    def output(self) -> tuple[str, str]:
        """Return stdout and stderr as read until now."""
        stdout, stderr = (text.decode("utf-8", "replace") for text in self._process.output())
        return stdout, stderr

    def kill(self) -> bool:
        """Kill the command where permitted; return whether it has ended."""
        return self._process.kill()

    def abandon(self) -> None:
        """Kill the command where permitted, and close its pipes in any case."""
        self._process.abandon()


class Transport(Protocol):
    """Runs OAR's commands somewhere; `timeout` (seconds) is for one command."""

    timeout: float

    def start(self, argv: Sequence[str], keep: Sequence[int] = (), ticket: str = "") -> Command:
        """Start the command `argv[0]` with its arguments; raises CommandFailed.

        It inherits the open files `keep`. With a `ticket`, the path of a file that does not exist,
        the command is not disturbed when this process ends before it, and on another machine it
        runs only if it can create that file (see `oar.ssh`).
        """

    def is_running(self, pid: int, ticket: str) -> bool:
        """Whether an oarsub started earlier, as process `pid` with `ticket`, may still submit.

        Raises CommandFailed where that is unknown.
        """

    def run(self, argv: Sequence[str], timeout: float | None = None) -> Completed:
        """Run a command to its end; any exit status is a result.

        Raises CommandFailed where it cannot be started, CommandTimeout where it does not end in
        `timeout` seconds (None: those of the transport).
        """
        return finish(self.start(argv), self.timeout if timeout is None else timeout)

    def begin(self, argv: Sequence[str]) -> Callable[[], Completed]:
        """Start a command and return what waits for its end; both raise as `run` does."""
        command = self.start(argv)
        return lambda: finish(command, self.timeout)


def spawn(
    argv: Sequence[str],
    line: Sequence[str],
    stdin: int | None = None,
    keep: Sequence[int] = (),
    *,
    to_files: bool = False,
) -> process.Process:
    """Start the program `line` that carries out the command `argv`; raises CommandFailed."""
    try:
        environment = process.clean_environment()
        return process.start(line, environment, stdin, keep, to_files=to_files)
    except OSError as error:
        raise CommandFailed(f"cannot be run: {error.strerror}", argv, None, "", "") from None


def finish(command: Command, timeout: float) -> Completed:
    """Wait for the end of a command; raises CommandTimeout and gives it up after `timeout` s."""
    completed = command.wait(timeout)
    if completed is None:
        output = command.output()
        command.abandon()
        raise CommandTimeout(f"no answer in {timeout:.0f} s", command.argv, None, *output)
    return completed
