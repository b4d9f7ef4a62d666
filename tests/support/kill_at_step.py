#!/usr/bin/env python3
"""Runs a command step by step, and ends it before one of its steps, as SIGKILL or a reboot would.

A step is a system call that changes something outside the process: a write, a rename, a file made
or taken away, a flush, a lock, a process started, a word sent to a database, the end itself. They
are counted by ptrace(2), so none is missed whatever the command is written in. Instead of the end
a step can be refused, as by a disk that is full.

    kill_at_step.py --at 12 --tree --user griduser -- submit-OAR-job --config FILE GRAMI

prints one line of JSON: `steps` (how many there were), `at` (the call at which it was stopped, ""
where there were fewer steps), `code` (negative: the signal). Standard library only, since it runs
inside the testbed too; x86_64 only.
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
from dataclasses import dataclass, field

_TRACEME, _POKEUSER, _SYSCALL, _SETOPTIONS, _SYSCALL_INFO = 0, 6, 24, 0x4200, 0x420E
# PTRACE_O_TRACESYSGOOD, _TRACEEXEC; with children _TRACEFORK, _TRACEVFORK, _TRACECLONE as well.
_OPTIONS, _CHILDREN = 0x01 | 0x10, 0x02 | 0x04 | 0x08
_ENTRY, _EXIT = 1, 2
_ORIG_RAX, _RAX = 15 * 8, 10 * 8
_WALL = 0x40000000
# -1: the kernel makes no such call, and the result is ours to say.
_NO_CALL = 0xFFFFFFFFFFFFFFFF
_AT_OPEN, _OPEN = 257, 2
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC

_ON_DISK = {
    **{1: "write", 18: "pwrite64", 20: "writev", 82: "rename", 264: "renameat", 316: "renameat2"},
    **{83: "mkdir", 258: "mkdirat", 84: "rmdir", 87: "unlink", 263: "unlinkat"},
    **{86: "link", 265: "linkat", 88: "symlink", 266: "symlinkat", 133: "mknod", 259: "mknodat"},
    **{76: "truncate", 77: "ftruncate", 74: "fsync", 75: "fdatasync", 306: "syncfs"},
    **{_OPEN: "open", _AT_OPEN: "openat", 85: "creat", 285: "fallocate"},
}
_STEPS = {
    **_ON_DISK,
    **{90: "chmod", 91: "fchmod", 268: "fchmodat", 92: "chown", 93: "fchown", 260: "fchownat"},
    **{117: "setresuid", 119: "setresgid", 116: "setgroups", 73: "flock", 62: "kill"},
    **{56: "clone", 57: "fork", 58: "vfork", 435: "clone3", 59: "execve", 231: "exit_group"},
    **{44: "sendto", 46: "sendmsg"},
}


class _Info(ctypes.Structure):
    """struct ptrace_syscall_info at the entry of a call (linux/ptrace.h)."""

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


@dataclass
class Stepper:
    """One run. `at` is the step before which it ends (0: none), `tree` takes in all children;
    `full` refuses each step on the disk from `at` on with ENOSPC and ends nothing."""

    at: int
    tree: bool = False
    full: bool = False
    steps: int = 0
    stopped_at: str = ""
    _living: set[int] = field(default_factory=set)
    _refused: set[int] = field(default_factory=set)

    def run(self, argv: list[str], user: str) -> int:
        """The exit code of `argv`, negative for a signal."""
        main = os.fork()
        if main == 0:
            _become(argv, user)
        os.waitpid(main, 0)
        options = _OPTIONS | (_CHILDREN if self.tree else 0)
        _ptrace(_SETOPTIONS, main, 0, options)
        self._living.add(main)
        self._go_on(main, 0)
        code = 0
        while self._living:
            pid, status = os.waitpid(-1, _WALL)
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
            if self._at_call(pid):
                self._end()
                return
            number = 0
        elif status >> 16 or (not known and number == signal.SIGSTOP):
            number = 0
        self._go_on(pid, number)

    def _at_call(self, pid: int) -> bool:
        """Counts; whether this is the step at which all ends."""
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

    def _end(self) -> None:
        """SIGKILL for all that is traced; a call whose entry was just reported is not made."""
        for pid in self._living:
            os.kill(pid, signal.SIGKILL)

    def _go_on(self, pid: int, number: int) -> None:
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
    """Also a flush and a deletion: with NFS, quotas and copy on write these fail, too."""
    if info.number in (_OPEN, _AT_OPEN):
        return bool(info.arguments[1 + (info.number == _AT_OPEN)] & os.O_CREAT)
    return info.number in _ON_DISK


def _become(argv: list[str], user: str) -> None:
    """The child: as A-REX runs a script, and stopped before it.

    Source: docs/internals/arc.md#environment-of-the-scripts.
    """
    try:
        # First: a set-uid command keeps its rights only if it was root who let himself be traced.
        _ptrace(_TRACEME, 0)
        os.dup2(2, 1)
        os.umask(0o077)
        if user:
            who = pwd.getpwnam(user)
            os.initgroups(user, who.pw_gid)
            os.setgid(who.pw_gid)
            os.setuid(who.pw_uid)
        os.kill(os.getpid(), signal.SIGSTOP)
        os.execvp(argv[0], argv)
    finally:
        os._exit(127)


def main() -> int:
    parser = argparse.ArgumentParser(description="Ends a command before one of its steps.")
    parser.add_argument("--at", type=int, default=0, help="the step before which it ends")
    parser.add_argument("--tree", action="store_true", help="its children are part of it")
    parser.add_argument("--full", action="store_true", help="the disk is full from that step on")
    parser.add_argument("--user", default="", help="as whom it runs")
    parser.add_argument("argv", nargs="+")
    arguments = parser.parse_args()
    if platform.machine() != "x86_64":
        parser.error(f"no table of system calls for {platform.machine()}")
    stepper = Stepper(arguments.at, arguments.tree, arguments.full)
    code = stepper.run(arguments.argv, arguments.user)
    print(json.dumps({"steps": stepper.steps, "at": stepper.stopped_at, "code": code}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
