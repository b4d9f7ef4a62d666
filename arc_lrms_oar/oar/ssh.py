"""Runs OAR's commands on another machine, with the system's OpenSSH client.

All commands of one transport share a connection. Its socket is in a private directory that is
removed with the transport. The script for the remote shell goes through standard input, since one
argument of Linux holds 128 KiB and a list of job IDs can be longer. The remote shell prints the
exit status last: output without it counts as a failed connection, that is as "OAR unavailable".
"""

from __future__ import annotations

import os
import secrets
import shlex
import shutil
import tempfile
import weakref
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from arc_lrms_oar import process
from arc_lrms_oar.errors import OarRefused
from arc_lrms_oar.oar.transport import (
    Command,
    CommandFailed,
    Completed,
    Transport,
    finish,
    spawn,
)

SSH = "ssh"

# Seconds after which an unused connection ends when its process was killed.
_CONTROL_PERSIST = 60
_CLOSE_TIMEOUT = 5.0
# A socket's path holds 107 bytes, so $TMPDIR may be too long; mkdtemp makes it private (0700).
_SOCKET_PARENT = "/tmp"
_NO_TICKET = "void"
_NO_DIRECTORY = "nowhere"


class Frontend(NamedTuple):
    """The machine with OAR's commands: `timeout` (seconds) is for making a connection."""

    host: str
    user: str
    key: str
    timeout: int


class RemoteCommand(Command):
    """A command on another machine; `pid` is the ssh client on this one."""

    def __init__(
        self, argv: Sequence[str], started: process.Process, frontend: Frontend, token: str
    ) -> None:
        super().__init__(argv, started)
        self._frontend = frontend
        self._token = token

    def wait(self, timeout: float) -> Completed | None:
        """Return the command with its exit status on that machine, or None after `timeout` s.

        Raises CommandFailed where the connection broke before the end or the command does not
        exist, OarRefused where it was not run because the directory of its ticket does not exist.
        """
        done = super().wait(timeout)
        if done is None:
            return None
        out, code = self._between_tokens(done.stdout)
        err, code_again = self._between_tokens(done.stderr)
        host, user = self._frontend[:2]
        if not code or code != code_again:
            raise self._failed(f"the connection to {host} failed: {self._reason(done)}", done)
        if code == _NO_DIRECTORY:
            raise OarRefused(
                f"the session directory is not on {host}, or {user} cannot enter it: it must be on "
                "a file system of both machines, there under the path of remote_sessiondir"
            )
        if not code.isdecimal() or code in ("126", "127"):
            raise self._failed(f"cannot be run on {host}: {err.strip() or code}", done)
        return Completed(self.argv, int(code), out, err)

    def _between_tokens(self, text: str) -> tuple[str, str]:
        """The command's own output and its exit status, "" where the output is cut off.

        What the login shell prints comes before the first token.
        """
        printed = text.partition(f"{self._token}\n")[2]
        body, _, rest = printed.partition(self._token)
        code, complete, _ = rest.partition("\n")
        return body, code if complete else ""

    def _failed(self, why: str, done: Completed) -> CommandFailed:
        return CommandFailed(why, self.argv, None, done.stdout, done.stderr)

    def _reason(self, done: Completed) -> str:
        """The last line of stderr without tokens, or ssh's exit status."""
        lines = [line.strip() for line in done.stderr.replace(self._token, "\n").splitlines()]
        words = [line for line in lines if line and not line.isdecimal()]
        return words[-1] if words else f"ssh ended with {done.code}"


class SshTransport(Transport):
    """Runs OAR's commands on `frontend`; `bin_path` is the directory of the commands there."""

    def __init__(self, frontend: Frontend, bin_path: str, timeout: float) -> None:
        self.timeout = timeout
        self._bin_path = bin_path
        self._frontend = frontend
        self._socket = ""

    def start(
        self, argv: Sequence[str], keep: Sequence[int] = (), ticket: str = ""
    ) -> RemoteCommand:
        """Start a command there; raises CommandFailed. ssh closes the files of `keep` at once.

        With a `ticket`, the remote path of a file that does not exist, the command runs only if it
        can create this file. The network can delay a command for longer than this process waits;
        `is_running` then creates the file first, so that the late command does not run. The output
        goes into the file, too: an oarsub with a closed output pipe deletes its own job (OAR 2.5
        and 2.6 `sources/core/qfunctions/oarsub`, `$SIG{PIPE}`).
        """
        command = f"{shlex.join([os.path.join(self._bin_path, argv[0]), *argv[1:]])} </dev/null"
        if not ticket:
            script = f"{command}\narc_oar_code=$?\n"
            return self._start(argv, script, os.path.basename(argv[0]))
        path, folder = shlex.quote(ticket), shlex.quote(os.path.dirname(ticket))
        script = (
            f"arc_oar_err=$({command} 2>&1 >{path})\narc_oar_code=$?\n"
            f'cat {path}; [ -z "$arc_oar_err" ] || printf "%s\\n" "$arc_oar_err" >&2\n'
        )
        script = (
            f"if (set -C; : >{path}) 2>/dev/null; then\n{script}"
            f"elif [ -d {folder} ]; then arc_oar_code={_NO_TICKET}; "
            f"else arc_oar_code={_NO_DIRECTORY}; fi\n"
        )
        return self._start(argv, script, os.path.basename(ticket))

    def is_running(self, pid: int, ticket: str) -> bool:
        """Whether the command with `ticket` runs there; afterwards it can no longer start.

        The shell that runs it has the ticket's name in its command line. Raises CommandFailed
        where this cannot be found out.
        """
        path = shlex.quote(ticket)
        name = shlex.quote(os.path.basename(ticket).replace(".", "[.]"))
        script = (
            f"(set -C; : >{path}) 2>/dev/null || [ -e {path} ]\narc_oar_code=$?\n"
            f"grep -qs {name} /proc/[0-9]*/cmdline && echo running\n"
        )
        done = finish(self._start(["oarsub"], script, "check"), self.timeout)
        if done.code != 0:
            why = f"cannot check whether an earlier one runs on {self._frontend.host}"
            raise CommandFailed(why, done.argv, done.code, done.stdout, done.stderr)
        return done.stdout == "running\n"

    def _start(self, argv: Sequence[str], script: str, label: str) -> RemoteCommand:
        """Start `script` in a remote shell that has `label` in its command line."""
        token = secrets.token_hex(16)
        line = [*self._client(), self._frontend.host, f"exec /bin/sh -s {shlex.quote(label)}"]
        source = os.memfd_create("arc_oar")
        try:
            with open(source, "wb", closefd=False) as file:
                file.write(os.fsencode(_remote_script(script, token)))
            os.lseek(source, 0, os.SEEK_SET)
            started = spawn(argv, line, source)
        finally:
            os.close(source)
        return RemoteCommand(argv, started, self._frontend, token)

    def _client(self) -> list[str]:
        """The ssh command line up to the host."""
        if not self._socket:
            folder = tempfile.mkdtemp(prefix="arc_oar-", dir=_SOCKET_PARENT)
            self._socket = os.path.join(folder, "s")
            weakref.finalize(self, _close_connection, folder, self._socket, self._frontend.host)
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
            "ControlPersist": _CONTROL_PERSIST,
            "ClearAllForwardings": "yes",
            "PermitLocalCommand": "no",
            "LogLevel": "ERROR",
        }
        words = [f"{name}={value}" for name, value in options.items()]
        plain = [SSH, "-T", "-x", "-a", "-i", frontend.key, "-l", frontend.user]
        return [*plain, *(word for option in words for word in ("-o", option))]


def _remote_script(script: str, token: str) -> str:
    """The whole remote script, in braces: a shell that receives a part of it runs nothing."""
    variables = process.ENVIRONMENT.items()
    settings = "".join(f"{name}={shlex.quote(value)}\n" for name, value in variables)
    return (
        f"{{\n{settings}export PWD {' '.join(process.ENVIRONMENT)}\n"
        f"echo {token}; echo {token} >&2\n"
        f"{script}"
        f"echo {token}$arc_oar_code; echo {token}$arc_oar_code >&2\nexit\n}}\n"
    )


def _close_connection(folder: str, socket: str, host: str) -> None:
    if os.path.exists(socket):
        line = [SSH, "-o", f"ControlPath={socket}", "-O", "exit", host]
        with suppress(OSError):
            process.run(line, _CLOSE_TIMEOUT, process.clean_environment())
    shutil.rmtree(folder, ignore_errors=True)
