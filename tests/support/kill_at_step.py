#!/usr/bin/env python3
"""Run a command or a function up to one of its steps, and end it there as SIGKILL would.

A step is a system call that changes something outside the process: a write, a rename, a file made
or deleted, a flush, a lock, a change of user, a process started, a message sent, the exit itself.

This is the only mechanism for it. Unit tests pass a function, which a forked child executes;
live tests pass a command and may include its children, as in a power failure. ptrace(2) reports
every system call to both. A list of patched Python functions would miss what it does not name, and
could not stop `oarsub` at all. Instead of ending the process, a step can fail as on a full disk.

    kill_at_step.py --at 12 --tree --user griduser -- submit-OAR-job --config FILE GRAMI

prints one line of JSON: `steps` (the number of steps), `at` (the system call before which the
command was ended, "" if it has fewer steps), `code` (exit status, negative for a signal). Standard
library only, since it also runs inside the testbed. x86_64 only, Linux 5.3 or later.
"""

from __future__ import annotations

import argparse
import ctypes
import errno
import json
import os
import platform
import pwd
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field

_TRACEME, _POKEUSER, _SYSCALL, _SETOPTIONS, _SYSCALL_INFO = 0, 6, 24, 0x4200, 0x420E
# PTRACE_O_TRACESYSGOOD, _TRACEEXEC, _EXITKILL; with children _TRACEFORK, _TRACEVFORK, _TRACECLONE.
_OPTIONS, _CHILDREN = 0x01 | 0x10 | 0x100000, 0x02 | 0x04 | 0x08
_ENTRY, _EXIT = 1, 2
_ORIG_RAX, _RAX = 15 * 8, 10 * 8
_WALL = 0x40000000
# The number -1: the kernel skips the call, and the tracer sets the result.
_NO_CALL = 0xFFFFFFFFFFFFFFFF
_AT_OPEN, _OPEN = 257, 2
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC

_ON_DISK = {
    **{1: "write", 18: "pwrite64", 20: "writev", 82: "rename", 264: "renameat", 316: "renameat2"},
    **{83: "mkdir", 258: "mkdirat", 84: "rmdir", 87: "unlink", 263: "unlinkat"},
    **{86: "link", 265: "linkat", 88: "symlink", 266: "symlinkat", 133: "mknod", 259: "mknodat"},
    **{76: "truncate", 77: "ftruncate", 74: "fsync", 75: "fdatasync", 306: "syncfs"},
    **{_OPEN: "open", _AT_OPEN: "openat", 85: "creat", 285: "fallocate", 40: "sendfile"},
    **{296: "pwritev", 326: "copy_file_range"},
}
_STEPS = {
    **_ON_DISK,
    **{90: "chmod", 91: "fchmod", 268: "fchmodat", 92: "chown", 93: "fchown", 260: "fchownat"},
    **{94: "lchown", 280: "utimensat", 188: "setxattr", 190: "fsetxattr"},
    **{117: "setresuid", 119: "setresgid", 116: "setgroups", 73: "flock", 62: "kill"},
    **{56: "clone", 57: "fork", 58: "vfork", 435: "clone3", 59: "execve", 231: "exit_group"},
    **{44: "sendto", 46: "sendmsg"},
}


class _Info(ctypes.Structure):
    """struct ptrace_syscall_info at the entry of a system call (linux/ptrace.h)."""

    _fields_ = (
        ("op", ctypes.c_uint8),
        ("pad", ctypes.c_uint8 * 3),
        ("arch", ctypes.c_uint32),
        ("instruction", ctypes.c_uint64),
        ("stack", ctypes.c_uint64),
        ("number", ctypes.c_uint64),
        ("arguments", ctypes.c_uint64 * 6),
    )


_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
_libc.ptrace.restype = ctypes.c_long


def _ptrace(request: int, pid: int, address: int = 0, data: object = None) -> None:
    if _libc.ptrace(request, pid, address, data) < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"ptrace({request}): {os.strerror(number)}")


def killed_before(step: int, work: Callable[[], object]) -> bool:
    """Execute `work` in a forked child, and end the child before its step number `step`.

    The child's own children live on, as after SIGKILL. Skips the test on other machines than
    x86_64.

    Returns:
        Whether the child was ended. False means that `work` has fewer steps and is complete.

    Raises:
        RuntimeError: `work` itself failed; its traceback is on stderr.
    """
    if unavailable():
        import pytest  # The testbed's Python has no pytest, and needs none for a command.

        pytest.skip(unavailable())
    stepper = Stepper(step)
    code = stepper.run(lambda: _call(work))
    if code not in (0, -signal.SIGKILL):
        raise RuntimeError(f"the function failed before its step {step}")
    return bool(stepper.stopped_at)


def unavailable() -> str:
    """Return why nothing can be traced on this machine, or ""."""
    machine = platform.machine()
    return "" if machine == "x86_64" else f"no table of system calls for {machine}"


@dataclass
class Stepper:
    """One execution under ptrace.

    Args:
        at: The number of the step before which everything traced is ended. 0: none.
        tree: Also trace all children.
        full: End nothing; let each step on the disk from `at` on fail with ENOSPC.
    """

    at: int
    tree: bool = False
    full: bool = False
    steps: int = 0
    stopped_at: str = ""
    _living: set[int] = field(default_factory=set)
    _refused: set[int] = field(default_factory=set)

    def run(self, child: Callable[[], object]) -> int:
        """Execute `child` in a forked process; return its exit status, negative for a signal."""
        main = os.fork()
        if main == 0:
            try:
                # Before any change of user: a set-uid program started by a traced process keeps
                # its rights only if root allowed the tracing.
                _ptrace(_TRACEME, 0)
                os.kill(os.getpid(), signal.SIGSTOP)
                child()
            finally:
                os._exit(127)
        os.waitpid(main, 0)
        _ptrace(_SETOPTIONS, main, 0, _OPTIONS | (_CHILDREN if self.tree else 0))
        self._living.add(main)
        self._resume(main, 0)
        code = 0
        while self._living:
            # Any child only if all are this object's: a test has other children.
            pid, status = os.waitpid(-1 if self.tree else main, _WALL)
            if os.WIFSTOPPED(status):
                known = pid in self._living
                self._living.add(pid)
                self._stopped(pid, status, known)
                continue
            self._living.discard(pid)
            if pid == main:
                code = os.waitstatus_to_exitcode(status)
        return code

    def _stopped(self, pid: int, status: int, known: bool) -> None:
        number = os.WSTOPSIG(status)
        if number == signal.SIGTRAP | 0x80:
            if self._reached_at_call(pid):
                self._kill_all()
                return
            number = 0
        elif status >> 16 or (not known and number == signal.SIGSTOP):
            number = 0
        self._resume(pid, number)

    def _reached_at_call(self, pid: int) -> bool:
        """Count a system call; return whether it is the step at which everything ends."""
        info = _Info()
        _ptrace(_SYSCALL_INFO, pid, ctypes.sizeof(info), ctypes.byref(info))
        if info.op == _EXIT and pid in self._refused:
            self._refused.discard(pid)
            _ptrace(_POKEUSER, pid, _RAX, ctypes.c_void_p(-errno.ENOSPC & _NO_CALL))
        if info.op != _ENTRY or not _is_step(info):
            return False
        self.steps += 1
        if self.full:
            if self.at and self.steps >= self.at and _takes_space(info):
                self.stopped_at = self.stopped_at or _STEPS[info.number]
                self._refused.add(pid)
                _ptrace(_POKEUSER, pid, _ORIG_RAX, ctypes.c_void_p(_NO_CALL))
            return False
        if self.steps != self.at:
            return False
        self.stopped_at = _STEPS[info.number]
        return True

    def _kill_all(self) -> None:
        """Send SIGKILL to all that is traced; the kernel does not execute the reported call."""
        for pid in self._living:
            os.kill(pid, signal.SIGKILL)

    def _resume(self, pid: int, number: int) -> None:
        try:
            _ptrace(_SYSCALL, pid, 0, ctypes.c_void_p(number))
        except OSError as error:
            if error.errno != errno.ESRCH:
                raise


def _is_step(info: _Info) -> bool:
    if info.number == _AT_OPEN:
        return bool(info.arguments[2] & _WRITING)
    if info.number == _OPEN:
        return bool(info.arguments[1] & _WRITING)
    return info.number in _STEPS


def _takes_space(info: _Info) -> bool:
    """Whether the call can fail with ENOSPC or EDQUOT.

    A flush and a deletion can, too: on NFS, with quotas and on copy-on-write file systems.
    """
    if info.number in (_OPEN, _AT_OPEN):
        return bool(info.arguments[1 + (info.number == _AT_OPEN)] & os.O_CREAT)
    return info.number in _ON_DISK


def _call(work: Callable[[], object]) -> None:
    """In the child: execute a function and exit with status 0, or 1 if it raised."""
    try:
        work()
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _execute(argv: list[str], user: str) -> None:
    """In the child: become the command, with umask 077 and one output as A-REX starts a script.

    Source: docs/internals/arc.md#environment-of-the-scripts.
    """
    os.dup2(2, 1)
    os.umask(0o077)
    if user:
        account = pwd.getpwnam(user)
        os.initgroups(user, account.pw_gid)
        os.setgid(account.pw_gid)
        os.setuid(account.pw_uid)
    os.execvp(argv[0], argv)


def main() -> int:
    parser = argparse.ArgumentParser(description="End a command before one of its steps.")
    parser.add_argument("--at", type=int, default=0, help="number of that step (0: do not end it)")
    parser.add_argument("--tree", action="store_true", help="count and end its children, too")
    parser.add_argument("--full", action="store_true", help="full disk from that step on")
    parser.add_argument("--user", default="", help="user that executes the command")
    parser.add_argument("argv", nargs="+")
    arguments = parser.parse_args()
    if unavailable():
        parser.error(unavailable())
    stepper = Stepper(arguments.at, arguments.tree, arguments.full)
    code = stepper.run(lambda: _execute(arguments.argv, arguments.user))
    print(json.dumps({"steps": stepper.steps, "at": stepper.stopped_at, "code": code}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
