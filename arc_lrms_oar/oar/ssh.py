"""Runs OAR's commands on another machine, by the system's own OpenSSH client.

All commands of one runner share a connection, whose socket stands in a private directory and goes
with the runner. What the remote shell is to do comes by its standard input: an argument of Linux
holds 128 KiB, a list of ids more. A connection that breaks is "could not ask": the exit code is
what the remote shell says at its very end, and what lacks this end is no answer.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shlex
import shutil
import subprocess
import tempfile
import weakref
from collections.abc import Sequence
from typing import NamedTuple

from arc_lrms_oar.errors import OarRefused
from arc_lrms_oar.oar.runner import (
    ENVIRONMENT,
    Child,
    Command,
    CommandFailed,
    Completed,
    LocalRunner,
    spawn,
)

SSH = "ssh"

# How long an unused connection outlives a process that was killed, in seconds.
_LINGER = 60
_END_PATIENCE = 5.0
# A socket's path holds 107 bytes, so $TMPDIR may be too long; mkdtemp makes it private (0700).
_SOCKETS = "/tmp"


class Frontend(NamedTuple):
    """The machine with OAR's commands: `timeout` (seconds) is for making a connection."""

    host: str
    user: str
    key: str
    timeout: int


class RemoteCommand(Command):
    """A command on another machine; `pid` is the ssh client here."""

    def __init__(self, argv: Sequence[str], child: Child, frontend: Frontend, token: str) -> None:
        super().__init__(argv, child)
        self._frontend = frontend
        self._token = token

    def wait(self, timeout: float) -> Completed | None:
        """As for any command, with the exit code that it had there.

        Raises CommandFailed where the connection broke before the end or the command is not there,
        OarRefused where it was not started since the directory of its ticket is not there.
        """
        done = super().wait(timeout)
        if done is None:
            return None
        out, code = self._between(done.stdout)
        err, code_again = self._between(done.stderr)
        host, user = self._frontend[:2]
        if not code or code != code_again:
            raise self._failed(f"the connection to {host} failed: {self._reason(done)}", done)
        if code == "nowhere":
            raise OarRefused(
                f"the session directory is not on {host}, or {user} cannot enter it: it must be on "
                "a file system of both machines, there under the path of remote_sessiondir"
            )
        if not code.isdecimal() or code in ("126", "127"):
            raise self._failed(f"cannot be run on {host}: {err.strip() or code}", done)
        return Completed(self.argv, int(code), out, err)

    def _between(self, text: str) -> tuple[str, str]:
        """What the command printed, without what the login shell did; the code is "" if cut."""
        printed = text.partition(f"{self._token}\n")[2]
        body, _, rest = printed.partition(self._token)
        code, whole, _ = rest.partition("\n")
        return body, code if whole else ""

    def _failed(self, why: str, done: Completed) -> CommandFailed:
        return CommandFailed(why, self.argv, None, done.stdout, done.stderr)

    def _reason(self, done: Completed) -> str:
        """What was said last, or how ssh ended; ssh may speak on where our own mark stands."""
        lines = [line.strip() for line in done.stderr.replace(self._token, "\n").splitlines()]
        said = [line for line in lines if line and not line.isdecimal()]
        return said[-1] if said else f"ssh ended with {done.code}"


class SshRunner(LocalRunner):
    """Runs OAR's commands on `frontend`; `bin_path` is the directory of the commands there."""

    def __init__(self, frontend: Frontend, bin_path: str, timeout: float) -> None:
        super().__init__(bin_path, timeout)
        self._frontend = frontend
        self._socket = ""

    def start(
        self, argv: Sequence[str], keep: Sequence[int] = (), ticket: str = ""
    ) -> RemoteCommand:
        """Starts `argv` there; raises CommandFailed. ssh closes at once what it would `keep`.

        With a `ticket`, the path there of a file that nobody has made yet, the command runs only
        if it can make this file. The network may hold a command back for longer than anybody has
        waited for it; who makes the file in its place is safe from it (see `lives`). What it prints
        goes there, too: an oarsub that writes to nobody deletes its own job (OAR 2.5 and 2.6
        `sources/core/qfunctions/oarsub`, `$SIG{PIPE}`).
        """
        command = f"{shlex.join([os.path.join(self._bin_path, argv[0]), *argv[1:]])} </dev/null"
        if not ticket:
            run = f"{command}\narc_oar_code=$?\n"
            return self._start(argv, run, os.path.basename(argv[0]))
        place, folder = shlex.quote(ticket), shlex.quote(os.path.dirname(ticket))
        run = (
            f"arc_oar_err=$({command} 2>&1 >{place})\narc_oar_code=$?\n"
            f'cat {place}; [ -z "$arc_oar_err" ] || printf "%s\\n" "$arc_oar_err" >&2\n'
        )
        run = (
            f"if (set -C; : >{place}) 2>/dev/null; then\n{run}"
            f"elif [ -d {folder} ]; then arc_oar_code=void; else arc_oar_code=nowhere; fi\n"
        )
        return self._start(argv, run, os.path.basename(ticket))

    def lives(self, pid: int, ticket: str) -> bool:
        """Whether the command of `ticket` is at work there; from now on it will not begin.

        The shell that runs it has the ticket's name in its command line. Raises CommandFailed
        where it cannot be told.
        """
        place = shlex.quote(ticket)
        name = shlex.quote(os.path.basename(ticket).replace(".", "[.]"))
        look = (
            f"(set -C; : >{place}) 2>/dev/null || [ -e {place} ]\narc_oar_code=$?\n"
            f"grep -qs {name} /proc/[0-9]*/cmdline && echo lives\n"
        )
        done = self.finish(self._start(["oarsub"], look, "look"), self.timeout)
        if done.code != 0:
            why = f"cannot tell whether an earlier one lives on {self._frontend.host}"
            raise CommandFailed(why, done.argv, done.code, done.stdout, done.stderr)
        return done.stdout == "lives\n"

    def _start(self, argv: Sequence[str], run: str, label: str) -> RemoteCommand:
        """Starts the lines `run` in a shell there that has `label` in its command line."""
        token = secrets.token_hex(16)
        line = [*self._client(), self._frontend.host, f"exec /bin/sh -s {shlex.quote(label)}"]
        source = os.memfd_create("arc_oar")
        try:
            with open(source, "wb", closefd=False) as file:
                file.write(os.fsencode(_remote_script(run, token)))
            os.lseek(source, 0, os.SEEK_SET)
            child = spawn(argv, line, source)
        finally:
            os.close(source)
        return RemoteCommand(argv, child, self._frontend, token)

    def _client(self) -> list[str]:
        """The words that call ssh, up to the host."""
        if not self._socket:
            folder = tempfile.mkdtemp(prefix="arc_oar-", dir=_SOCKETS)
            self._socket = os.path.join(folder, "s")
            weakref.finalize(self, _hang_up, folder, self._socket, self._frontend.host)
        frontend = self._frontend
        options = {
            "BatchMode": "yes",
            "StrictHostKeyChecking": "yes",
            "IdentitiesOnly": "yes",
            "ConnectTimeout": frontend.timeout,
            "ServerAliveInterval": frontend.timeout,
            "ServerAliveCountMax": 3,
            "ControlMaster": "auto",
            "ControlPath": self._socket,
            "ControlPersist": _LINGER,
            "ClearAllForwardings": "yes",
            "PermitLocalCommand": "no",
            "LogLevel": "ERROR",
        }
        words = [f"{name}={value}" for name, value in options.items()]
        plain = [SSH, "-T", "-x", "-a", "-i", frontend.key, "-l", frontend.user]
        return [*plain, *(word for option in words for word in ("-o", option))]


def _remote_script(run: str, token: str) -> str:
    """What the shell there does; in brackets, so that half of it is nothing, not half a command."""
    settings = "".join(f"{name}={shlex.quote(value)}\n" for name, value in ENVIRONMENT.items())
    return (
        f"{{\n{settings}export PWD {' '.join(ENVIRONMENT)}\n"
        f"echo {token}; echo {token} >&2\n"
        f"{run}"
        f"echo {token}$arc_oar_code; echo {token}$arc_oar_code >&2\nexit\n}}\n"
    )


def _hang_up(folder: str, socket: str, host: str) -> None:
    if os.path.exists(socket):
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            subprocess.run(
                [SSH, "-o", f"ControlPath={socket}", "-O", "exit", host],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=_END_PATIENCE,
                check=False,
            )
    shutil.rmtree(folder, ignore_errors=True)
